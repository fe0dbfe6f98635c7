/**
 * Looks at the first message of a TLS connection without taking it: who comes, before anything is spent on them.
 *
 * @module
 */
import type net from 'node:net'
import { Readable } from 'node:stream'
import { getExtensionData, readTlsClientHello } from 'read-tls-client-hello'
import { Fault } from '../../base/faults.ts'
import { readable } from '../dial/read-exactly.ts'
import { HelloReader, notTls } from './hello-reader.ts'
import { beginsAsProxyProtocol } from './proxy-protocol.ts'

const RECORD_HEADER_BYTES = 5
/** application_layer_protocol_negotiation, RFC 7301. */
const ALPN_EXTENSION = 16

export interface ClientHello {
  /** Protocols offered, in the client's order. Empty when the client names none. */
  readonly alpn: readonly string[]
}

/**
 * Reads the ClientHello and puts every byte back into `socket`, which is paused afterwards.
 *
 * @throws {Fault} PROTOCOL_ERROR if it is not TLS, malformed, too long or in too many pieces; EDGE_UNREACHABLE if the
 *   peer went away; the reason of `signal`.
 */
export async function peekClientHello(socket: net.Socket, signal: AbortSignal): Promise<ClientHello> {
  const pieces: Buffer[] = []
  const reader = new HelloReader()
  let hello: Buffer | undefined
  while (hello === undefined) {
    signal.throwIfAborted()
    const piece = socket.read() as Buffer | null
    if (piece !== null) {
      pieces.push(piece)
      if (pieces.length === 1 && beginsAsProxyProtocol(piece)) throw unnamedBalancer(socket)
      hello = reader.take(piece)
    } else if (socket.readableEnded || socket.destroyed) {
      throw gone(undefined, pieces.length)
    } else {
      await readable(socket, signal).catch((thrown: unknown) => {
        throw signal.aborted ? signal.reason : gone(thrown, pieces.length)
      })
    }
  }
  socket.pause()
  socket.unshift(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces))
  return { alpn: await alpnOf(hello) }
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

/** Whoever may say who somebody is, is named: else everybody could. */
function unnamedBalancer({ remoteAddress: from }: net.Socket): Fault {
  const detail = `a PROXY protocol header comes from ${from}, which is not a load balancer of this edge: add it to "balancers", or switch the header off there`
  return new Fault('PROTOCOL_ERROR', detail, { hop: 'edge', seen: { balancer: true } })
}

function gone(cause: unknown, pieces: number): Fault {
  const detail = 'the peer disconnected before its ClientHello'
  return new Fault('EDGE_UNREACHABLE', detail, { cause, seen: { silent: pieces === 0 } })
}
