import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { pino } from 'pino'
import { WebSocket, WebSocketServer } from 'ws'
import { Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import type { Parting } from '../../base/parting.ts'
import { type AgentMessage, MAX_MESSAGE_BYTES } from '../../wire/control.ts'
import { type ChannelOptions, WEB_SOCKET } from './control-channel.ts'
import { type AgentChannel, agentChannel, type ControlEnd, controlEnd, sayGoodbye } from './control-ends.ts'
import { faultToMessage } from './fault-message.ts'

interface Pair extends AsyncDisposable {
  /** The agent's WebSocket, bare: it can misbehave. */
  readonly bare: WebSocket
  readonly far: ControlEnd
}

async function openPair(o: ChannelOptions & { autoPong?: boolean } = {}): Promise<Pair> {
  const server = new WebSocketServer({ ...WEB_SOCKET, host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const bare = new WebSocket(`ws://127.0.0.1:${port}`, { ...WEB_SOCKET, autoPong: o.autoPong ?? true })
  bare.on('error', () => {})
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(bare, 'open')])) as [
    [WebSocket],
    unknown,
  ]
  const far = controlEnd(accepted, o)
  return {
    bare,
    far,
    async [Symbol.asyncDispose]() {
      bare.terminate()
      await far.closed
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const canary = (): Extract<AgentMessage, { type: 'canary' }> => ({ type: 'canary', id: newId('req') })

test('messages go both ways; a request is answered by id; denied and failed reject with their fault', async () => {
  await using pair = await openPair()
  const near: AgentChannel = agentChannel(pair.bare)
  const fault = new Fault('POLICY_DENIED', 'rule 7', { seen: { rule: '7' } })
  pair.far.onMessage = (message) => {
    assert.equal(message.type, 'canary')
    const { id } = message as ReturnType<typeof canary>
    if (id.endsWith('denied'))
      pair.far.send({ type: 'denied', id, denial: 'd', fault: faultToMessage(fault) })
    else pair.far.send({ type: 'failed', id, fault: faultToMessage(fault) })
    pair.far.send({ type: 'revoke', grants: ['g'], detail: 'unasked' })
  }
  const unasked: string[] = []
  near.onMessage = ({ type }) => unasked.push(type)
  for (const id of ['1denied', '2failed']) {
    const thrown = await near.request({ type: 'canary', id }, 5000).catch((reason) => reason)
    assert.ok(thrown instanceof Fault)
    assert.deepEqual([thrown.code, thrown.hop, thrown.seen], ['POLICY_DENIED', 'control', { rule: '7' }])
  }
  near.close()
  assert.equal(await near.closed, undefined)
  assert.equal(await pair.far.closed, undefined)
  assert.deepEqual(unasked, ['revoke', 'revoke'])
  assert.equal(near.send(canary()), false)
})

test('what came before anybody listened is delivered, in order', async () => {
  await using pair = await openPair()
  const near = agentChannel(pair.bare)
  const sent = [1, 2, 3].map(() => canary())
  for (const message of sent) near.send(message)
  const { promise, resolve } = Promise.withResolvers<void>()
  const got: AgentMessage[] = []
  near.send({ type: 'status', state: 'healthy', sessions: 0, tunnels: 0, cpuPercent: 0, rssBytes: 1 })
  // A ping that was answered shows that what was sent before it has arrived.
  pair.bare.ping()
  await once(pair.bare, 'pong')
  pair.far.onMessage = (message) => {
    got.push(message)
    if (message.type === 'status') resolve()
  }
  await promise
  assert.deepEqual(got.slice(0, 3), sent)
})

test('a request without an answer is CONTROL_UNREACHABLE, by time or by the end of the connection', async () => {
  await using pair = await openPair()
  const near = agentChannel(pair.bare)
  await assert.rejects(near.request(canary(), 50), { code: 'CONTROL_UNREACHABLE' })
  const pending = near.request(canary(), 60_000)
  pair.far.close()
  await assert.rejects(pending, { code: 'CONTROL_UNREACHABLE' })
  await assert.rejects(near.request(canary(), 60_000), { code: 'CONTROL_UNREACHABLE' })
})

test('a goodbye says at the other end why', async () => {
  await using pair = await openPair()
  const near = agentChannel(pair.bare)
  sayGoodbye(pair.far, new Fault('IDENTITY_CLONED', 'seen at 192.0.2.1 and 192.0.2.2'))
  const why = await near.closed
  assert.equal(why?.code, 'IDENTITY_CLONED')
  assert.equal((await pair.far.closed)?.code, 'IDENTITY_CLONED')
})

const BAD: { name: string; send: (bare: WebSocket) => void; at?: string }[] = [
  { name: 'not JSON', send: (bare) => bare.send('{"type":') },
  { name: 'binary', send: (bare) => bare.send(Buffer.from('{}'), { binary: true }) },
  { name: 'an unknown type', send: (bare) => bare.send('{"type":"shutdown"}') },
  { name: 'a message of the other direction', send: (bare) => bare.send('{"type":"keys","keys":""}') },
  { name: 'a hello that is not whole', send: (bare) => bare.send('{"type":"hello"}') },
  { name: 'nothing', send: (bare) => bare.send('null') },
  { name: 'over the size limit', send: (bare) => bare.send('x'.repeat(MAX_MESSAGE_BYTES + 1)) },
]
for (const { name, send } of BAD) {
  test(`a message that is ${name} ends the connection with PROTOCOL_ERROR`, async () => {
    await using pair = await openPair()
    pair.far.onMessage = () => assert.fail('it was delivered')
    send(pair.bare)
    assert.equal((await pair.far.closed)?.code, 'PROTOCOL_ERROR')
  })
}

const carried = (n: number) => ({
  ...{ grant: `grt_${n}`, user: 'usr_1', device: 'dev_1', segment: 'seg_1', rule: 'rul_1' },
  ...{ protocol: 'tcp' as const, host: 'wiki', port: 22 },
})
const UNREADABLE: { name: string; text: string; answered?: true }[] = [
  { name: 'an unknown field', text: '{"type":"canary","id":"a","admin":true}', answered: true },
  { name: 'a missing field', text: '{"type":"canary"}' },
  { name: 'a prototype', text: '{"type":"canary","id":"a","__proto__":{"x":1}}', answered: true },
  { name: 'a list that is none', text: '{"type":"carries","ended":{}}' },
]
for (const { name, text, answered } of UNREADABLE) {
  test(`a message with ${name} is passed over and named, answered if it asks, and ends nothing`, async () => {
    const lines: string[] = []
    const log = pino({}, { write: (line) => lines.push(line) })
    await using pair = await openPair({ log })
    const { promise, resolve } = Promise.withResolvers<AgentMessage>()
    pair.far.onMessage = resolve
    const answers: string[] = []
    pair.bare.on('message', (data) => answers.push(String(data)))
    pair.bare.send(text)
    pair.bare.send(JSON.stringify(canary()))
    assert.equal((await promise).type, 'canary')
    assert.match(lines.join(''), /control.unreadable/)
    pair.bare.ping()
    await once(pair.bare, 'pong')
    assert.equal(answers.length, answered ? 1 : 0)
    if (answered) assert.match(answers[0]!, /"failed","id":"a".*PROTOCOL_ERROR/)
  })
}

test('an item that cannot be read is left out of its list and named; the others are taken', async () => {
  const lines: string[] = []
  await using pair = await openPair({ log: pino({}, { write: (line) => lines.push(line) }) })
  const { promise, resolve } = Promise.withResolvers<AgentMessage>()
  pair.far.onMessage = resolve
  const ended = [carried(1), { ...carried(2), host: 'x'.repeat(254) }, carried(3), 7]
  pair.bare.send(JSON.stringify({ type: 'carries', ended }))
  assert.deepEqual(await promise, { type: 'carries', ended: [carried(1), carried(3)] })
  assert.match(lines.join(''), /ended.1.host/)
})

test('a note with a code that this version does not know costs that note, and not the status', async () => {
  await using pair = await openPair()
  const { promise, resolve } = Promise.withResolvers<AgentMessage>()
  pair.far.onMessage = resolve
  const known = { code: 'WORKER_ENDED', hop: 'edge', detail: 'edge worker 1 exited: SIGKILL' } as const
  const status = { type: 'edge-status', state: 'serving', pipes: 1, connections: 2, relayed: 0 } as const
  pair.bare.send(JSON.stringify({ ...status, notes: [{ ...known, code: 'OF_TOMORROW' }, known] }))
  assert.deepEqual(await promise, { ...status, notes: [known] })
})

test('a message that no peer would take is not sent, and its request fails at once', async () => {
  await using pair = await openPair()
  const near = agentChannel(pair.bare)
  const id = newId('req')
  const long = { type: 'renew', id, csr: 'x'.repeat(MAX_MESSAGE_BYTES) } as const
  assert.equal(near.send(long), false)
  await assert.rejects(near.request(long, 60_000), { code: 'CONTROL_UNREACHABLE' })
  assert.equal(near.isOpen, true)
})

test('what can wait goes no faster than it is read, and a request overtakes it', async () => {
  await using pair = await openPair()
  const near = agentChannel(pair.bare)
  const REPORTS = 2000 // of 15 kB: more than the kernels of both ends take
  const ended = Array.from({ length: 100 }, (_, n) => carried(n))
  const next = (n: number) => ({ type: 'carries' as const, ended: [carried(n), ...ended] })
  let offered = 0
  const got: string[] = []
  const { promise, resolve } = Promise.withResolvers<number>()
  pair.far.onMessage = (message) => {
    if (message.type === 'canary') resolve(got.length)
    else if (message.type === 'carries') got.push(message.ended[0]!.grant)
  }
  pair.far.pause()
  near.offer(() => (offered < REPORTS ? next(offered++) : undefined))
  assert.ok(offered < REPORTS / 2, 'the sender stopped by itself')
  near.send(canary())
  pair.far.resume()
  assert.ok((await promise) < REPORTS / 2)
  while (got.length < REPORTS) {
    pair.bare.ping()
    await once(pair.bare, 'pong')
  }
  assert.deepEqual(
    got,
    Array.from({ length: REPORTS }, (_, n) => `grt_${n}`),
  )
  assert.equal(near.isOpen, true)
})

test('what is told before the welcome is ready comes behind it', async () => {
  await using pair = await openPair()
  const near = agentChannel(pair.bare)
  const got: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  near.onMessage = (message) => {
    got.push(message.type === 'revoke' ? message.detail : message.type)
    if (got.length === 4) resolve()
  }
  const revoke = (detail: string) => ({ type: 'revoke' as const, grants: ['g'], detail })
  pair.far.hold()
  pair.far.send(revoke('at once'))
  pair.far.sendAll([revoke('can wait')])
  pair.far.release({ type: 'keys', keys: '' })
  pair.far.send(revoke('later'))
  await promise
  assert.deepEqual(got, ['keys', 'at once', 'can wait', 'later'])
  pair.far.hold()
  sayGoodbye(pair.far, new Fault('IDENTITY_REVOKED', 'disabled'))
  assert.equal((await near.closed)?.code, 'IDENTITY_REVOKED')
})

test('an end in good order tells the other end why; one without a word, or with an unknown one, tells nothing', async () => {
  const cases: [Parting | undefined, Parting | undefined][] = [
    [
      { why: 'clock', detail: '864000 s' },
      { why: 'clock', detail: '864000 s' },
    ],
    [
      { why: 'signal', detail: `SIGTERM, kept by ${'ü'.repeat(200)}` },
      { why: 'signal', detail: `SIGTERM, kept by ${'?'.repeat(99)}` },
    ],
    [{ why: 'done' }, { why: 'done' }],
    [{ why: 'whim' } as unknown as Parting, undefined],
    [undefined, undefined],
  ]
  for (const [said, heard] of cases) {
    await using pair = await openPair()
    const near = agentChannel(pair.bare)
    near.close(undefined, said)
    assert.equal(await pair.far.closed, undefined)
    assert.deepEqual(pair.far.parting, heard)
    assert.equal(near.parting, undefined)
  }
})

test('a handler that throws ends its own connection and nothing else', async () => {
  await using pair = await openPair()
  pair.far.onMessage = () => {
    throw new TypeError('a defect')
  }
  agentChannel(pair.bare).send(canary())
  assert.equal((await pair.far.closed)?.code, 'INTERNAL')
})

test('pings of an agent measure the round trip', async () => {
  await using pair = await openPair()
  const near = agentChannel(pair.bare, { pingMs: 10 })
  while (near.rttUs === 0) await once(pair.bare, 'pong')
  assert.ok(near.rttUs > 0)
})

test('connections that began together do not ping together', async () => {
  const pairs = await Promise.all(Array.from({ length: 20 }, () => openPair({ pingMs: 600_000 })))
  await using owned = new AsyncDisposableStack()
  for (const pair of pairs) owned.use(pair)
  for (const { bare } of pairs) agentChannel(bare, { pingMs: 1000 })
  const sent = new Set<number>()
  let turn = 0
  let isOver = false
  const next = () => {
    turn++
    if (!isOver) setImmediate(next)
  }
  next()
  for (const { bare } of pairs) {
    const ping = bare.ping.bind(bare)
    bare.ping = (...o: []) => {
      sent.add(turn)
      ping(...o)
    }
  }
  await Promise.all(pairs.map(({ bare }) => once(bare, 'pong')))
  isOver = true
  assert.ok(sent.size > 5, `all pings were sent in ${sent.size} turns of the event loop`)
})

test('an agent that pings is not pinged by the control plane, and one that falls silent is', async () => {
  await using pair = await openPair({ pingMs: 500, replyMs: 5000 })
  let pinged = 0
  pair.bare.on('ping', () => pinged++)
  const ping = async () => {
    pair.bare.ping()
    await once(pair.bare, 'pong')
  }
  const untilMs = performance.now() + 1000
  while (performance.now() < untilMs) {
    await ping()
    await once(pair.bare, 'pong', { signal: AbortSignal.timeout(20) }).catch(() => {}) // a pause
  }
  assert.equal(pinged, 0)
  await once(pair.bare, 'ping')
})

test('an agent that pinged and answers nothing any more is given up as soon as one that never did', async () => {
  await using pair = await openPair({ autoPong: false, pingMs: 300, replyMs: 200 })
  pair.bare.ping()
  await once(pair.bare, 'pong')
  const lastMs = performance.now()
  const why = await pair.far.closed
  assert.equal(why?.seen.lost, 'silent')
  const tookMs = performance.now() - lastMs
  assert.ok(tookMs > 450 && tookMs < 2000, `given up after ${tookMs} ms`)
})

test('a peer that does not reply to pings is given up in time', async () => {
  await using pair = await openPair({ autoPong: false, pingMs: 20, replyMs: 50 })
  const started = performance.now()
  const why = await pair.far.closed
  assert.equal(why?.code, 'CONTROL_UNREACHABLE')
  assert.ok(performance.now() - started < 2000)
})

test('a peer that stops reading costs a bounded amount of memory, then its connection', async () => {
  await using pair = await openPair()
  pair.bare.pause()
  const big = {
    type: 'revoke',
    grants: Array.from({ length: 4000 }, () => newId('grt')),
    detail: 'x',
  } as const
  let sent = 0
  while (pair.far.send(big) && sent < 1000) sent++
  assert.ok(sent < 1000)
  const why = await pair.far.closed
  assert.equal(why?.code, 'CONTROL_UNREACHABLE')
  assert.ok(Number(why?.seen.unsentBytes) < 4 * 1024 * 1024)
})
