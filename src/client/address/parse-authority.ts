import { Fault } from '../../base/faults.ts'

/** `[` IPv6 `]` or anything without a colon, then the port. Names are checked further by canonicalHost. */
const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^\s:[\]@/?#\\]{1,253})):([0-9]{1,5})$/

/**
 * Reads `HOST:PORT` or `[IPv6]:PORT`, as CONNECT and the command line have it. No user, no path, no default port.
 *
 * @throws {Fault} BAD_DESTINATION naming what came.
 */
export function parseAuthority(text: string): { host: string; port: number } {
  const match = text.length <= 300 ? AUTHORITY.exec(text) : null
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65_535) {
    const seen = text.slice(0, 300).replace(/^.*@/s, '') // before it may be a password
    throw new Fault('BAD_DESTINATION', `expected HOST:PORT: got ${JSON.stringify(seen)}`, {
      seen: { value: seen },
    })
  }
  return { host: (match[1] ?? match[2])!, port }
}
