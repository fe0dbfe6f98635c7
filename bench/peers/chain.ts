/**
 * Ports of a three-part chain: user side → relay → far side → application, one row per service.
 *
 * @module
 */

import { type Service, type Services, servicesOf } from '../application.ts'
import type { Address } from '../children.ts'
import { freePort } from '../ports.ts'

export interface Link {
  readonly service: Service
  /** Where the user connects. */
  readonly user: number
  readonly relay: number
  readonly far: number
  readonly application: Address
}

export async function chainLinks(application: Services): Promise<Link[]> {
  const links: Link[] = []
  for (const [service, at] of servicesOf(application)) {
    const [user, relay, far] = [await freePort(), await freePort(), await freePort()]
    links.push({ service, user, relay, far, application: at })
  }
  return links
}

/** The addresses a generator connects to. */
export function entrances(links: readonly { service: Service; user: number }[]): Services {
  const at = links.map(({ service, user }) => [service, { host: '127.0.0.1', port: user }] as const)
  return Object.fromEntries(at) as unknown as Services
}
