import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import { type Grant, signGrant } from '../../pki/grant.ts'
import type { SigningKey } from '../../pki/signing-keys.ts'
import { isAddress } from '../../policy/destination.ts'
import { meantNetworks } from '../../policy/meant-networks.ts'
import type { Candidate } from '../../policy/select.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { Repositories } from '../../store/store.ts'
import type { Permitted } from './authorize.ts'

/** Short: what is not renewed ends by itself. Clients renew at 2/3 while they use it. */
const GRANT_LIFE_MS = 600_000

export interface GrantDeps {
  readonly tenant: string
  readonly clock: Clock
}

export interface Grantee {
  readonly user: string
  readonly userName: string
  readonly device: string
  readonly thumbprint: string
  /** Asked for. */
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  /** End of the client certificate: a grant does not outlive it. */
  readonly notAfterMs: number
}

/** A grant that counts once it is kept. */
export interface MadeGrant {
  readonly grant: Grant
  readonly jws: string
  readonly live: IssuedGrant
  /** For the audit record: names as they are now. */
  readonly named: { readonly rule: string; readonly connector: string }
}

/**
 * Makes the permission, to be kept before anybody gets it.
 *
 * A grant names the one host and port that were asked for: another host or port of the same segment may belong to a more
 * specific segment, with other rules, and what ends a grant then ends nothing else. `addressCidrs` is what the segment itself says
 * of addresses: only a CIDR of its own opens a special range, never the address somebody asked for.
 */
export async function makeGrant(
  deps: GrantDeps,
  key: SigningKey,
  to: Grantee,
  permitted: Permitted,
  connector: Candidate,
): Promise<MadeGrant> {
  const { host, segment, rule } = permitted
  const port: [number, number] = [to.port, to.port]
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
    tcp: to.protocol === 'tcp' ? [port] : [],
    udp: to.protocol === 'udp' ? [port] : [],
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
    networks: grant.addressCidrs,
  }
  const named = { rule: rule.name, connector: connector.name }
  return { grant, jws: await signGrant(key, grant), live, named }
}

/** To be done in the transaction in which it was asked whether policy still gives it. */
export async function keepGrant(tx: Repositories, { grant, live, named }: MadeGrant): Promise<void> {
  const { id, user, device, segmentName: segment } = grant
  await tx.revocations.issued(live)
  await tx.audit.append({
    actor: `user ${user}`,
    action: 'grant.issue',
    object: `grant ${id}`,
    detail: { host: live.host, segment, ...named, device },
  })
}
