/**
 * Both ends of a tunnel over real TLS on loopback, and the sockets that programs hold at either end.
 *
 * @module
 */
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { Authority, createAuthority } from '../pki/authority.ts'
import { createKeyAndCsr } from '../pki/csr.ts'
import type { Open, Opened } from '../wire/open.ts'
import { Mux } from './mux.ts'
import type { MuxOptions } from './mux-options.ts'
import type { MuxStream } from './stream.ts'
import type { StreamEnd } from './stream-end.ts'

export const OPENED: Opened = { dnsUs: 1, connectUs: 2, address: '127.0.0.1' }
export const OPEN: Open = {
  session: `ses_${'0'.repeat(26)}`,
  grant: '0'.repeat(32),
  protocol: 'tcp',
  host: 'app.example',
  port: 80,
}

let server: Promise<tls.SecureContext> | undefined

async function serverContext(): Promise<tls.SecureContext> {
  const nowMs = Date.now()
  const authority = await Authority.load('t', await createAuthority('t', nowMs))
  const { keyPem, csrPem } = await createKeyAndCsr('c')
  const identity = { tenant: 't', role: 'connector', id: 'c' } as const
  const { certificate } = await authority.issue({ csrPem, identity, lifeMs: 3_600_000, nowMs })
  return tls.createSecureContext({ key: keyPem, cert: certificate })
}

/** Two ends of one TCP connection on loopback. */
export async function socketPair(): Promise<[net.Socket, net.Socket]> {
  const listener = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as net.AddressInfo
  const near = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const [[far]] = (await Promise.all([once(listener, 'connection'), once(near, 'connect')])) as [
    [net.Socket],
    unknown,
  ]
  listener.close()
  for (const socket of [near, far]) socket.on('error', () => {})
  return [near, far]
}

/** @param between Stands in the middle of the ciphertext, as an edge would; default: nothing does. */
export async function tlsPair(
  between: (client: net.Socket, connector: net.Socket) => void = () => {},
): Promise<{ client: tls.TLSSocket; connector: tls.TLSSocket }> {
  server ??= serverContext()
  const secureContext = await server
  const [a, a2] = await socketPair()
  let b = a2
  if (between.length > 0) {
    const [c, c2] = await socketPair()
    between(a2, c)
    b = c2
  }
  const connector = new tls.TLSSocket(b, { isServer: true, secureContext })
  const client = tls.connect({ socket: a, rejectUnauthorized: false })
  for (const socket of [client, connector]) socket.on('error', () => {})
  await Promise.all([once(connector, 'secure'), once(client, 'secureConnect')])
  return { client, connector }
}

/** What the connector's end saw of one stream. */
export interface ServedStream {
  readonly stream: MuxStream
  readonly open: Open
}

export class TunnelPair implements AsyncDisposable {
  readonly client: Mux
  readonly connector: Mux
  /** Why each end closed, as onClose heard it. */
  readonly closed: { client: Promise<unknown>; connector: Promise<unknown> }
  readonly #waiting: PromiseWithResolvers<ServedStream>[] = []
  readonly #served: ServedStream[] = []

  static async open(
    options: { client?: Partial<MuxOptions>; connector?: Partial<MuxOptions> } = {},
    between?: (client: net.Socket, connector: net.Socket) => void,
  ): Promise<TunnelPair> {
    return new TunnelPair(await tlsPair(between), options)
  }

  private constructor(
    sockets: { client: tls.TLSSocket; connector: tls.TLSSocket },
    options: { client?: Partial<MuxOptions>; connector?: Partial<MuxOptions> },
  ) {
    const clientClosed = Promise.withResolvers<unknown>()
    const connectorClosed = Promise.withResolvers<unknown>()
    this.closed = { client: clientClosed.promise, connector: connectorClosed.promise }
    this.connector = new Mux(sockets.connector, {
      role: 'connector',
      onOpen: (stream, open) => this.#onOpen({ stream, open }),
      onClose: connectorClosed.resolve,
      ...options.connector,
    })
    this.client = new Mux(sockets.client, {
      role: 'client',
      onClose: clientClosed.resolve,
      ...options.client,
    })
  }

  #onOpen(served: ServedStream): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve(served)
    else this.#served.push(served)
  }

  /** The next stream that reaches the connector. */
  next(): Promise<ServedStream> {
    const served = this.#served.shift()
    if (served) return Promise.resolve(served)
    this.#waiting.push(Promise.withResolvers())
    return this.#waiting.at(-1)!.promise
  }

  /** A stream that nothing is attached to yet, both ends of it. */
  async stream(open: Partial<Open> = {}) {
    const opened = Promise.withResolvers<Opened>()
    const closed = Promise.withResolvers<StreamEnd>()
    const near = this.client.open({ ...OPEN, ...open }, { opened: opened.resolve, closed: closed.resolve })
    const { stream: far } = await this.next()
    return { near, far, opened: opened.promise, closed: closed.promise }
  }

  /** A user and an application, joined through the tunnel. */
  async session() {
    const { near, far, closed } = await this.stream()
    const [user, local] = await socketPair()
    const [app, remote] = await socketPair()
    near.attach(local)
    far.accept(OPENED)
    far.attach(remote)
    return { near, far, user, app, closed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.client[Symbol.asyncDispose](), this.connector[Symbol.asyncDispose]()])
  }
}

/** Bytes that repeat nowhere near a frame or record length, so that a lost or doubled piece shows. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Everything up to FIN. @throws if the socket breaks instead. */
export async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const broken = once(socket, 'error').then(([error]) => Promise.reject(error))
  broken.catch(() => {})
  if (!socket.readableEnded) await Promise.race([once(socket, 'end'), broken])
  return Buffer.concat(chunks)
}

/** Exactly `length` bytes, which must be the next to come. */
export async function readBytes(socket: net.Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let have = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const onData = (chunk: Buffer) => {
    chunks.push(chunk)
    have += chunk.length
    if (have >= length) resolve()
  }
  socket.on('data', onData)
  socket.resume()
  await promise
  socket.off('data', onData)
  return Buffer.concat(chunks)
}
