import type { Clock } from '../../base/clock.ts'
import { inSlices, nextTurn, turnIsOver } from '../../base/slices.ts'
import { allowedSegments } from '../../policy/allowed-segments.ts'
import type { Store } from '../../store/store.ts'
import { batches } from '../../wire/control.ts'
import { CLIENT_KIND } from '../access/authorize.ts'
import type { PolicyNow } from '../base/policy-now.ts'
import type { Connected } from '../presence/presence.ts'

/** What a client may reach is a hint: it must not make the welcome too long to be taken. */
const COVERED_HOSTS = { maxItems: 2000, maxBytes: 48_000 }
const COVERED_CIDRS = { maxItems: 2000, maxBytes: 16_000 }

interface CoversDeps {
  readonly store: Pick<Store, 'devices'>
  readonly policy: PolicyNow
  readonly clock: Clock
}

/** Hosts and networks that policy would let this device reach now: a hint for its PAC file. */
export async function coversOf(
  { store, policy: read, clock }: CoversDeps,
  client: Connected,
): Promise<{ hosts: string[]; cidrs: string[] }> {
  const policy = await read()
  const device = await store.devices.byId(client.peer.identity.id)
  const user = device && policy.users.get(device.userId)
  const hosts = new Set<string>()
  const cidrs = new Set<string>()
  if (device === undefined || user?.enabled !== true) return { hosts: [], cidrs: [] }
  const who = {
    user: { id: device.userId, groups: user.groups },
    device: { id: device.id, posture: device.posture },
    clientKind: CLIENT_KIND,
    nowMs: clock.nowMs(),
  }
  const isAllowed = await inSlices(allowedSegments(policy.rules, who))
  for (const segment of policy.segments) {
    if (turnIsOver()) await nextTurn()
    if (hosts.size >= COVERED_HOSTS.maxItems && cidrs.size >= COVERED_CIDRS.maxItems) break
    if (!segment.enabled || segment.unreadable !== undefined) continue
    if (!isAllowed(segment)) continue
    const decided = policy.destinations.decidedBy(segment)
    if (hosts.size < COVERED_HOSTS.maxItems) for (const host of decided.hosts) hosts.add(host)
    if (cidrs.size < COVERED_CIDRS.maxItems) for (const cidr of decided.cidrs) cidrs.add(cidr)
  }
  const [firstHosts = []] = batches(hosts, COVERED_HOSTS)
  const [firstCidrs = []] = batches(cidrs, COVERED_CIDRS)
  return { hosts: firstHosts, cidrs: firstCidrs }
}
