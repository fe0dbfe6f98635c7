import { readFile } from 'node:fs/promises'
import path from 'node:path'

const RTF_UP = 0x1
const RTF_REJECT = 0x200

/**
 * The interface that the default route leaves by, with the lowest metric; IPv4 before IPv6.
 *
 * @param root Where the file system starts.
 * @throws {NoDefaultRoute} if there is none; what keeps the tables from being read.
 */
export async function readDefaultInterface(root = '/'): Promise<string> {
  const v4 = await readTable(path.join(root, 'proc/net/route'))
  const v6 = await readTable(path.join(root, 'proc/net/ipv6_route'))
  const name = lowest(parseRoutes4(v4)) ?? lowest(parseRoutes6(v6))
  if (name === undefined) throw new NoDefaultRoute()
  return name
}

export class NoDefaultRoute extends Error {
  constructor() {
    super('there is no default route')
  }
}

/** A kernel without that family has no table of it. */
function readTable(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
}

interface DefaultRoute {
  readonly name: string
  readonly metric: number
}

/** Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT. */
function parseRoutes4(text: string): DefaultRoute[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((c) => c[1] === '00000000' && c[7] === '00000000' && usable(c[3]))
    .map((c) => ({ name: c[0]!, metric: Number(c[6]) }))
}

/** Columns: destination length source length gateway metric refcnt use flags interface. */
function parseRoutes6(text: string): DefaultRoute[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((c) => /^0{32}$/.test(c[0] ?? '') && c[1] === '00' && c[9] !== 'lo' && usable(c[8]))
    .map((c) => ({ name: c[9]!, metric: Number.parseInt(c[5]!, 16) }))
}

function usable(flagsHex: string | undefined): boolean {
  const flags = Number.parseInt(flagsHex ?? '0', 16)
  return (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0
}

function lowest(routes: DefaultRoute[]): string | undefined {
  return routes.sort((a, b) => a.metric - b.metric)[0]?.name
}
