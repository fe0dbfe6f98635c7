import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { FAULTS, Fault } from '../../base/faults.ts'
import { identityUri } from '../../pki/identity.ts'
import { ALPN_TUNNEL } from '../../wire/handover.ts'
import type { Credentials } from '../dial/credentials.ts'
import { listenHere } from '../dial/listen.fixture.ts'
import { readExactly } from '../dial/read-exactly.ts'
import { tcpPair } from '../dial/tcp-pair.fixture.ts'
import { TestTenant } from '../dial/tenant.fixture.ts'
import { tunnelAsClient, tunnelAsConnector } from './secure-tunnel.ts'

const signal = new AbortController().signal
const tenant = await TestTenant.create()
const foreign = await TestTenant.create(tenant.id)
const client = await tenant.credentials('client', 'dev_1')
const connector = await tenant.credentials('connector', 'con_1')
const uri = ({ identity }: Credentials) => identityUri(identity)

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const thrown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(thrown instanceof Fault, `a Fault was to be thrown: ${thrown}`)
  return thrown
}

test('both ends meet whom the ticket named; nothing is resumed; half-close passes', async () => {
  await using pair = await tcpPair()
  const [near, far] = await Promise.all([
    tunnelAsClient(pair.dialled, { credentials: client, peer: uri(connector), signal }),
    tunnelAsConnector(pair.accepted, { credentials: connector, peer: uri(client), signal }),
  ])
  assert.equal(near.peer.identity.id, 'con_1')
  assert.equal(far.peer.identity.id, 'dev_1')
  assert.ok(near.innerTlsUs > 0 && far.innerTlsUs > 0)
  assert.equal(near.socket.getProtocol(), 'TLSv1.3')
  assert.equal(near.socket.alpnProtocol, ALPN_TUNNEL)
  assert.equal(near.socket.isSessionReused(), false)
  near.socket.end('question')
  assert.equal(String(await readExactly(far.socket, 8, signal)), 'question')
  far.socket.resume()
  await once(far.socket, 'end')
  far.socket.end('answer')
  assert.equal(String(await readExactly(near.socket, 6, signal)), 'answer')
})

test('a ClientHello that came before the connector was ready is not lost', async () => {
  await using pair = await tcpPair()
  const near = tunnelAsClient(pair.dialled, { credentials: client, peer: uri(connector), signal })
  await once(pair.accepted, 'readable')
  await tunnelAsConnector(pair.accepted, { credentials: connector, peer: uri(client), signal })
  await near
})

const WRONG: { name: string; near: Credentials; far: Credentials; nearWants?: string; farWants?: string }[] =
  [
    { name: 'another connector', near: client, far: await tenant.credentials('connector', 'con_2') },
    {
      name: 'a client in the place of the connector',
      near: client,
      far: await tenant.credentials('client', 'con_1'),
    },
    { name: 'a connector of another CA', near: client, far: await foreign.credentials('connector', 'con_1') },
    {
      name: 'an edge in the place of the connector',
      near: client,
      far: await tenant.credentials('edge', 'edg_1'),
    },
  ]
for (const { name, near, far } of WRONG) {
  test(`the client refuses ${name}`, async () => {
    await using pair = await tcpPair()
    const other = tunnelAsConnector(pair.accepted, { credentials: far, peer: uri(client), signal }).catch(
      () => {},
    )
    const fault = await faultOf(
      tunnelAsClient(pair.dialled, { credentials: near, peer: uri(connector), signal }),
    )
    assert.equal(fault.code, 'PEER_REFUSED')
    assert.equal(pair.dialled.destroyed, true)
    await other
  })
}

test('a connector whose certificate has ended: the client says whose, and does not take it for its own', async () => {
  await using pair = await tcpPair()
  const far = await tenant.credentials('connector', connector.identity.id, { nowMs: Date.now() - 7_200_000 })
  const other = tunnelAsConnector(pair.accepted, { credentials: far, peer: uri(client), signal }).catch(
    () => {},
  )
  const fault = await faultOf(
    tunnelAsClient(pair.dialled, { credentials: client, peer: uri(connector), signal }),
  )
  assert.deepEqual([fault.code, fault.hop], ['PEER_REFUSED', 'connector'])
  assert.match(fault.detail, /^the certificate of backstitch:\/\/\S+, the other end: .* expired at /)
  assert.match(FAULTS.PEER_REFUSED.fix, /Nothing else needs to sign in/)
  await other
})

for (const [name, near] of [
  ['another client', await tenant.credentials('client', 'dev_2')],
  ['a client of another CA', await foreign.credentials('client', 'dev_1')],
  ['an expired client', await tenant.credentials('client', 'dev_1', { nowMs: Date.now() - 7_200_000 })],
] as const) {
  test(`the connector refuses ${name}`, async () => {
    await using pair = await tcpPair()
    const credentials = { ...near, rootPem: tenant.authority.rootPem }
    const other = tunnelAsClient(pair.dialled, { credentials, peer: uri(connector), signal }).catch(() => {})
    const fault = await faultOf(
      tunnelAsConnector(pair.accepted, { credentials: connector, peer: uri(client), signal }),
    )
    assert.equal(fault.code, 'PEER_REFUSED')
    assert.equal(fault.hop, name === 'an expired client' ? 'client' : fault.hop)
    await other
    assert.equal(pair.accepted.destroyed, true)
  })
}

test('the connector refuses TLS 1.2, another ALPN and no certificate', async () => {
  const { keyPem: key, certificate: cert } = client
  const attempts: tls.ConnectionOptions[] = [
    { key, cert, maxVersion: 'TLSv1.2', ALPNProtocols: [ALPN_TUNNEL] },
    { key, cert, ALPNProtocols: ['h2'] },
    { ALPNProtocols: [ALPN_TUNNEL] },
  ]
  for (const attempt of attempts) {
    await using pair = await tcpPair()
    const socket = tls.connect({ socket: pair.dialled, rejectUnauthorized: false, ...attempt })
    socket.on('error', () => {})
    const fault = await faultOf(
      tunnelAsConnector(pair.accepted, { credentials: connector, peer: uri(client), signal }),
    )
    assert.ok(['TUNNEL_LOST', 'PEER_REFUSED'].includes(fault.code), fault.code)
    socket.destroy()
  }
})

test('a byte changed on the way breaks the tunnel at the end that receives it', async () => {
  // A pipe between the two ends flips one bit in the first record that the client sends after the handshake.
  for (const victim of ['connector', 'client'] as const) {
    let spoil = false
    const sockets: net.Socket[] = []
    const accepted = Promise.withResolvers<net.Socket>()
    await using target = await listenHere((socket) => accepted.resolve(socket))
    await using relay = await listenHere((down) => {
      const up = net.connect(target.port, target.host).on('error', () => {})
      sockets.push(up)
      const pass = (from: net.Socket, to: net.Socket, spoilable: boolean) => {
        from.on('data', (chunk: Buffer) => {
          if (spoil && spoilable) chunk[chunk.length - 1]! ^= 1
          to.write(chunk)
        })
        from.on('close', () => to.destroy())
        from.resume()
      }
      pass(down, up, victim === 'connector')
      pass(up, down, victim === 'client')
    })
    const raw = net.connect({ port: relay.port, host: relay.host, allowHalfOpen: true }).on('error', () => {})
    await once(raw, 'connect')
    const [near, far] = await Promise.all([
      tunnelAsClient(raw, { credentials: client, peer: uri(connector), signal }),
      tunnelAsConnector(await accepted.promise, { credentials: connector, peer: uri(client), signal }),
    ])
    const [sender, receiver] = victim === 'connector' ? [near, far] : [far, near]
    receiver.socket.on('data', () => assert.fail('a spoilt byte was delivered'))
    const errors: unknown[] = []
    receiver.socket.on('error', (error) => errors.push(error))
    const broke = new Promise((resolve) => receiver.socket.once('close', resolve))
    sender.socket.resume()
    spoil = true
    sender.socket.write('hello')
    await broke
    assert.equal(errors.length, 1)
    assert.match(String(errors[0]), /decryption failed|bad record mac/i)
    for (const socket of sockets) socket.destroy()
    near.socket.destroy()
    far.socket.destroy()
  }
})

test('a far end that does not come is HANDSHAKE_TIMEOUT; one that goes is TUNNEL_LOST', async () => {
  await using silent = await tcpPair()
  const options = { credentials: client, peer: uri(connector), signal, timeoutMs: 200 }
  assert.equal((await faultOf(tunnelAsClient(silent.dialled, options))).code, 'HANDSHAKE_TIMEOUT')
  await using gone = await tcpPair()
  gone.accepted.destroy()
  assert.equal((await faultOf(tunnelAsClient(gone.dialled, options))).code, 'TUNNEL_LOST')
})
