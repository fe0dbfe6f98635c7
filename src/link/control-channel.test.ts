import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { type AgentMessage, MAX_MESSAGE_BYTES } from '../wire/control.ts'
import {
  type AgentChannel,
  agentChannel,
  type ChannelOptions,
  type ControlEnd,
  controlEnd,
  sayGoodbye,
  WEB_SOCKET,
} from './control-channel.ts'
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
  {
    name: 'an unknown field',
    send: (bare) => bare.send(JSON.stringify({ ...canary(), admin: true })),
  },
  { name: 'a missing field', send: (bare) => bare.send('{"type":"canary"}') },
  { name: 'a message of the other direction', send: (bare) => bare.send('{"type":"grant-keys","keys":[]}') },
  { name: 'a prototype', send: (bare) => bare.send('{"type":"canary","id":"a","__proto__":{"x":1}}') },
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

test('a handler that throws ends its own connection and nothing else', async () => {
  await using pair = await openPair()
  pair.far.onMessage = () => {
    throw new TypeError('a defect')
  }
  agentChannel(pair.bare).send(canary())
  assert.equal((await pair.far.closed)?.code, 'INTERNAL')
})

test('pings measure the round trip at both ends', async () => {
  await using pair = await openPair({ pingMs: 10 })
  const near = agentChannel(pair.bare, { pingMs: 10 })
  while (near.rttUs === 0 || pair.far.rttUs === 0) await once(pair.bare, 'pong')
  assert.ok(near.rttUs > 0 && pair.far.rttUs > 0)
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
