import { asFault, type Fault } from '../../base/faults.ts'
import { leadsFurther } from '../../policy/leads-further.ts'
import { meantNetworks } from '../../policy/meant-networks.ts'
import { merged, minus, type PortRange } from '../../policy/ports.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import type { DeviceHolder } from '../../store/device-record.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import { isSignedIn } from '../presence/admitted.ts'
import { type AuthorizeQuestion, CLIENT_KIND, permit } from './authorize.ts'
import { toldOf, toldOfOwn } from './told.ts'

/** What is known of the device that holds a grant. */
export interface Holder {
  readonly device: DeviceHolder | undefined
  readonly nowMs: number
}

export interface Objection {
  /** For admins. */
  readonly why: string
  /** For the agents: the user reads it. */
  readonly told: string
}

const PROTOCOLS = ['tcp', 'udp'] as const

/**
 * Why the grant would not be given now, or undefined: all that it leads to is asked for afresh. Which segment and rule gave
 * it then says nothing: another that gives the same is as good. Pure. What policy cannot read is no reason: it gives
 * nothing new, and takes nothing away.
 */
export function objection(
  policy: PolicySnapshot,
  grant: IssuedGrant,
  { device, nowMs }: Holder,
): Objection | undefined {
  const { unreadable } = policy
  if (device === undefined || !device.enabled)
    return because(`device ${grant.deviceId} is disabled or deleted`)
  if (!isSignedIn(device, nowMs)) return because(`the sign-in on device ${grant.deviceId} has ended`)
  if (device.userId !== grant.userId) return because(`device ${grant.deviceId} now has another user`)
  if (unreadable.has(grant.userId)) return undefined
  const user = policy.users.get(grant.userId)
  if (user === undefined || !user.enabled) {
    return because(`its user is ${user === undefined ? 'deleted' : 'disabled'}`)
  }
  const before = policy.destinations.byId(grant.segmentId)
  if (unreadable.has(grant.segmentId) || unreadable.has(before?.segmentGroup ?? '')) return undefined
  const { host, ports } = grant
  if (ports === undefined) return because('it was issued by a version that did not record its ports')
  for (const protocol of PROTOCOLS) {
    for (const range of ports[protocol]) {
      const objected = toRange(policy, grant, { device, nowMs }, { host, protocol, range })
      if (objected !== undefined) return objected
    }
  }
  return undefined
}

interface Towards {
  readonly host: string
  readonly protocol: 'tcp' | 'udp'
  /** One port; several in grants from an older version. */
  readonly range: PortRange
}

function toRange(
  policy: PolicySnapshot,
  grant: IssuedGrant,
  { device, nowMs }: { readonly device: DeviceHolder; readonly nowMs: number },
  { host, protocol, range }: Towards,
): Objection | undefined {
  const who = { user: grant.userId, device: device.id, posture: device.posture, clientKind: CLIENT_KIND }
  const asked: AuthorizeQuestion = { ...who, host, port: range[0], protocol, nowMs }
  let segment: PolicySegment
  try {
    segment = permit(policy, asked).segment
  } catch (error) {
    const fault = asFault(error)
    if (fault.code === 'INTERNAL') throw error
    if (fault.code === 'POLICY_UNREADABLE' || policy.unreadable.has(grant.ruleId)) return undefined
    return refusal(policy, grant, asked, fault)
  }
  const decided = policy.destinations.portsAt(host, segment)[protocol]
  if (range[0] !== range[1] && minus(merged([range]), decided).length > 0)
    return because('its segment no longer lists some of its ports')
  const why = lostWay(policy, grant, segment) ?? lostNetworks(grant, segment)
  return why === undefined ? undefined : because(why)
}

/** The user knows of the segment that the grant was for, and of others what the rules say. */
function refusal(
  policy: PolicySnapshot,
  grant: IssuedGrant,
  asked: AuthorizeQuestion,
  fault: Fault,
): Objection {
  const before = policy.destinations.byId(grant.segmentId)
  const lost =
    before?.enabled === true ? '' : `its segment is ${before === undefined ? 'deleted' : 'disabled'}`
  if (fault.code === 'CLIENT_NOT_COVERED') return because(lost || `no segment covers ${grant.host} any more`)
  const match = policy.destinations.find(asked)
  const own = match.is !== 'not-covered' && match.segment === before ? before : undefined
  const { code, detail } = own ? toldOfOwn(policy, asked, own, fault) : toldOf(policy, asked, fault)
  const why = `${fault.code}: ${fault.detail}`
  return { why: lost === '' ? why : `${lost}; ${why}`, told: lost || `${code}: ${detail}` }
}

function because(why: string): Objection {
  return { why, told: why }
}

function lostWay(policy: PolicySnapshot, grant: IssuedGrant, segment: PolicySegment): string | undefined {
  const connector = policy.connector(grant.connectorId)
  const serves =
    connector?.enabled === true &&
    policy.connectorGroupsOf(segment).includes(connector.groupId) &&
    policy.wrongKinds([connector.groupId]).length === 0
  if (serves) return undefined
  if (segment.serverGroups.some((id) => policy.unreadable.has(id))) return undefined
  if (connector?.enabled === true && policy.unreadable.has(connector.groupId)) return undefined
  return 'its connector no longer serves the segment'
}

/** A connector dials what the grant says of addresses, whatever the segment says since. */
function lostNetworks({ host, networks }: IssuedGrant, segment: PolicySegment): string | undefined {
  if (networks === undefined || !leadsFurther(host, networks, meantNetworks(segment, host))) return undefined
  return 'its segment now covers fewer networks'
}
