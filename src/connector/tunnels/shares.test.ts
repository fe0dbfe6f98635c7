import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { DESCRIPTOR_RESERVE } from '../../base/share-table/connector.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import { blackHole } from './black-hole.fixture.ts'
import { ConnectorShares } from './shares.ts'
import { openTunnel, type TunnelFixture } from './tunnel.fixture.ts'

async function echo(t: TestContext): Promise<number> {
  const server = net
    .createServer((socket) => socket.on('error', () => {}).pipe(socket))
    .listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return (server.address() as net.AddressInfo).port
}

/** Opens sessions until one is refused. @returns those that opened, and the refusal. */
async function openAll(tunnel: TunnelFixture, jws: string, to: Parameters<TunnelFixture['open']>[1]) {
  const open = []
  for (;;) {
    const opening = tunnel.open(jws, { host: '127.0.0.1', ...to })
    const refused = await opening.opened.then(
      () => undefined,
      (end: StreamEnd) => end,
    )
    if (refused !== undefined) return { open, refused }
    open.push(opening)
  }
}

const anyAddress = { hosts: [], cidrs: ['127.0.0.0/8'] }

test('one device with all the sessions it can get leaves room for another, and for its own user', async (t) => {
  const port = await echo(t)
  const shares = new ConnectorShares({ descriptors: DESCRIPTOR_RESERVE + 30 })
  await using mallory = await openTunnel({ shares })
  const [user, else_] = ['usr_mallory', 'usr_asha']
  const { open, refused } = await openAll(mallory, await mallory.grant({ ...anyAddress, user }), { port })
  assert.equal(open.length, 20, 'two of three')
  assert.equal(refused.reason, 'TOO_MANY_STREAMS')
  assert.match(refused.detail, /sessions of a connector: device dev_\w+ holds 20 of 30/)

  await using phone = await openTunnel({ shares })
  const own = phone.open(await phone.grant({ ...anyAddress, user }), { host: '127.0.0.1', port })
  await own.opened
  await using asha = await openTunnel({ shares })
  const other = await openAll(asha, await asha.grant({ ...anyAddress, user: else_ }), { port })
  assert.ok(other.open.length >= 5, `${other.open.length}`)

  for (const { stream, closed } of open) {
    stream.reset('CLIENT_STOPPED', 'enough')
    await closed
  }
  const again = await openAll(asha, await asha.grant({ ...anyAddress, user: else_ }), { port })
  assert.ok(again.open.length > 5, 'what is given back is there for others')
})

test('dials into the void of one device are bounded, and another one is connected', async (t) => {
  const port = await blackHole(t)
  const good = await echo(t)
  const shares = new ConnectorShares({ dials: 20 })
  const never = { dialer: { timeoutMs: 60_000 }, shares }
  await using mallory = await openTunnel(never)
  const jws = await mallory.grant(anyAddress)
  const all = Array.from({ length: 30 }, () => mallory.open(jws, { host: '127.0.0.5', port }))
  const ends = await Promise.race([
    Promise.all(all.slice(10).map(({ closed }) => closed)),
    Promise.all(all.map(({ closed }) => closed)),
  ])
  for (const { reason, detail } of ends) {
    assert.equal(reason, 'TOO_MANY_STREAMS')
    assert.match(detail, /connections to applications under way: device \w+ holds 10 of 20/)
  }
  assert.equal(shares.dials.taken, 10)
  await using asha = await openTunnel({ shares })
  await asha.open(await asha.grant(anyAddress), { host: '127.0.0.1', port: good }).opened
  for (const { stream, closed } of all.slice(0, 10)) {
    stream.reset('CLIENT_STOPPED', 'enough')
    await closed
  }
  while (shares.dials.taken > 0) await new Promise(setImmediate)
})

test('UDP flows of one device leave ports to another, and to the process itself', async (t) => {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  const { port } = socket.address()
  const shares = new ConnectorShares({ localPorts: 80 })
  await using mallory = await openTunnel({ shares })
  const udp = { port, protocol: 'udp' } as const
  const { open, refused } = await openAll(mallory, await mallory.grant(anyAddress), udp)
  assert.equal(open.length, 35, 'an eighth is for the process, half of the rest for one device')
  assert.equal(refused.reason, 'TOO_MANY_STREAMS')
  assert.match(refused.detail, /local UDP ports of a connector: device \w+ holds 35 of 70/)
  await using asha = await openTunnel({ shares })
  await asha.open(await asha.grant(anyAddress), { host: '127.0.0.1', ...udp }).opened
  const { stream, closed } = open[0]!
  stream.reset('CLIENT_STOPPED', 'enough')
  await closed
  while (shares.udpPorts.taken > 35) await new Promise(setImmediate)
})

test('a session that ends while its name is looked up holds nothing', async () => {
  const held = Promise.withResolvers<{ address: string }[]>()
  const shares = new ConnectorShares()
  await using tunnel = await openTunnel({ shares, lookup: () => held.promise })
  const { stream, closed } = tunnel.open(await tunnel.grant(), {})
  while (shares.sessions.taken === 0) await new Promise(setImmediate)
  stream.reset('CLIENT_STOPPED', 'enough')
  await closed
  while (shares.sessions.taken > 0) await new Promise(setImmediate)
  held.resolve([{ address: '127.0.0.1' }])
  await new Promise(setImmediate)
  assert.deepEqual([shares.sessions.taken, shares.dials.taken, shares.udpPorts.taken], [0, 0, 0])
})
