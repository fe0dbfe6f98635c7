import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import tls from 'node:tls'
import { asFault, Fault } from '../../base/faults.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import { readExactly } from '../../link/dial/read-exactly.ts'
import { tcpPair } from '../../link/dial/tcp-pair.fixture.ts'
import { TestTenant } from '../../link/dial/tenant.fixture.ts'
import { contextOf } from '../../link/dial/tls-context.ts'
import { ALPN_RELAY, encodeRelayHeader, RELAY_OK } from '../../wire/relay.ts'
import { type AcceptRelay, acceptRelay } from './relay-end.ts'

const tenant = await TestTenant.create()
const [control, edge, connector] = [
  await tenant.credentials('control', 'ctl_1'),
  await tenant.credentials('edge', 'edg_1'),
  await tenant.credentials('connector', 'con_1'),
]
const PEER = { address: '203.0.113.9', port: 40_000 }

interface Relaying {
  /** Who passes the connection on. */
  readonly holder?: Credentials
  /** What it sends first. */
  readonly head?: Uint8Array
  readonly accept?: Partial<AcceptRelay>
}

/** One connection that is passed on: what the control plane makes of it, and what the edge is answered. */
async function relay({ holder = edge, head = encodeRelayHeader(PEER), accept = {} }: Relaying = {}) {
  const { signal } = new AbortController()
  const pair = await tcpPair()
  const { accepted: near, dialled: far } = pair
  const entered: string[] = []
  const accepting = acceptRelay(near, {
    credentials: control,
    backend: { tenant: tenant.id, rootPem: control.rootPem, isRevoked: () => false, admitsEdge: () => true },
    address: '198.51.100.1',
    enter: ({ address }) => void entered.push(address),
    signal,
    ...accept,
  }).then(
    (relayed) => ({ relayed }),
    (thrown: unknown) => ({ fault: asFault(thrown) }),
  )
  const secureContext = contextOf(holder)
  const options = { socket: far, secureContext, ALPNProtocols: [ALPN_RELAY], rejectUnauthorized: false }
  const outer = tls.connect({ ...options, checkServerIdentity: () => undefined })
  outer.on('error', () => {})
  await once(outer, 'secureConnect')
  outer.write(head)
  const length = (await readExactly(outer, 1, signal))[0]!
  const code = length === RELAY_OK ? 'OK' : String(await readExactly(outer, length, signal))
  return {
    ...{ code, entered, outer, ...(await accepting) },
    async [Symbol.asyncDispose]() {
      outer.destroy()
      await pair[Symbol.asyncDispose]()
    },
  }
}

test('what a registered edge passes on is the peer’s connection, from its first byte, by the edge’s word of it', async () => {
  await using one = await relay()
  assert.ok('relayed' in one)
  const { stream, edge: by, from } = one.relayed
  assert.deepEqual([one.code, one.entered, from], ['OK', [PEER.address], PEER])
  assert.equal(by.identity.id, 'edg_1')
  one.outer.write('first byte')
  assert.equal(String(await readExactly(stream, 10, new AbortController().signal)), 'first byte')
})

test('an IPv4 address in IPv6 form is counted as the IPv4 address', async () => {
  const address = Buffer.from('00000000000000000000ffffcb007109', 'hex')
  await using one = await relay({ head: Buffer.concat([Buffer.of(1, 6), address, Buffer.of(0x9c, 0x40)]) })
  assert.deepEqual([one.code, one.entered], ['OK', ['203.0.113.9']])
})

const backend = (over: Partial<AcceptRelay['backend']>) => ({
  ...{ tenant: tenant.id, rootPem: control.rootPem, isRevoked: () => false, admitsEdge: () => true },
  ...over,
})
const REFUSED: { name: string; code: string; of: Relaying }[] = [
  {
    name: 'an edge that is not registered, or has another key now',
    ...{ code: 'IDENTITY_REVOKED', of: { accept: { backend: backend({ admitsEdge: () => false }) } } },
  },
  {
    name: 'an edge whose certificate is revoked',
    ...{ code: 'IDENTITY_REVOKED', of: { accept: { backend: backend({ isRevoked: () => true }) } } },
  },
  { name: 'a connector that plays the edge', code: 'PEER_REFUSED', of: { holder: connector } },
  {
    name: 'an edge of another tenant',
    ...{
      code: 'TLS_INTERCEPTED',
      of: { holder: await (await TestTenant.create()).credentials('edge', 'edg_1') },
    },
  },
  {
    name: 'an edge whose certificate has expired',
    code: 'EDGE_CERT_EXPIRED',
    of: { holder: await tenant.credentials('edge', 'edg_1', { nowMs: Date.now() - 30_000, lifeMs: 10_000 }) },
  },
  {
    name: 'an edge that says its peer is the control plane’s own machine',
    ...{ code: 'PROTOCOL_ERROR', of: { head: encodeRelayHeader({ address: '127.0.0.1', port: 1 }) } },
  },
  {
    name: 'an edge of an unknown version of the protocol',
    ...{ code: 'PROTOCOL_ERROR', of: { head: Buffer.concat([Buffer.of(9, 4), Buffer.alloc(6)]) } },
  },
  {
    name: 'an edge that names no family of addresses',
    ...{ code: 'PROTOCOL_ERROR', of: { head: Buffer.concat([Buffer.of(1, 5), Buffer.alloc(6)]) } },
  },
]
for (const { name, code, of } of REFUSED) {
  test(`${name} is answered ${code}, and nothing of it is counted for its peer`, async () => {
    await using one = await relay(of)
    assert.ok('fault' in one, 'it was accepted')
    assert.deepEqual([one.code, one.fault.code, one.entered], [code, code, []])
  })
}

test('an edge that has too many is told EDGE_BUSY', async () => {
  const enter = () => {
    throw new Fault('EDGE_BUSY', 'too many connections of this peer')
  }
  await using one = await relay({ accept: { enter } })
  assert.ok('fault' in one)
  assert.deepEqual([one.code, one.fault.code], ['EDGE_BUSY', 'EDGE_BUSY'])
})

test('an edge on the machine of the control plane may have peers there', async () => {
  const head = encodeRelayHeader({ address: '127.0.0.1', port: 1 })
  await using one = await relay({ head, accept: { address: '127.0.0.1' } })
  assert.deepEqual([one.code, one.entered], ['OK', ['127.0.0.1']])
})
