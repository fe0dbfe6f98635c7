/**
 * Looks at the first message of a TLS connection without taking it: who comes, before anything is spent on them.
 *
 * @module
 */
import type net from 'node:net'
import { Readable } from 'node:stream'
import { getExtensionData, readTlsClientHello } from 'read-tls-client-hello'
import { Fault } from '../base/faults.ts'
import { readable } from '../link/read-exactly.ts'

/** Nothing beyond this is held for a peer that has proved nothing. A hello of today's browsers has 2 KiB. */
export const MAX_HELLO_BYTES = 16_384

const RECORD_HEADER_BYTES = 5
const MESSAGE_HEADER_BYTES = 4
const HANDSHAKE = 22
const CLIENT_HELLO = 1
/** application_layer_protocol_negotiation, RFC 7301. */
const ALPN_EXTENSION = 16

export interface ClientHello {
  /** Protocols offered, in the client's order. Empty when the client names none. */
  readonly alpn: readonly string[]
}

/**
 * Reads the ClientHello and puts every byte back into `socket`, which is paused afterwards.
 *
 * @throws {Fault} PROTOCOL_ERROR if it is not TLS, malformed or too long; EDGE_UNREACHABLE if the peer went away;
 *   the reason of `signal`.
 */
export async function peekClientHello(socket: net.Socket, signal: AbortSignal): Promise<ClientHello> {
  const chunks: Buffer[] = []
  let hello: Buffer | undefined
  while (hello === undefined) {
    signal.throwIfAborted()
    const chunk = socket.read() as Buffer | null
    if (chunk !== null) {
      chunks.push(chunk)
      hello = wholeHello(chunks.length === 1 ? chunk : Buffer.concat(chunks))
    } else if (socket.readableEnded || socket.destroyed) {
      throw gone(undefined, chunks.length)
    } else {
      await readable(socket, signal).catch((thrown: unknown) => {
        throw signal.aborted ? signal.reason : gone(thrown, chunks.length)
      })
    }
  }
  socket.pause()
  socket.unshift(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
  return { alpn: await alpnOf(hello) }
}

/**
 * The ClientHello message at the start of `bytes`, taken out of its records (it may be split over several); undefined
 * while it is not whole.
 *
 * @throws {Fault} PROTOCOL_ERROR as soon as the bytes cannot become one.
 */
export function wholeHello(bytes: Buffer): Buffer | undefined {
  const fragments: Buffer[] = []
  let have = 0
  for (let at = 0; ; ) {
    if (bytes.length > at && bytes[at] !== HANDSHAKE) throw notTls(`record type ${bytes[at]}`)
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) throw notTls(`record version ${bytes[at + 1]}`)
    if (bytes.length < at + RECORD_HEADER_BYTES) return undefined
    const length = bytes.readUInt16BE(at + 3)
    if (length === 0 || have + length > MAX_HELLO_BYTES) throw notTls(`record length ${length}`)
    const start = at + RECORD_HEADER_BYTES
    if (bytes.length > start && fragments.length === 0 && bytes[start] !== CLIENT_HELLO) {
      throw notTls(`handshake message ${bytes[start]}`)
    }
    if (bytes.length < start + length) return undefined
    fragments.push(bytes.subarray(start, start + length))
    have += length
    at = start + length
    const message = fragments.length === 1 ? fragments[0]! : Buffer.concat(fragments)
    if (have < MESSAGE_HEADER_BYTES) continue
    const whole = MESSAGE_HEADER_BYTES + message.readUIntBE(1, 3)
    if (whole > MAX_HELLO_BYTES) throw notTls(`ClientHello of ${whole} bytes`)
    if (have > whole) throw notTls('bytes after the ClientHello in its record')
    if (have === whole) return message
  }
}

async function alpnOf(hello: Buffer): Promise<readonly string[]> {
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + hello.length)
  record.writeUIntBE(0x160301, 0, 3)
  record.writeUInt16BE(hello.length, 3)
  hello.copy(record, RECORD_HEADER_BYTES)
  try {
    const parsed = await readTlsClientHello(Readable.from([record], { objectMode: false }))
    return getExtensionData(parsed, ALPN_EXTENSION)?.protocols ?? []
  } catch (cause) {
    throw notTls('a malformed ClientHello', cause)
  }
}

function notTls(what: string, cause?: unknown): Fault {
  return new Fault('PROTOCOL_ERROR', `the connection does not begin as TLS: ${what}`, { hop: 'edge', cause })
}

function gone(cause: unknown, chunks: number): Fault {
  const detail = 'the peer went away before its ClientHello'
  return new Fault('EDGE_UNREACHABLE', detail, { cause, seen: { silent: chunks === 0 } })
}
