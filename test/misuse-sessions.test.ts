/** A client that hides where it was, a stolen connector, and strangers: what they can do to the records of sessions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idTimeMs, newId } from '../src/base/ids.ts'
import { sessionId } from '../src/base/session-id.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { bringHalf } from '../src/link/pipe/handover.ts'
import { tunnelAsClient } from '../src/link/pipe/secure-tunnel.ts'
import { Mux } from '../src/mux/mux.ts'
import type { MuxStream } from '../src/mux/stream.ts'
import type { StreamEnd } from '../src/mux/stream-end.ts'
import type { ControlMessage, PipeTicket, SessionReport } from '../src/wire/control.ts'
import { grantReference } from '../src/wire/open.ts'
import { openClientSite, PASSWORD, USER, until } from './client-site.ts'
import { serveEcho } from './client-traffic.ts'
import { enrolConnector, newSession, placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

const signal = AbortSignal.timeout(120_000)
type Granted = Extract<ControlMessage, { type: 'granted' }>

async function open(t: { after(work: () => unknown): void }) {
  const owned = new AsyncDisposableStack() // ended backwards: a connector waits for tunnels that are in use
  t.after(() => owned.disposeAsync())
  const opened = owned.use(await openClientSite())
  const { site } = opened
  const place = placeOf(site)
  const { sessions } = site.control.store
  const connect = async (who: Credentials) => owned.use(await RogueAgent.connect(place, who))
  const device = async () => {
    const who = await signInDevice(place, { user: USER, password: PASSWORD })
    return { who, agent: await connect(who) }
  }
  const rogueConnector = async () => {
    const who = await enrolConnector(place, await site.key())
    return { who, agent: await connect(who) }
  }
  const tunnel = async (who: Credentials, pipe: PipeTicket) => {
    const { socket: raw } = await bringHalf(pipe, { egress: DIRECT, credentials: who, signal })
    const { socket } = await tunnelAsClient(raw, { credentials: who, peer: pipe.peer, signal })
    return owned.use(new Mux(socket, { role: 'client' }))
  }
  return { ...opened, owned, site, place, sessions, device, rogueConnector, tunnel }
}

async function authorize(agent: RogueAgent, port: number, wantPipe = false): Promise<Granted> {
  const ask = { host: 'localhost', port, protocol: 'tcp', wantPipe } as const
  const answer = await agent.channel.request({ type: 'authorize', id: newId('req'), ...ask }, 5000)
  assert.ok(answer.type === 'granted')
  return answer
}

/** @returns how many were refused. */
async function tell(agent: RogueAgent, ...reports: SessionReport[]): Promise<number> {
  const id = newId('req')
  const answer = await agent.channel.request({ type: 'session', id, reports, shed: 0 }, 10_000)
  assert.ok(answer.type === 'session-kept')
  return answer.refused
}

const report = (granted: Granted, over: Partial<SessionReport> = {}): SessionReport => ({
  ...{ session: granted.session, grant: granted.grantId, side: 'client', state: 'open', protocol: 'tcp' },
  ...{ port: 22, startedMs: Date.now(), times: {}, bytesUp: 0, bytesDown: 0 },
  ...over,
})
const CLOSED = () => ({ state: 'closed', endedMs: Date.now() + 1, closeReason: 'done' }) as const

interface Opening {
  readonly stream: MuxStream
  readonly result: Promise<'opened' | StreamEnd['reason']>
}

function openStream(mux: Mux, granted: Granted, port: number, session: string): Opening {
  const { promise, resolve } = Promise.withResolvers<'opened' | StreamEnd['reason']>()
  const to = {
    session,
    grant: grantReference(granted.grant),
    protocol: 'tcp',
    host: 'localhost',
    port,
  } as const
  const stream = mux.open(to, { opened: () => resolve('opened'), closed: ({ reason }) => resolve(reason) })
  return { stream, result: promise }
}

test('a client cannot have one record hide behind another: an id is of one stream, and each stream is on record', async (t) => {
  const { owned, connector, device, tunnel, sessions } = await open(t)
  const [payroll, harmless] = [owned.use(await serveEcho()), owned.use(await serveEcho())]
  await connector('connector')
  const { who, agent } = await device()
  const granted = await authorize(agent, payroll.port, true)
  const { connector: to } = granted
  const wanted = { type: 'want-pipe', id: newId('req'), connector: to, session: granted.session } as const
  const second = await agent.channel.request(wanted, 5000)
  assert.ok(second.type === 'pipe')
  const muxes = [await tunnel(who, granted.pipe!), await tunnel(who, second.pipe)]
  for (const mux of muxes) mux.sendGrant(granted.grant)
  const { session } = granted
  const other = await authorize(agent, harmless.port)
  muxes[0]!.sendGrant(other.grant)
  const first = openStream(muxes[0]!, granted, payroll.port, session)
  assert.equal(await first.result, 'opened')
  const streams = [first.stream]
  for (const [mux, of, id, port] of [
    [muxes[0]!, granted, session, payroll.port],
    [muxes[1]!, granted, session, payroll.port],
    [muxes[0]!, other, session, harmless.port],
    [muxes[1]!, granted, newId('ses'), payroll.port],
  ] as const) {
    const one = openStream(mux, of, port, id)
    assert.equal(await one.result, 'opened')
    streams.push(one.stream)
  }
  for (const stream of streams) stream.reset('CLIENT_RESET', '')
  const list = async () => (await sessions.list({ limit: 10 })).items
  await until(async () => (await list()).filter(({ state }) => state === 'closed').length === streams.length)
  // Nor by what the client itself says.
  await tell(agent, report(granted, { port: harmless.port, ...CLOSED() }))
  const all = await list()
  assert.equal(all.length, streams.length, 'each stream is on record')
  assert.equal(all.filter(({ port }) => port === harmless.port).length, 1)
  const record = (await sessions.get(session))!
  assert.deepEqual(
    [record.port, record.device, record.grant],
    [payroll.port, who.identity.id, granted.grantId],
  )
})

test('a client that reports first, and falsely, changes nothing of what its connector has verified', async (t) => {
  const { owned, connector, device, tunnel, sessions } = await open(t)
  const payroll = owned.use(await serveEcho())
  await connector('connector')
  const { who, agent } = await device()
  const granted = await authorize(agent, payroll.port, true)
  const { session } = granted
  const yearAgoMs = Date.now() - 365 * 86_400_000
  const falsely = { port: payroll.port, startedMs: yearAgoMs, ...CLOSED(), endedMs: yearAgoMs + 1 }
  assert.equal(
    await tell(agent, report(granted, { ...falsely, port: 1 })),
    1,
    'the grant is for another port',
  )
  assert.equal(await tell(agent, report(granted, falsely)), 0)
  const mux = await tunnel(who, granted.pipe!)
  mux.sendGrant(granted.grant)
  const { stream, result } = openStream(mux, granted, payroll.port, session)
  assert.equal(await result, 'opened')
  stream.reset('CLIENT_RESET', '')
  await until(async () => (await sessions.get(session))?.sides.connector?.state === 'closed')
  const record = (await sessions.get(session))!
  assert.deepEqual([record.port, record.address], [payroll.port, '127.0.0.1'])
  assert.equal(record.startedMs, idTimeMs(session), 'when it began is by the clock of the control plane')
})

test('a client makes up no session: of no grant, of another device, at another port, by the thousand, at another time', async (t) => {
  const { device, rogueConnector, sessions } = await open(t)
  await rogueConnector()
  const [mine, theirs] = [await device(), await device()]
  const [granted, foreign] = [await authorize(mine.agent, 22), await authorize(theirs.agent, 22)]
  const refused = (...reports: SessionReport[]) => tell(mine.agent, ...reports)
  assert.equal(await refused(report(granted, { session: newId('ses') })), 1)
  assert.equal(await refused(report(granted, { grant: newId('grt') })), 1)
  assert.equal(await refused(report(foreign), report(foreign, CLOSED())), 2)
  assert.equal(await refused(report(granted, { session: foreign.session })), 1)
  assert.equal(await refused(report(foreign, { session: granted.session })), 1)
  const day = { id: granted.grantId, expiresMs: Date.now() + 86_400_000 }
  assert.equal(await refused(report(granted, { session: sessionId(day, 9, day.expiresMs) })), 1)
  assert.equal((await sessions.list({ limit: 10 })).items.length, 0)
  assert.equal(await refused(report(granted)), 0)
  assert.equal(await refused(report(granted, { port: 23 }), report(granted, { startedMs: 5 })), 2)
  assert.equal(await refused(report(granted, CLOSED())), 1, 'it began at another time before')
  const [record] = (await sessions.list({ limit: 10 })).items
  assert.equal(record!.port, 22)
  assert.equal(mine.agent.channel.isOpen, true, 'it cost the connection nothing')
})

test('a stolen connector speaks of sessions through itself, and only as a connector', async (t) => {
  const { device, rogueConnector, sessions } = await open(t)
  const victim = await rogueConnector()
  const { agent } = await device()
  const granted = await authorize(agent, 22)
  assert.equal(granted.connector, victim.who.identity.id)
  const thief = await rogueConnector()
  const startedMs = Date.now()
  await tell(agent, report(granted, { startedMs, bytesUp: 7 }))
  // Another one can say nothing of it; not even as its client.
  for (const side of ['client', 'connector'] as const) {
    assert.equal(await tell(thief.agent, report(granted, { side, bytesUp: 99 })), 1)
    assert.equal(
      await tell(thief.agent, report(granted, { side, session: newSession(granted), ...CLOSED() })),
      1,
    )
  }
  // The one that the grant names adds its own side.
  assert.equal(
    await tell(victim.agent, report(granted, { side: 'client', bytesUp: 3, address: '127.0.0.1' })),
    0,
  )
  assert.equal(await tell(victim.agent, report(granted, { port: 23 })), 1)
  const record = (await sessions.get(granted.session))!
  assert.equal(record.sides.client?.bytesUp, 7)
  assert.equal(record.sides.client?.startedMs, startedMs)
  assert.equal(record.sides.connector?.bytesUp, 3)
  assert.equal(record.state, 'open')
  await tell(
    victim.agent,
    report(granted, { ...CLOSED(), closeReason: 'APP_RESET', startedMs: record.sides.connector!.startedMs }),
  )
  assert.equal(await tell(victim.agent, report(granted, { bytesUp: 1e9 })), 0, 'what is closed stays closed')
  const ended = (await sessions.get(granted.session))!
  assert.deepEqual([ended.sides.connector?.bytesUp, ended.sides.connector?.state], [0, 'closed'])
})

test('sessions of one grant by the thousand, told by both ends, are all on record', async (t) => {
  const { device, rogueConnector, sessions } = await open(t)
  const connector = await rogueConnector()
  const { agent } = await device()
  const granted = await authorize(agent, 22)
  const told = Array.from({ length: 3200 }, () =>
    report(granted, { session: newSession(granted), ...CLOSED() }),
  )
  const batches = Array.from({ length: 50 }, (_, n) => told.slice(n * 64, n * 64 + 64))
  const refused = await Promise.all(
    [agent, connector.agent].map(async (who) => {
      let count = 0
      for (const batch of batches) count += await tell(who, ...batch)
      return count
    }),
  )
  assert.deepEqual(refused, [0, 0])
  let count = 0
  for (let cursor: string | undefined; ; ) {
    const page = await sessions.list({ limit: 500, cursor })
    count += page.items.filter(({ sides }) => sides.client && sides.connector).length
    cursor = page.next
    if (cursor === undefined) break
  }
  assert.equal(count, told.length)
})
