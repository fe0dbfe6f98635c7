import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { systemClock } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { TestTenant } from '../link/dial/tenant.fixture.ts'
import { socketPair } from '../mux/pair.fixture.ts'
import { identityUri } from '../pki/identity.ts'
import type { Ticket } from '../pki/ticket.ts'
import type { Peer } from '../pki/verify.ts'
import { EdgeMetrics } from './metrics.ts'
import { Rendezvous } from './rendezvous.ts'
import { EdgeShares } from './shares.ts'

const tenant = await TestTenant.create()

function rendezvous(): Rendezvous {
  const none = () => 0
  const gauges = { connections: none, handshakes: none, waiting: none, pipes: none, relayed: none }
  return new Rendezvous({
    ...{ pairMs: 10_000, clock: systemClock, log: silentLog },
    shares: new EdgeShares(),
    metrics: new EdgeMetrics(new Registry(), gauges),
  })
}

function half(side: Ticket['side']): { ticket: Ticket; peer: Peer } {
  const client = tenant.identity('client', 'dev_1')
  const connector = tenant.identity('connector', 'con_1')
  const [holder, peer] = side === 'client' ? [client, connector] : [connector, client]
  return {
    ticket: {
      ...{ id: `tkt_${side}`, tenant: tenant.id, pipe: 'pip_1', session: 'ses_1', edge: 'edg_1', side },
      ...{ holder: identityUri(holder), peer: identityUri(peer), expiresMs: Date.now() + 30_000 },
    },
    peer: {
      ...{
        identity: holder,
        serial: '1',
        thumbprint: '',
        publicKeyHash: '',
        notAfterMs: Date.now() + 30_000,
      },
    },
  }
}

test('a pipe that is cut in the very turn in which a FIN is passed on is gone, and a drain ends', async () => {
  const meeting = rendezvous()
  const [client, edgeOfClient] = await socketPair()
  const [connector, edgeOfConnector] = await socketPair()
  for (const end of [client, connector]) end.on('error', () => {}).resume()
  for (const [side, socket] of [
    ['client', edgeOfClient],
    ['connector', edgeOfConnector],
  ] as const) {
    const { ticket, peer } = half(side)
    meeting.arrive(meeting.admit(ticket, peer), { socket })
  }
  assert.equal(meeting.pipes, 1)
  // The shutdown of the other side has been asked for, and libuv has not done it yet: a reset is refused with EINVAL.
  const end = edgeOfConnector.end.bind(edgeOfConnector)
  const cut = Promise.withResolvers<number>()
  edgeOfConnector.end = ((...given: []) => {
    const ended = end(...given)
    assert.ok(edgeOfConnector.writableEnded && !edgeOfConnector.writableFinished)
    cut.resolve(meeting.cut(() => true))
    return ended
  }) as typeof edgeOfConnector.end
  client.end()
  assert.equal(await cut.promise, 1)
  await meeting.drained()
  assert.equal(meeting.pipes, 0)
  assert.ok(edgeOfClient.closed && edgeOfConnector.closed)
  for (const one of [client, connector]) one.destroy()
})
