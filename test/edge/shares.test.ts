import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { CONNECTOR_SHARES } from '../../src/base/share-table/connector.ts'
import { EDGE_SHARES } from '../../src/base/share-table/edge.ts'
import { Pool } from '../../src/base/shares.ts'
import { Services } from '../../src/connector/tunnels/services.ts'
import { TunnelDispatch, type TunnelDispatchWay } from '../../src/connector/workers/tunnel-dispatch.ts'
import { WorkerHere } from '../../src/connector/workers/worker-here.ts'
import { type EdgeShareRows, EdgeShares } from '../../src/edge/shares.ts'
import type { Credentials } from '../../src/link/dial/credentials.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { bringHalf } from '../../src/link/pipe/handover.ts'
import { tunnelAsClient } from '../../src/link/pipe/secure-tunnel.ts'
import { openTestEdge, openTunnel, type TestEdge } from './fixture.ts'

const signal = new AbortController().signal

function shares(change: Partial<EdgeShareRows>): EdgeShares {
  return new EdgeShares({ ...EDGE_SHARES, ...change })
}

function most(name: 'waiting' | 'pipes', of: number): Partial<EdgeShareRows> {
  return { [name]: { ...EDGE_SHARES[name], shares: [{ by: 'device', weight: 1, most: of }] } }
}

async function bringClient(t: TestEdge, credentials: Credentials) {
  const tickets = await t.tenant.pipe(t.address, credentials, t.connector)
  const half = await bringHalf(tickets.client, { egress: DIRECT, credentials, signal })
  return { ...half, tickets }
}

test('one device has so many pipes waiting: its next half is refused, that of another is not', async () => {
  await using t = await openTestEdge({ shares: shares(most('waiting', 4)) })
  const halves = []
  for (let n = 0; n < 4; n++) halves.push(await bringClient(t, t.client))
  await assert.rejects(bringClient(t, t.client), { code: 'RATE_LIMITED' })
  // Nor does its connector come in its stead.
  const { connector } = await t.tenant.pipe(t.address, t.client, t.connector)
  const asConnector = { egress: DIRECT, credentials: t.connector, signal }
  await assert.rejects(bringHalf(connector, asConnector), { code: 'RATE_LIMITED' })
  assert.deepEqual(t.edge.stats().refused, { RATE_LIMITED: 2 })

  const client = await t.tenant.credentials('client', 'dev_2')
  const other = await openTunnel({ ...t, client })
  assert.equal(t.edge.stats().pipes, 1)
  t.cut(({ identity }) => identity.id === 'dev_1')
  assert.equal(t.edge.stats().waiting, 0)
  const again = await bringClient(t, t.client)
  for (const { socket } of [other.client, other.connector, again, ...halves]) socket.destroy()
})

test('one device has so many pipes, and the next is for another', async () => {
  await using t = await openTestEdge({ shares: shares(most('pipes', 2)) })
  const [first, second] = [await openTunnel(t), await openTunnel(t)]
  await assert.rejects(bringClient(t, t.client), { code: 'RATE_LIMITED' })
  const client = await t.tenant.credentials('client', 'dev_2')
  const other = await openTunnel({ ...t, client })
  for (const { socket } of [first.client, first.connector]) socket.destroy()
  while (t.edge.stats().pipes > 2) await new Promise(setImmediate)
  const third = await openTunnel(t)
  // A connector with itself is no device: its canary goes through.
  const canary = await openTunnel({ ...t, client: t.connector })
  for (const { client, connector } of [first, second, third, other, canary]) {
    client.socket.destroy()
    connector.socket.destroy()
  }
})

test('a device that comes again and again is sent away before its ticket is read', async () => {
  const rates: EdgeShareRows['halves']['rates'] = [{ by: 'device', burst: 3, perSecond: 0.001 }]
  await using t = await openTestEdge({ shares: shares({ halves: { ...EDGE_SHARES.halves, rates } }) })
  const { client: ticket } = await t.tenant.pipe(t.address, t.client, t.connector)
  const spoiled = { ...ticket, ticket: 'no ticket' }
  const bring = () => bringHalf(spoiled, { egress: DIRECT, credentials: t.client, signal })
  for (let n = 0; n < 3; n++) await assert.rejects(bring(), { code: 'TICKET_INVALID' })
  await assert.rejects(bring(), { code: 'RATE_LIMITED' })
  const client = await t.tenant.credentials('client', 'dev_2')
  const other = await openTunnel({ ...t, client })
  for (const { socket } of [other.client, other.connector]) socket.destroy()
})

/** The tunnels of a connector, told of pipes by the test in place of control. */
async function openTunnels(t: TestContext, edge: TestEdge) {
  const services = new Services(silentLog)
  const pools = {
    bringing: new Pool(CONNECTOR_SHARES.bringing),
    held: new Pool(CONNECTOR_SHARES.tunnels),
  }
  const tunnels = new TunnelDispatch([new WorkerHere(services)], {
    ...{ log: silentLog, bringing: pools.bringing, tunnels: pools.held },
  })
  t.after(async () => {
    await tunnels.close('CONNECTOR_DRAINING', 'the test is over')
    await services[Symbol.asyncDispose]()
  })
  const way: TunnelDispatchWay = { egress: DIRECT, credentials: edge.connector, onEdgeLost() {} }
  return {
    ...pools,
    tunnels,
    async ask(client: Credentials) {
      const tickets = await edge.tenant.pipe(edge.address, client, edge.connector)
      tunnels.bring(tickets.connector, 'ses_1', way)
      return tickets.client
    },
  }
}

test('one device that never comes takes half of the pipes under way of a connector: another one is brought at once', async (t) => {
  await using edge = await openTestEdge({ limits: { pairMs: 60_000, handshakeMs: 60_000 } })
  const { bringing, tunnels, ask } = await openTunnels(t, edge)
  for (let n = 0; n < 500; n++) await ask(edge.client)
  assert.equal(bringing.heldBy('dev_1'), 128)
  const asha = await edge.tenant.credentials('client', 'dev_asha')
  const ticket = await ask(asha)
  assert.equal(bringing.heldBy('dev_asha'), 1)
  const { socket: raw } = await bringHalf(ticket, { egress: DIRECT, credentials: asha, signal })
  const { socket } = await tunnelAsClient(raw, { credentials: asha, peer: ticket.peer, signal })
  while (tunnels.count === 0) await new Promise(setImmediate)
  assert.equal(bringing.heldBy('dev_asha'), 0)
  socket.destroy()
})

test('one device has so many tunnels to a connector and no more: another one gets its own', async (t) => {
  await using edge = await openTestEdge()
  const { held, tunnels, ask } = await openTunnels(t, edge)
  for (let n = 0; n < 128; n++) held.take('dev_1')
  await ask(edge.client)
  while (tunnels.totals.failedBy.samples('code').length === 0) await new Promise(setImmediate)
  assert.match(JSON.stringify(tunnels.totals.failedBy.samples('code')), /PAIR_TIMEOUT/)
  const asha = await edge.tenant.credentials('client', 'dev_asha')
  const ticket = await ask(asha)
  const { socket: raw } = await bringHalf(ticket, { egress: DIRECT, credentials: asha, signal })
  const { socket } = await tunnelAsClient(raw, { credentials: asha, peer: ticket.peer, signal })
  while (tunnels.count === 0) await new Promise(setImmediate)
  assert.equal(held.heldBy('dev_asha'), 1)
  socket.destroy()
  while (tunnels.count > 0) await new Promise(setImmediate)
  assert.equal(held.heldBy('dev_asha'), 0)
})
