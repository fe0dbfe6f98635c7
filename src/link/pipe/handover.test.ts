import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { ALPN_CONTROL, ALPN_PIPE, encodeHandoverHeader, MAX_TICKET_BYTES } from '../../wire/handover.ts'
import type { Credentials } from '../dial/credentials.ts'
import { DIRECT } from '../dial/egress.ts'
import { listenHere } from '../dial/listen.fixture.ts'
import { readExactly, type StreamEnded } from '../dial/read-exactly.ts'
import { TestTenant } from '../dial/tenant.fixture.ts'
import { bringHalf } from './handover.ts'
import { type ReceivedHalf, receiveHalf } from './receive-half.ts'

const signal = new AbortController().signal
const tenant = await TestTenant.create()
const edge = await tenant.credentials('edge', 'edg_1')
const client = await tenant.credentials('client', 'dev_1')
const connector = await tenant.credentials('connector', 'con_1')

interface Receiver extends AsyncDisposable {
  readonly address: { id: string; host: string; port: number }
  /** One per connection, in order. */
  readonly halves: Promise<ReceivedHalf | Fault>[]
}

/** The least of an edge: takes halves, refuses what `admit` refuses. */
async function openReceiver(
  o: { credentials?: Credentials; admit?: () => void; revoked?: boolean; handshakeMs?: number } = {},
): Promise<Receiver> {
  const halves: Receiver['halves'] = []
  const listener = await listenHere((socket) => {
    const received = receiveHalf(socket, {
      credentials: o.credentials ?? edge,
      ticketKeys: () => tenant.ticketKeys,
      clock: systemClock,
      isRevoked: () => o.revoked ?? false,
      admit: o.admit ?? (() => {}),
      signal: AbortSignal.timeout(o.handshakeMs ?? 10_000),
    })
    halves.push(received.catch((thrown) => thrown))
  })
  return {
    address: { id: 'edg_1', ...listener },
    halves,
    [Symbol.asyncDispose]: listener[Symbol.asyncDispose],
  }
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const thrown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(thrown instanceof Fault, `a Fault was to be thrown: ${thrown}`)
  return thrown
}

test('after the handover the connection is raw, and no byte is lost either way', async () => {
  await using receiver = await openReceiver()
  const { client: ticket } = await tenant.pipe(receiver.address, client, connector)
  const { socket, handoverUs } = await bringHalf(ticket, { egress: DIRECT, credentials: client, signal })
  assert.ok(handoverUs > 0)
  socket.write('at once')
  const half = (await receiver.halves[0]) as ReceivedHalf
  assert.equal(half.peer.identity.id, 'dev_1')
  assert.equal(half.ticket.pipe, ticket.pipe)
  assert.equal(String(await readExactly(half.socket, 7, signal)), 'at once')
  half.socket.write('back')
  assert.equal(String(await readExactly(socket, 4, signal)), 'back')
  // Half-close goes through, so nothing of TLS is left above the socket.
  socket.end()
  half.socket.resume()
  await once(half.socket, 'end')
  half.socket.end('last words')
  assert.equal(String(await readExactly(socket, 10, signal)), 'last words')
})

test('a wrapped half stays inside its outer TLS, and a reset of it is no orderly end', async () => {
  await using receiver = await openReceiver()
  const { client: ticket } = await tenant.pipe(receiver.address, client, connector)
  const o = { egress: DIRECT, credentials: client, signal, mode: 'wrapped' } as const
  const { socket } = await bringHalf(ticket, o)
  const half = (await receiver.halves[0]) as ReceivedHalf
  half.outer!.write('hello')
  assert.equal(String(await readExactly(socket, 5, signal)), 'hello')
  half.socket.resetAndDestroy()
  const end = (await readExactly(socket, 1, signal).catch((thrown) => thrown)) as StreamEnded
  assert.equal((end.cause as NodeJS.ErrnoException).code, 'ECONNRESET')
})

test('200 handovers, with data glued to the ACK, lose nothing', async () => {
  await using receiver = await openReceiver()
  for (let i = 0; i < 200; i++) {
    const { client: ticket } = await tenant.pipe(receiver.address, client, connector)
    const { socket } = await bringHalf(ticket, { egress: DIRECT, credentials: client, signal })
    socket.write(`number ${i}`)
    const half = (await receiver.halves[i]) as ReceivedHalf
    assert.equal(String(await readExactly(half.socket, `number ${i}`.length, signal)), `number ${i}`)
    socket.destroy()
  }
})

const foreign = await TestTenant.create(tenant.id)

const REFUSED: {
  name: string
  code: string
  bring: (address: Receiver['address']) => Promise<unknown>
  receiver?: Parameters<typeof openReceiver>[0]
}[] = [
  {
    name: 'a ticket of another identity',
    code: 'TICKET_INVALID',
    bring: async (at) => bring((await tenant.pipe(at, client, connector)).connector, client),
  },
  {
    name: 'an expired ticket',
    code: 'TICKET_INVALID',
    bring: async (at) =>
      bring((await tenant.pipe(at, client, connector, { expiresMs: Date.now() - 1 })).client, client),
  },
  {
    name: 'a ticket for another edge',
    code: 'TICKET_INVALID',
    bring: async (at) => bring((await tenant.pipe(at, client, connector, { edge: 'edg_2' })).client, client),
  },
  {
    name: 'a ticket signed by somebody else',
    code: 'TICKET_INVALID',
    bring: async (at) => bring((await foreign.pipe(at, client, connector)).client, client),
  },
  {
    name: 'a ticket with one character changed',
    code: 'TICKET_INVALID',
    bring: async (at) => {
      const { client: ticket } = await tenant.pipe(at, client, connector)
      const spoilt = ticket.ticket.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
      return bring(
        { ...ticket, ticket: spoilt.replace(/\.(.)/, (_, c) => (c === 'e' ? '.f' : '.e')) },
        client,
      )
    },
  },
  {
    name: 'a certificate of another CA with the same tenant name',
    code: 'PEER_REFUSED',
    bring: async (at) => {
      const stranger = {
        ...(await foreign.credentials('client', 'dev_1')),
        rootPem: tenant.authority.rootPem,
      }
      return bring((await tenant.pipe(at, client, connector)).client, stranger)
    },
  },
  {
    name: 'an edge certificate where an agent is wanted',
    code: 'PEER_REFUSED',
    bring: async (at) => bring((await tenant.pipe(at, client, connector)).client, edge),
  },
  {
    name: 'a revoked certificate',
    code: 'IDENTITY_REVOKED',
    receiver: { revoked: true },
    bring: async (at) => bring((await tenant.pipe(at, client, connector)).client, client),
  },
  {
    name: 'what admit refuses',
    code: 'EDGE_DRAINING',
    receiver: {
      admit: () => {
        throw new Fault('EDGE_DRAINING', 'it is late')
      },
    },
    bring: async (at) => bring((await tenant.pipe(at, client, connector)).client, client),
  },
]

function bring(ticket: Parameters<typeof bringHalf>[0], credentials: Credentials) {
  return bringHalf(ticket, { egress: DIRECT, credentials, signal })
}

for (const { name, code, bring: attempt, receiver: options } of REFUSED) {
  test(`the agent learns why a half was refused: ${name}`, async () => {
    await using receiver = await openReceiver(options)
    assert.equal((await faultOf(attempt(receiver.address))).code, code)
    const seen = await receiver.halves[0]
    assert.ok(seen instanceof Fault && seen.code === code, String(seen))
  })
}

test('an edge whose certificate is of another CA is TLS_INTERCEPTED, and its issuer is named', async () => {
  await using receiver = await openReceiver({ credentials: await foreign.credentials('edge', 'edg_1') })
  const { client: ticket } = await tenant.pipe(receiver.address, client, connector)
  const fault = await faultOf(bring(ticket, client))
  assert.equal(fault.code, 'TLS_INTERCEPTED')
  assert.match(String(fault.seen.issuer), /Backstitch intermediate/)
})

test('another edge of the tenant than the one the ticket names is refused', async () => {
  await using receiver = await openReceiver({ credentials: await tenant.credentials('edge', 'edg_9') })
  const { client: ticket } = await tenant.pipe(receiver.address, client, connector)
  assert.equal((await faultOf(bring(ticket, client))).code, 'PEER_REFUSED')
})

/** Speaks the outer TLS by hand, as an agent that does not keep to the protocol. */
async function outer(port: number, o: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const { keyPem: key, certificate: cert, rootPem: ca } = client
  const defaults = { host: '127.0.0.1', port, key, cert, ca, ALPNProtocols: [ALPN_PIPE] }
  const socket = tls.connect({ ...defaults, rejectUnauthorized: false, ...o })
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return socket
}

const rawHeader = (ticketBytes: number) => encodeHandoverHeader({ mode: 'raw', trial: false, ticketBytes })

test('a mode that this version does not know, no ticket, and a trial with one are refused', async () => {
  await using receiver = await openReceiver()
  const spoilt = [
    { header: Buffer.of(4, 0, 9), code: 'PROTOCOL_ERROR' },
    { header: rawHeader(0), code: 'TICKET_INVALID' },
    {
      header: encodeHandoverHeader({ mode: 'wrapped', trial: true, ticketBytes: 1 }),
      code: 'TICKET_INVALID',
    },
  ]
  for (const { header, code } of spoilt) {
    const socket = await outer(receiver.address.port)
    socket.write(header)
    const [answer] = await once(socket, 'data')
    assert.equal(String(answer.subarray(1)), code)
    socket.destroy()
  }
})

test('a ticket length over the cap is refused before the ticket is read', async () => {
  await using receiver = await openReceiver()
  const socket = await outer(receiver.address.port)
  socket.write(rawHeader(MAX_TICKET_BYTES + 1))
  const [answer] = await once(socket, 'data')
  assert.equal(String(answer.subarray(1)), 'TICKET_INVALID')
  socket.destroy()
})

test('bytes after the ticket, inside the outer TLS, are refused', async () => {
  await using receiver = await openReceiver()
  const { client: ticket } = await tenant.pipe(receiver.address, client, connector)
  const socket = await outer(receiver.address.port)
  const header = rawHeader(ticket.ticket.length)
  socket.write(Buffer.concat([header, Buffer.from(ticket.ticket), Buffer.from('x')]))
  const [answer] = await once(socket, 'data')
  assert.equal(String(answer.subarray(1)), 'PROTOCOL_ERROR')
  socket.destroy()
})

test('TLS 1.2 and another ALPN do not pass the outer handshake', async () => {
  await using receiver = await openReceiver()
  for (const o of [{ maxVersion: 'TLSv1.2' }, { ALPNProtocols: [ALPN_CONTROL] }] as const) {
    await assert.rejects(
      outer(receiver.address.port, { ...o, ALPNProtocols: [...(o.ALPNProtocols ?? [ALPN_PIPE])] }),
    )
  }
  for (const seen of await Promise.all(receiver.halves)) assert.ok(seen instanceof Fault)
})

test('no client certificate is PEER_REFUSED', async () => {
  await using receiver = await openReceiver()
  const socket = await outer(receiver.address.port, { key: undefined, cert: undefined })
  const [answer] = await once(socket, 'data')
  assert.equal(String(answer.subarray(1)), 'PEER_REFUSED')
  socket.destroy()
})

test('a connection that stalls ends at the deadline, whichever step it stalls in', async () => {
  await using receiver = await openReceiver({ handshakeMs: 300 })
  const mute = net.connect(receiver.address.port, '127.0.0.1').on('error', () => {})
  const noTicket = await outer(receiver.address.port)
  const halfTicket = await outer(receiver.address.port)
  halfTicket.write(Buffer.concat([rawHeader(200), Buffer.from([1, 2, 3])]))
  const closed = [mute, noTicket, halfTicket].map((socket) => once(socket.resume(), 'close'))
  await Promise.all(closed)
  for (const seen of await Promise.all(receiver.halves))
    assert.ok(!(seen instanceof Fault && seen.code === 'INTERNAL'))
})

test('an agent whose edge stalls gives up with HANDSHAKE_TIMEOUT, and with EDGE_UNREACHABLE when it hangs up', async () => {
  await using mute = await listenHere(() => {})
  await using rude = await listenHere((socket) => socket.destroy())
  for (const [{ host, port }, code] of [
    [mute, 'HANDSHAKE_TIMEOUT'],
    [rude, 'EDGE_UNREACHABLE'],
  ] as const) {
    const { client: ticket } = await tenant.pipe({ id: 'edg_1', host, port }, client, connector)
    const brought = bringHalf(ticket, { egress: DIRECT, credentials: client, signal, timeoutMs: 300 })
    assert.equal((await faultOf(brought)).code, code)
  }
})
