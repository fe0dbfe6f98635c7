import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../src/base/ids.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { bringHalf } from '../src/link/pipe/handover.ts'
import { tunnelAsClient } from '../src/link/pipe/secure-tunnel.ts'
import { Mux } from '../src/mux/mux.ts'
import type { StreamEnd } from '../src/mux/stream-end.ts'
import { createKeyAndCsr } from '../src/pki/csr.ts'
import type { ControlMessage, PipeTicket } from '../src/wire/control.ts'
import { grantReference, type Open } from '../src/wire/open.ts'
import { openClientSite, PASSWORD, USER, until } from './client-site.ts'
import { serveEcho } from './client-traffic.ts'
import { newSession, placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

const signal = AbortSignal.timeout(60_000)
type Granted = Extract<ControlMessage, { type: 'granted' }>

/** A real connector, an application, and clients that do as the test says. */
async function openPath(t: { after(work: () => unknown): void }) {
  const owned = new AsyncDisposableStack() // ended backwards: a connector waits for tunnels that are in use
  t.after(() => owned.disposeAsync())
  const opened = owned.use(await openClientSite())
  const { site } = opened
  const place = placeOf(site)
  const echo = owned.use(await serveEcho())
  await opened.connector('connector')
  const device = async () => {
    const who = await signInDevice(place, { user: USER, password: PASSWORD })
    const agent = owned.use(await RogueAgent.connect(place, who))
    return { who, agent, granted: await authorize(agent, echo.port) }
  }
  const tunnel = async (who: Credentials, pipe: PipeTicket) => {
    const { socket: raw } = await bringHalf(pipe, { egress: DIRECT, credentials: who, signal })
    const { socket } = await tunnelAsClient(raw, { credentials: who, peer: pipe.peer, signal })
    return owned.use(new Mux(socket, { role: 'client' }))
  }
  return { ...opened, site, place, echo, device, tunnel }
}

async function authorize(agent: RogueAgent, port: number): Promise<Granted> {
  const ask = { host: 'localhost', port, protocol: 'tcp', wantPipe: true } as const
  const answer = await agent.channel.request({ type: 'authorize', id: newId('req'), ...ask }, 5000)
  assert.ok(answer.type === 'granted' && answer.pipe)
  return answer
}

/** Opens a stream that names the grant. @returns the fault it ended with, or `opened`. */
function open(
  mux: Mux,
  granted: Granted,
  port: number,
  over: Partial<Open> = {},
): Promise<'opened' | StreamEnd> {
  return new Promise((resolve) => {
    mux.open(
      {
        ...({ session: newSession(granted), grant: grantReference(granted.grant), protocol: 'tcp' } as const),
        ...{ host: 'localhost', port },
        ...over,
      },
      { opened: () => resolve('opened'), closed: resolve },
    )
  })
}
const reasonOf = (end: 'opened' | StreamEnd) => (end === 'opened' ? end : end.reason)

test('over a tunnel of its own a device gets no further with the grant of another', async (t) => {
  const { echo, device, tunnel } = await openPath(t)
  const [mine, theirs] = [await device(), await device()]
  const mux = await tunnel(mine.who, mine.granted.pipe!)
  mux.sendGrant(theirs.granted.grant)
  assert.equal(reasonOf(await open(mux, theirs.granted, echo.port)), 'GRANT_INVALID')
  assert.equal(reasonOf(await open(mux, mine.granted, echo.port)), 'GRANT_INVALID', 'it was never sent')
  mux.sendGrant(mine.granted.grant)
  assert.equal(await open(mux, mine.granted, echo.port), 'opened')
  for (const [host, code] of [
    ['LOCALHOST', 'BAD_DESTINATION'],
    ['localhost..', 'BAD_DESTINATION'],
    ['no-such-host.test', 'DESTINATION_OUTSIDE_GRANT'],
    ['127.0.0.1', 'DESTINATION_OUTSIDE_GRANT'],
  ] as const) {
    assert.equal(reasonOf(await open(mux, mine.granted, echo.port, { host })), code, host)
  }
})

test('a ticket is of no use to another device, nor a second time to its own', async (t) => {
  const { device, tunnel } = await openPath(t)
  const [mine, theirs] = [await device(), await device()]
  await assert.rejects(tunnel(mine.who, theirs.granted.pipe!), { code: 'TICKET_INVALID' })
  await tunnel(theirs.who, theirs.granted.pipe!)
  await assert.rejects(tunnel(theirs.who, theirs.granted.pipe!), { code: 'TICKET_INVALID' })
})

test('who presents the certificate of another beside its own is itself', async (t) => {
  const { site, place, device } = await openPath(t)
  const [mine, theirs] = [await device(), await device()]
  const leaf = (pem: string) => `${pem.split('-----END CERTIFICATE-----')[0]}-----END CERTIFICATE-----\n`
  const { certificate } = mine.who
  for (const chain of [
    certificate + leaf(theirs.who.certificate),
    leaf(certificate) + leaf(theirs.who.certificate) + certificate.slice(leaf(certificate).length),
  ]) {
    const agent = await RogueAgent.connect(place, { ...mine.who, certificate: chain }).catch((fault) => fault)
    // A chain that does not lead up may be refused; it never speaks for anybody but its leaf.
    if (agent instanceof RogueAgent) {
      assert.equal(agent.welcome.agent, mine.who.identity.id)
      await agent[Symbol.asyncDispose]()
    } else assert.equal(agent.code, 'PEER_REFUSED')
  }
  assert.equal(site.control.presence.clients(theirs.who.identity.id).size, 1)
  // Its own leaf first is all that TLS lets through: the key of another leaf is not there to prove it.
  const { keyPem } = await createKeyAndCsr('stranger')
  await assert.rejects(RogueAgent.connect(place, { ...theirs.who, keyPem }))
})

test('a permission that is taken away cuts the stream and refuses the next, whatever the client does', async (t) => {
  const { site, echo, device, tunnel } = await openPath(t)
  const mine = await device()
  const mux = await tunnel(mine.who, mine.granted.pipe!)
  mux.sendGrant(mine.granted.grant)
  const ended = Promise.withResolvers<StreamEnd>()
  await new Promise<void>((resolve) => {
    const { grant } = mine.granted
    const to = {
      session: newSession(mine.granted),
      grant: grantReference(grant),
      host: 'localhost',
      port: echo.port,
    } as const
    mux.open({ ...to, protocol: 'tcp' }, { opened: () => resolve(), closed: ended.resolve })
  })
  await site.control.store.objects.put({
    ...{ kind: 'access-rule', name: 'nothing any more' },
    spec: { description: '', enabled: true, order: 0, action: 'deny', conditions: {} },
  })
  assert.equal((await ended.promise).reason, 'GRANT_REVOKED')
  mux.sendGrant(mine.granted.grant)
  assert.equal(reasonOf(await open(mux, mine.granted, echo.port)), 'GRANT_REVOKED')
  assert.equal(echo.sockets.size, 0)
})

test('streams opened and reset by the thousand leave nothing behind, and others are served', async (t) => {
  const { echo, device, tunnel } = await openPath(t)
  const [mine, theirs] = [await device(), await device()]
  const flood = await tunnel(mine.who, mine.granted.pipe!)
  const other = await tunnel(theirs.who, theirs.granted.pipe!)
  other.sendGrant(theirs.granted.grant)
  flood.sendGrant(mine.granted.grant)
  const to = { grant: grantReference(mine.granted.grant), protocol: 'tcp', host: 'localhost' } as const
  for (let n = 0; n < 5_000 && !flood.closed; n++) {
    const session = newSession(mine.granted)
    flood.open({ ...to, session, port: echo.port }, { opened() {}, closed() {} }).reset('CLIENT_RESET', '')
    if (n % 500 === 0) await new Promise(setImmediate)
  }
  assert.equal(await open(other, theirs.granted, echo.port), 'opened')
  await until(() => echo.sockets.size <= 1)
})
