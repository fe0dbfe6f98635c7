import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import tls from 'node:tls'
import { silentLog } from '../../src/base/log.ts'
import { Edge } from '../../src/edge/edge.ts'
import type { EdgeLimits } from '../../src/link/accept/edge-limits.ts'
import { dialControl } from '../../src/link/control/control-dial.ts'
import { postEnrol } from '../../src/link/control/requests.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { createKeyAndCsr } from '../../src/pki/csr.ts'
import type { EnrolRequest, HelloMessage } from '../../src/wire/control.ts'
import { openTestEdge, openTunnel, type TestEdge } from './fixture.ts'

const REMOTE_ID = 'edg_remote'
const o = { egress: DIRECT, signal: AbortSignal.timeout(30_000) }
const HELLO: HelloMessage = {
  type: 'hello',
  version: 1,
  program: 'test',
  role: 'connector',
  timeMs: Date.now(),
  host: 'h',
}

interface Pair extends AsyncDisposable {
  readonly home: TestEdge
  readonly remote: Edge
  /** The remote edge as agents know it. */
  readonly address: TestEdge['address']
  readonly admitted: Set<string>
}

async function openPair(limits?: Partial<EdgeLimits>): Promise<Pair> {
  await using opening = new AsyncDisposableStack()
  const admitted = new Set([REMOTE_ID])
  const home = opening.use(
    await openTestEdge({
      ...{ welcome: {}, limits },
      backend: { admitsEdge: ({ identity }) => admitted.has(identity.id) },
    }),
  )
  const { tenant, revoked } = home
  const remote = opening.use(
    await Edge.open({
      listen: { host: '127.0.0.1', port: 0 },
      credentials: await tenant.credentials('edge', REMOTE_ID),
      authority: {
        tenant: tenant.id,
        rootPem: tenant.authority.rootPem,
        ticketKeys: () => tenant.ticketKeys,
        isRevoked: (serial) => revoked.has(serial),
        revoked: () => revoked,
      },
      home: { home: home.address, egress: DIRECT },
      log: silentLog,
    }),
  )
  const owned = opening.move()
  return {
    ...{ home, remote, admitted },
    address: { id: REMOTE_ID, host: '127.0.0.1', port: remote.port },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('a control connection through a remote edge ends at home, with the address of the agent and of the edge', async () => {
  await using t = await openPair()
  const dialled = await dialControl(t.address, { ...o, credentials: t.home.connector, hello: HELLO })
  assert.equal(dialled.welcome.agent, 'con_1')
  const [attached] = t.home.attached
  // On the machine of an edge there is no other address for an agent than one of that machine.
  assert.match(attached?.from ?? '', / via edg_remote$/)
  assert.equal(attached?.via, REMOTE_ID)
  assert.deepEqual([t.remote.stats().relayed, t.home.edge.stats().relayed], [1, 1])
  assert.deepEqual([t.home.front.relayed, t.home.front.attached], [1, 1])
  dialled.channel.close()
  await attached?.channel.closed
})

test('a pipe is joined at the remote edge itself, and the home edge sees nothing of it', async () => {
  await using t = await openPair()
  const tunnel = await openTunnel({ ...t.home, address: t.address })
  tunnel.client.socket.write('hello')
  assert.equal(String((await once(tunnel.connector.socket, 'data'))[0]), 'hello')
  assert.equal(t.remote.stats().pipes, 1)
  assert.equal(t.home.edge.stats().connections, 0)
})

test('people reach the home edge through a remote one, and see its certificate', async () => {
  await using t = await openPair()
  const socket = tls.connect({ host: '127.0.0.1', port: t.remote.port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  assert.equal(socket.getPeerX509Certificate()?.fingerprint256, t.home.front.publicPin.fingerprint)
  socket.write('GET / HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n')
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
  socket.destroy()
})

test('an enrolment through a remote edge reaches the control plane, pinned to the root as ever', async () => {
  await using t = await openPair()
  const { csrPem } = await createKeyAndCsr('x')
  const { authority } = t.home.tenant
  const body: EnrolRequest = {
    ...{ version: 1, secret: 's', csr: csrPem, fingerprint: {}, timeMs: Date.now() },
    host: { name: 'h', platform: 'p', program: 'x' },
  }
  const reply = await postEnrol(t.address, authority.pin, body, o)
  assert.equal(reply.id, 'connector_new')
})

for (const { name, spoil } of [
  { name: 'is not registered', spoil: (t: Pair) => void t.admitted.clear() },
  {
    name: 'has a revoked certificate',
    spoil: async (t: Pair) => {
      const credentials = await t.home.tenant.credentials('edge', REMOTE_ID)
      t.home.revoked.add(new X509Certificate(credentials.certificate).serialNumber)
      t.remote.renew(credentials)
    },
  },
]) {
  test(`nothing is taken from an edge that ${name}`, async () => {
    await using t = await openPair()
    await spoil(t)
    const dialled = dialControl(t.address, { ...o, credentials: t.home.connector, hello: HELLO })
    await assert.rejects(dialled, { code: 'EDGE_UNREACHABLE' })
    assert.equal(t.home.attached.length, 0)
    assert.equal(t.home.front.refusedByCode.IDENTITY_REVOKED, 1)
    assert.equal(t.remote.stats().refused.IDENTITY_REVOKED, 1)
  })
}

test('an agent cannot pass for an edge that passes others on', async () => {
  await using t = await openPair()
  t.remote.renew(t.home.connector)
  const dialled = dialControl(t.address, { ...o, credentials: t.home.connector, hello: HELLO })
  await assert.rejects(dialled, { code: 'EDGE_UNREACHABLE' })
  assert.equal(t.home.front.refusedByCode.PEER_REFUSED, 1)
})

test('a remote edge takes no relays, so connections cannot be sent in a circle', async () => {
  await using t = await openPair()
  await using outer = await Edge.open({
    listen: { host: '127.0.0.1', port: 0 },
    credentials: await t.home.tenant.credentials('edge', 'edg_outer'),
    authority: {
      tenant: t.home.tenant.id,
      rootPem: t.home.tenant.authority.rootPem,
      ticketKeys: () => t.home.tenant.ticketKeys,
      isRevoked: () => false,
      revoked: () => [],
    },
    home: { home: t.address, egress: DIRECT },
    log: silentLog,
  })
  const address = { host: '127.0.0.1', port: outer.port }
  const dialled = dialControl(address, { ...o, credentials: t.home.connector, hello: HELLO })
  await assert.rejects(dialled, { code: 'CONTROL_UNREACHABLE' })
  assert.equal(t.remote.stats().refused.PROTOCOL_ERROR, 1)
})

test('an edge that drains lets go of whom it passes on, and takes nobody new; its pipes go on', async () => {
  await using t = await openPair()
  const tunnel = await openTunnel({ ...t.home, address: t.address })
  const { channel } = await dialControl(t.address, { ...o, credentials: t.home.connector, hello: HELLO })
  const draining = t.remote.drain(20_000)
  assert.equal((await channel.closed)?.code, 'CONTROL_UNREACHABLE')
  const again = dialControl(t.address, { ...o, credentials: t.home.connector, hello: HELLO })
  await assert.rejects(again, { code: 'EDGE_UNREACHABLE' })
  assert.equal(t.remote.stats().pipes, 1)
  tunnel.client.socket.end()
  tunnel.connector.socket.resume().end()
  tunnel.client.socket.resume()
  await draining
})

test('a connection that a remote edge passes on counts for that edge and the peer behind it, not for the peer', async () => {
  await using t = await openPair({ connectionsPerAddress: 2 })
  const dial = (address = t.address) =>
    dialControl(address, { ...o, credentials: t.home.connector, hello: HELLO })
  await dial()
  await dial()
  // All have one address here.
  await assert.rejects(dial(), { code: 'EDGE_UNREACHABLE' })
  assert.equal(t.home.front.refusedByCode.EDGE_BUSY, 1)
  assert.equal(t.remote.stats().refused.EDGE_BUSY, 1)
  assert.deepEqual([t.home.front.relayed, t.home.edge.stats().connections], [2, 0])
  await dial(t.home.address)
})
