/**
 * Where a session goes, in the one form that everything after it compares: canonical host, port, protocol.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { canonicalHost } from '../../policy/destination.ts'
import type { Protocol } from '../../wire/open.ts'

export interface Destination {
  /** Canonical name or address (policy/destination.ts). */
  readonly host: string
  readonly port: number
  readonly protocol: Protocol
  /** The name was written with its final dot: no search domain may be put behind it. The same destination to policy. */
  readonly absolute?: true
  /** `tcp/host:port`: equal exactly if the three are. */
  readonly key: string
}

/** @throws {Fault} BAD_DESTINATION. */
export function destination(host: string, port: number, protocol: Protocol): Destination {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Fault('BAD_DESTINATION', `expected a port from 1 to 65535: got ${port}`, { seen: { port } })
  }
  const canonical = canonicalHost(host)
  const absolute = host.endsWith('.') && { absolute: true as const }
  const key = `${protocol}/${hostPort({ host: canonical, port })}`
  return { host: canonical, port, protocol, ...absolute, key }
}
