/**
 * Errnos that say: this process, or its machine, has nothing left to do it with. They come out of calls that are about
 * somebody else (a connection, a name, a file), and never say anything of them.
 *
 * @module
 */
import os from 'node:os'
import { Fault, type FaultCode, type FaultOptions, type Hop } from './faults.ts'
import { ownHop } from './own-hop.ts'

export interface Shortage {
  readonly code: Extract<FaultCode, 'FD_EXHAUSTED' | 'CONNECTOR_OVERLOADED'>
  /** What there is none of. */
  readonly lacks: string
}

const SHORTAGES: Readonly<Record<string, Shortage>> = {
  EMFILE: { code: 'FD_EXHAUSTED', lacks: 'file descriptor of this process' },
  ENFILE: { code: 'FD_EXHAUSTED', lacks: 'file descriptor of this machine' },
  ENOMEM: { code: 'CONNECTOR_OVERLOADED', lacks: 'memory' },
  ENOBUFS: { code: 'CONNECTOR_OVERLOADED', lacks: 'memory for sockets' },
  EAI_MEMORY: { code: 'CONNECTOR_OVERLOADED', lacks: 'memory' },
  // Of connect(2): every port of ip_local_port_range is taken, or no address of this machine fits.
  EADDRNOTAVAIL: { code: 'CONNECTOR_OVERLOADED', lacks: 'local port' },
  // Of clone(2) and of routes. Of a Unix socket it is a full queue of the other end: who connects to one asks first.
  EAGAIN: { code: 'CONNECTOR_OVERLOADED', lacks: 'thread or process' },
}

/**
 * @param to Where a connection was tried to, with or without a port: on a machine without IPv6, EADDRNOTAVAIL of such an
 *   address is no shortage.
 */
export function shortageOf(errno: string | undefined, to = ''): Shortage | undefined {
  if (errno === undefined || !Object.hasOwn(SHORTAGES, errno)) return undefined
  return errno === 'EADDRNOTAVAIL' && /:.*:/.test(to) && !hasIpv6() ? undefined : SHORTAGES[errno]
}

function hasIpv6(): boolean {
  const own = Object.values(os.networkInterfaces()).flat()
  return own.some((one) => one !== undefined && one.family === 'IPv6' && !one.internal)
}

/** @returns The fault of this process where `errno` is one; nothing where it says something of others. */
export function shortageFault(
  errno: string | undefined,
  what: string,
  { hop = ownHop(), ...o }: FaultOptions & { readonly hop?: Hop } = {},
): Fault | undefined {
  const short = shortageOf(errno)
  return short && new Fault(short.code, `${what}: ${shortageText(errno!)}`, { ...o, hop })
}

/** `no local port left here (EADDRNOTAVAIL)`. */
export function shortageText(errno: string): string {
  return `no ${shortageOf(errno)?.lacks ?? 'room'} left here (${errno})`
}
