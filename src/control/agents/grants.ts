import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import { type Grant, signGrant } from '../../pki/grant.ts'
import type { SigningKey } from '../../pki/signing-keys.ts'
import { isAddress } from '../../policy/destination.ts'
import { meantNetworks } from '../../policy/meant-networks.ts'
import type { Candidate } from '../../policy/select.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { Store } from '../../store/store.ts'
import type { Permitted } from './authorize.ts'

/** Short: what is not renewed ends by itself. Clients renew at 2/3 while they use it. */
const GRANT_LIFE_MS = 600_000

export interface GrantDeps {
  readonly store: Store
  readonly tenant: string
  readonly clock: Clock
}

export interface Grantee {
  readonly user: string
  readonly userName: string
  readonly device: string
  readonly thumbprint: string
  /** End of the client certificate: a grant does not outlive it. */
  readonly notAfterMs: number
}

/**
 * Signs the permission, once it is durable that it was given.
 *
 * A grant names the one host that was asked for, with all ports of its segment: another host of the same
 * segment may belong to a more specific segment, with other rules. `addressCidrs` is what the segment itself says
 * of addresses: only a CIDR of its own opens a special range, never the address somebody asked for.
 */
export async function issueGrant(
  deps: GrantDeps,
  key: SigningKey,
  to: Grantee,
  permitted: Permitted,
  connector: Candidate,
): Promise<{ grant: Grant; jws: string; live: IssuedGrant }> {
  const { host, segment, rule } = permitted
  const nowMs = deps.clock.nowMs()
  const address = isAddress(host)
  const grant: Grant = {
    id: newId('grt', nowMs),
    tenant: deps.tenant,
    user: to.user,
    userName: to.userName,
    device: to.device,
    thumbprint: to.thumbprint,
    connector: connector.id,
    segment: segment.id,
    segmentName: segment.name,
    rule: rule.id,
    hosts: address ? [] : [host],
    cidrs: address ? [`${host}/${host.includes(':') ? 128 : 32}`] : [],
    addressCidrs: meantNetworks(segment, host),
    tcp: segment.tcp.map(([from, last]) => [from, last]),
    udp: segment.udp.map(([from, last]) => [from, last]),
    issuedMs: nowMs,
    expiresMs: Math.min(nowMs + GRANT_LIFE_MS, to.notAfterMs),
  }
  const live: IssuedGrant = {
    id: grant.id,
    connectorId: connector.id,
    deviceId: to.device,
    userId: to.user,
    segmentId: segment.id,
    ruleId: rule.id,
    host,
    expiresMs: grant.expiresMs,
    ports: { tcp: grant.tcp, udp: grant.udp },
  }
  const jws = await signGrant(key, grant)
  await deps.store.transaction(async (tx) => {
    await tx.revocations.issued(live)
    await tx.audit.append({
      actor: `user ${to.user}`,
      action: 'grant.issue',
      object: `grant ${grant.id}`,
      detail: { host, segment: segment.name, rule: rule.name, connector: connector.name, device: to.device },
    })
  })
  return { grant, jws, live }
}
