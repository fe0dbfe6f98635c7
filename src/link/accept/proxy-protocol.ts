/**
 * Whose connection a balancer passes on: the PROXY protocol, versions 1 and 2, as HAProxy and the balancers of clouds
 * send it before the first byte of the connection. Its sender is believed: only named balancers are asked for one.
 * Spec: https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt
 *
 * @module
 */
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { Fault } from '../../base/faults.ts'
import { addressText } from '../../base/ip-address.ts'
import type { PeerAddress } from '../../wire/relay.ts'
import { readExactly, StreamEnded } from '../dial/read-exactly.ts'

const V1_START = 'PROXY '
const V2_START = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
/** As much as tells the versions apart; no header is shorter. */
const START_BYTES = V2_START.length
/** Section 2.1: "PROXY", the longest addresses and ports, and the end of the line. */
const V1_MOST_BYTES = 107
/** What follows the addresses is for others, and is not kept: a balancer sends some dozen bytes of it. */
const V2_MOST_BYTES = 2048
const V2_HEAD_BYTES = 4
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 16 }

/** Whether the first bytes of a connection are such a header. */
export function beginsAsProxyProtocol(first: Buffer): boolean {
  const of = (start: Buffer) => first.length >= start.length && first.subarray(0, start.length).equals(start)
  return of(Buffer.from(V1_START)) || of(V2_START)
}

/**
 * Takes the header off, and nothing behind it.
 *
 * @returns Who connected to the balancer; nothing where it speaks for itself (a check of health).
 * @throws {Fault} PROTOCOL_ERROR when there is none, or one that nobody can read; EDGE_UNREACHABLE when it went away.
 * @throws the reason of `signal`.
 */
export async function takeProxyHeader(
  stream: Readable,
  signal: AbortSignal,
): Promise<PeerAddress | undefined> {
  let taken = 0
  const read = async (bytes: number) => {
    const piece = await readExactly(stream, bytes, signal)
    taken += bytes
    return piece
  }
  try {
    const start = await read(START_BYTES)
    if (start.equals(V2_START)) return await restOfV2(read)
    if (start.toString('latin1').startsWith(V1_START)) return await restOfV1(start, read)
  } catch (thrown) {
    if (!(thrown instanceof StreamEnded)) throw thrown
    const detail = 'the load balancer disconnected before its PROXY protocol header'
    throw new Fault('EDGE_UNREACHABLE', detail, { cause: thrown, seen: { silent: taken === 0 } })
  }
  throw noHeader('it sends none: switch it on there, or remove it from "balancers"')
}

type ReadBytes = (bytes: number) => Promise<Buffer>

/** `PROXY TCP4 192.0.2.1 198.51.100.1 40000 443`, CR LF. */
async function restOfV1(start: Buffer, read: ReadBytes): Promise<PeerAddress | undefined> {
  let line = start.toString('latin1')
  while (!line.endsWith('\n')) {
    if (line.length === V1_MOST_BYTES) throw noHeader(`version 1 in more than ${V1_MOST_BYTES} bytes`)
    line += (await read(1)).toString('latin1')
  }
  const [, family, address = '', , port = ''] = line.trimEnd().split(' ')
  if (family === 'UNKNOWN') return undefined
  const isRead = isIP(address) === { TCP4: 4, TCP6: 6 }[family ?? ''] && /^\d{1,5}$/.test(port)
  if (!isRead || Number(port) > 65_535) throw noHeader('version 1 with invalid addresses')
  return { address, port: Number(port) }
}

async function restOfV2(read: ReadBytes): Promise<PeerAddress | undefined> {
  const head = await read(V2_HEAD_BYTES)
  const [versionAndCommand = 0, family = 0] = head
  const length = head.readUInt16BE(2)
  if (length > V2_MOST_BYTES) throw noHeader(`version 2 with ${length} bytes`)
  const rest = length === 0 ? Buffer.alloc(0) : await read(length)
  if (versionAndCommand === 0x20) return undefined // LOCAL: a connection of its own
  if (versionAndCommand !== 0x21) throw noHeader(`version and command ${versionAndCommand}`)
  const bytes = ADDRESS_BYTES[family >> 4]
  if (bytes === undefined || (family & 0x0f) !== 1) return undefined // no TCP: nothing that is known here
  if (rest.length < 2 * bytes + 4) throw noHeader('version 2 that ends within its addresses')
  return { address: addressText(rest.subarray(0, bytes)), port: rest.readUInt16BE(2 * bytes) }
}

function noHeader(what: string): Fault {
  return new Fault('PROTOCOL_ERROR', `the load balancer's PROXY protocol header cannot be read: ${what}`, {
    hop: 'edge',
    seen: { balancer: true },
  })
}
