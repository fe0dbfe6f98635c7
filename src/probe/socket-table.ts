/**
 * Whose a socket of this machine is, as the kernel tells it in /proc/net: one line for each socket of this network
 * namespace, of every user.
 *
 *     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode …
 *      5: 0100007F:C350 0100007F:23DC 01 00000000:00000000 00:00000000 00000000  1000        0 31337 …
 *
 * @module
 */
import { closeSync, openSync, readSync } from 'node:fs'
import os from 'node:os'
import { addressBytes } from '../base/ip-address.ts'

export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** The user of a socket; `gone` where no process has it any more, and the kernel says nothing, or root, of its user. */
export type SocketOwner = number | 'gone'

const TABLES = '/proc/net'
/** The kernel gives a page at a time, whatever is asked for. */
const CHUNK_BYTES = 65_536
const NEWLINE = 0x0a
/** Of one end of a connection in the table of IPv4. */
const V4_CHARS = '0100007F:23DC'.length
const V6_CHARS = '00000000000000000000000001000000:23DC'.length

/**
 * Users of TCP sockets, by the two ends that each has: the far end of what was accepted here is the near end there.
 * A table is read once for all of them, and no further than needed.
 *
 * @returns Without those that no table has. @throws what reading does.
 */
export function ownersOfTcp(
  wanted: Iterable<readonly [near: Endpoint, far: Endpoint]>,
  folder = TABLES,
): Map<string, SocketOwner> {
  const found = new Map<string, SocketOwner>()
  const v4 = new Map<string, string>()
  const v6 = new Map<string, string>()
  for (const [near, far] of wanted) {
    const key = pairKey(near, far)
    const ends = [near, far].map(endOf)
    if (ends.every(({ v4 }) => v4 !== undefined)) v4.set(ends.map(({ v4 }) => v4).join(' '), key)
    // A program may reach an IPv4 address by a socket of IPv6, as those of Java do.
    v6.set(ends.map(({ v6 }) => v6).join(' '), key)
  }
  search(`${folder}/tcp`, v4, V4_CHARS, found)
  const missing = [...v6].filter(([, key]) => !found.has(key))
  search(`${folder}/tcp6`, new Map(missing), V6_CHARS, found)
  return found
}

export function pairKey(near: Endpoint, far: Endpoint): string {
  return `${near.address} ${near.port} ${far.address} ${far.port}`
}

/**
 * Users of UDP sockets, by port. A datagram may say that it comes from any address of this machine, whatever its socket
 * is bound to, so every socket of a port counts.
 *
 * @throws what reading does.
 */
export function ownersOfUdp(ports: Iterable<number>, folder = TABLES): Map<number, SocketOwner[]> {
  const found = new Map([...ports].map((port): [number, SocketOwner[]] => [port, []]))
  for (const table of [`${folder}/udp`, `${folder}/udp6`]) {
    readTable(table, (chunk, end) => {
      for (const line of chunk.toString('latin1', 0, end).split('\n')) {
        const port = Number.parseInt(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) /.exec(line)?.[1] ?? '', 16)
        const owner = found.has(port) ? ownerOf(line.slice(line.indexOf(':') + 1)) : undefined
        if (owner !== undefined) found.get(port)!.push(owner)
      }
      return true
    })
  }
  return found
}

/** @param wanted Names of the callers, by the two ends as the table writes them. */
function search(
  file: string,
  wanted: ReadonlyMap<string, string>,
  chars: number,
  found: Map<string, SocketOwner>,
): void {
  if (wanted.size === 0) return
  const left = new Map(wanted)
  const fars = [...new Set([...wanted.keys()].map((ends) => Buffer.from(` ${ends.slice(chars + 1)} `)))]
  const needles = [...new Map(fars.map((far) => [far.toString(), far])).values()]
  readTable(file, (chunk, end) => {
    for (const needle of needles) {
      for (let at = chunk.indexOf(needle); at !== -1 && at < end; at = chunk.indexOf(needle, at + chars)) {
        const from = at - chars
        if (from < 0) continue
        const ends = chunk.toString('latin1', from, at + 1 + chars)
        const key = left.get(ends)
        if (key === undefined) continue
        left.delete(ends)
        found.set(key, ownerOf(chunk.toString('latin1', from, chunk.indexOf(NEWLINE, at))) ?? 'gone')
      }
    }
    return left.size > 0
  })
}

/** @param line From the local address on. */
function ownerOf(line: string): SocketOwner | undefined {
  const [, , , , , , uid, , inode] = line.trim().split(/\s+/)
  if (uid === undefined || !/^\d+$/.test(uid)) return undefined
  // Without a process the kernel says 0 for its user, as for what only waits to be forgotten: root is not meant.
  return inode === '0' && uid === '0' ? 'gone' : Number(uid)
}

/** @param visit Is given whole lines; false ends it. */
function readTable(file: string, visit: (chunk: Buffer, end: number) => boolean): void {
  const descriptor = openSync(file, 'r')
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    let held = 0
    for (;;) {
      const got = readSync(descriptor, chunk, held, CHUNK_BYTES - held, null)
      held += got
      const last = held === CHUNK_BYTES || got === 0
      // A page at a time would be one visit for some 25 lines.
      if (!last) continue
      const end = chunk.lastIndexOf(NEWLINE, held - 1) + 1
      if (end > 0 && !visit(chunk, end)) return
      if (got === 0 || end === 0) return
      chunk.copy(chunk, 0, end, held)
      held -= end
    }
  } finally {
    closeSync(descriptor)
  }
}

/** One end as the tables have it: 32-bit words in the order of this machine's bytes. */
function endOf({ address, port }: Endpoint): { v4: string | undefined; v6: string } {
  const bytes = addressBytes(address) ?? new Uint8Array(16)
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  if (bytes.length === 16) return { v4: undefined, v6: `${words(bytes)}${suffix}` }
  const mapped = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes])
  return { v4: `${words(bytes)}${suffix}`, v6: `${words(mapped)}${suffix}` }
}

const LITTLE = os.endianness() === 'LE'

function words(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 4 }, (_, word) =>
    view
      .getUint32(4 * word, LITTLE)
      .toString(16)
      .toUpperCase()
      .padStart(8, '0'),
  ).join('')
}
