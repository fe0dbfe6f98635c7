import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { readDefaultInterface } from './default-route.ts'

export interface Neighbour {
  /** The router, or the destination itself where it is on this network. */
  readonly address: string
  /** The interface that leads there. */
  readonly via: string
  /** `undefined`: it was not asked for, as on a tunnel. */
  readonly answers?: boolean
}

const ARP_COMPLETE = 0x2

/** The first machine that a packet to `address` passes, as route and ARP tables of this moment say. IPv4 only. */
export async function readNeighbour(address: string): Promise<Neighbour | undefined> {
  if (!net.isIPv4(address) || address.startsWith('127.')) return undefined
  const routes = parseRoutes(await readFile('/proc/net/route', 'utf8').catch(() => ''))
  const value = numberOf(address)
  const best = routes
    .filter(({ network, mask }) => (value & mask) >>> 0 === network)
    .sort((a, b) => b.mask - a.mask || a.metric - b.metric)[0]
  if (best === undefined) return undefined
  const hop = best.gateway === 0 ? address : dotted(best.gateway)
  const arp = await readFile('/proc/net/arp', 'utf8').catch(() => '')
  const entry = arp
    .split('\n')
    .map((line) => line.split(/\s+/))
    .find(([ip]) => ip === hop)
  return { address: hop, via: best.via, answers: entry && (Number(entry[2]) & ARP_COMPLETE) !== 0 }
}

/** The interface by which packets to `address` leave. Of IPv6 the one of the default route. */
export async function interfaceTo(address: string): Promise<string | undefined> {
  return (await readNeighbour(address))?.via ?? readDefaultInterface().catch(() => undefined)
}

/** The router of the IPv4 default route. */
export async function readGateway(): Promise<string | undefined> {
  const routes = parseRoutes(await readFile('/proc/net/route', 'utf8').catch(() => ''))
  const [best] = routes
    .filter(({ mask, gateway }) => mask === 0 && gateway !== 0)
    .sort((a, b) => a.metric - b.metric)
  return best && dotted(best.gateway)
}

interface Route {
  readonly network: number
  readonly mask: number
  readonly gateway: number
  readonly metric: number
  readonly via: string
}

/** Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask…; addresses are hex in host byte order. */
function parseRoutes(text: string): Route[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns.length >= 8)
    .map((c) => ({
      network: swapped(c[1]!),
      gateway: swapped(c[2]!),
      metric: Number(c[6]),
      via: c[0]!,
      mask: swapped(c[7]!),
    }))
}

function swapped(hex: string): number {
  return Buffer.from(hex, 'hex').readUInt32LE(0)
}

function numberOf(address: string): number {
  return Buffer.from(address.split('.').map(Number)).readUInt32BE(0)
}

function dotted(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return [...bytes].join('.')
}
