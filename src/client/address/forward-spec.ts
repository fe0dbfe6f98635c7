import { Fault } from '../../base/faults.ts'
import type { Protocol } from '../../wire/open.ts'
import { type ListenPlace, parsePlace } from './listen-address.ts'
import { parseAuthority } from './parse-authority.ts'

/** One local port, or one Unix socket, and where it leads. */
export interface ForwardSpec {
  readonly protocol: Protocol
  readonly local: ListenPlace
  readonly host: string
  readonly port: number
}

/**
 * Reads `LOCAL HOST:PORT`, where LOCAL is `PORT`, `ADDRESS:PORT` or `unix:PATH`, with `udp/` before a port for UDP.
 *
 * @throws {Fault} INVALID or BAD_DESTINATION.
 */
export function parseForward(text: string): ForwardSpec {
  const parts = text.trim().split(/\s+/)
  if (parts.length !== 2) {
    throw new Fault('INVALID', `Cannot read forward ${JSON.stringify(text)}: expected LOCAL HOST:PORT`, {
      hop: 'client',
    })
  }
  return forwardSpec(parts[0]!, parts[1]!)
}

/** As `parseForward`, of its two words. A forward listens on any address of this machine that is asked for by name. */
export function forwardSpec(local: string, to: string): ForwardSpec {
  const [, prefix, address] = /^(?:(tcp|udp)\/)?(.*)$/s.exec(local)!
  const protocol = prefix === 'udp' ? 'udp' : 'tcp'
  const place = parsePlace(address!, { beyondLoopback: true })
  if ('file' in place && protocol === 'udp') {
    throw new Fault('INVALID', `Cannot listen on "${local}": a Unix socket cannot carry UDP`, {
      hop: 'client',
    })
  }
  return { protocol, local: place, ...parseAuthority(to) }
}
