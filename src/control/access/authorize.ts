/**
 * The decision about one destination: which segment, which rule, which connector. Pure; agents/clients.ts
 * turns the answer into a grant and tickets.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { commonCause } from '../../policy/common-cause.ts'
import { decide, decisionFault } from '../../policy/decide.ts'
import { canonicalHost } from '../../policy/destination.ts'
import type { PolicyRule, PostureValue } from '../../policy/rule.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import { type Candidate, type Selection, selectConnector } from '../../policy/select.ts'
import type { PolicySnapshot, WrongKind } from '../base/snapshot.ts'

/** What a device looks like to rules that ask for the kind of client. */
export const CLIENT_KIND = 'client'

export interface AuthorizeQuestion {
  readonly user: string
  readonly device: string
  readonly posture: Readonly<Record<string, PostureValue>>
  readonly clientKind: string
  readonly host: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly nowMs: number
}

export interface Permitted {
  readonly host: string
  readonly segment: PolicySegment
  readonly rule: PolicyRule
}

/**
 * May this user on this device reach this destination?
 *
 * @throws {Fault} BAD_DESTINATION, CLIENT_NOT_COVERED, CLIENT_WRONG_PORT, POLICY_DENIED, POSTURE_FAILED, POLICY_UNREADABLE,
 *   IDENTITY_REVOKED.
 */
export function permit(policy: PolicySnapshot, asked: AuthorizeQuestion): Permitted {
  const host = canonicalHost(asked.host)
  const destination = { host, port: asked.port, protocol: asked.protocol }
  const where = `${host} ${asked.protocol} ${asked.port}`
  const user = policy.users.get(asked.user)
  // Before anything else: whoever is shut out learns nothing of what there is.
  if (user === undefined || !user.enabled) {
    throw new Fault(
      'IDENTITY_REVOKED',
      `the user of this device is ${user === undefined ? 'deleted' : 'disabled'}`,
    )
  }
  const match = policy.destinations.find(destination)
  if (match.is === 'not-covered') {
    throw new Fault('CLIENT_NOT_COVERED', `no enabled segment declares ${host}`, {
      seen: { destination: where },
    })
  }
  const { segment } = match
  if (segment.unreadable !== undefined) throw unreadable('segment', segment.name, segment.unreadable, where)
  if (match.is === 'wrong-port') throw wrongPort(segment, host, asked)
  const request = {
    user: { id: asked.user, groups: user.groups },
    device: { id: asked.device, posture: asked.posture },
    clientKind: asked.clientKind,
    segment,
    nowMs: asked.nowMs,
  }
  const decision = decide(policy.rules, request)
  if (!decision.allow) throw decisionFault(decision, request)
  return { host, segment, rule: decision.rule }
}

export function wrongPort(
  segment: PolicySegment,
  host: string,
  { port, protocol }: Pick<AuthorizeQuestion, 'port' | 'protocol'>,
): Fault {
  const lists = segment[protocol].map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
  return new Fault(
    'CLIENT_WRONG_PORT',
    `segment ${segment.name} covers ${host} and lists ${protocol} ${lists.join(', ') || 'nothing'}, not ${port}`,
    { seen: { destination: `${host} ${protocol} ${port}`, segment: segment.name, lists } },
  )
}

function unreadable(kind: string, name: string, why: string, destination: string): Fault {
  return new Fault('POLICY_UNREADABLE', `${kind} ${name} cannot be read and is therefore closed: ${why}`, {
    seen: { destination, [kind]: name, why },
  })
}

/**
 * Which connector serves the segment now?
 *
 * @param candidates Members of the groups behind the segment, with what is known of each.
 * @throws {Fault} SEGMENT_UNMAPPED, WRONG_CONNECTOR_KIND, NO_HEALTHY_CONNECTOR with the reason of every member.
 */
export function choose(
  policy: PolicySnapshot,
  segment: PolicySegment,
  candidates: (groups: readonly string[]) => Candidate[],
): Selection & { chosen: Candidate } {
  const groups = policy.connectorGroupsOf(segment)
  if (groups.length === 0) {
    const why =
      segment.serverGroups.length === 0
        ? 'it has no server group'
        : 'its server groups have no enabled connector group'
    throw new Fault('SEGMENT_UNMAPPED', `segment ${segment.name}: ${why}`, {
      seen: { segment: segment.name },
    })
  }
  const wrongKinds = policy.wrongKinds(groups)
  if (wrongKinds.length === groups.length) throw wrongKind(segment, wrongKinds)
  const others = wrongKinds.flatMap(({ id, name, kind }) => {
    const because = `its group ${name} is for ${kind} connectors`
    return policy.members([id]).map((member) => ({ id: member.id, name: member.name, because }))
  })
  const failover = policy.failoverGroupsOf(segment)
  const members = candidates(groups.filter((group) => !wrongKinds.some(({ id }) => id === group))).map(
    (member): Candidate => ({ ...member, failover: failover.includes(member.group) }),
  )
  let selection = selectConnector(members)
  // Where no other member reaches it either, trying again is right: the answer is then the application's own.
  if (selection.chosen === undefined) {
    selection = selectConnector(members.map((member) => ({ ...member, unreachable: undefined })))
  }
  const excluded = [...selection.excluded, ...others]
  if (selection.chosen === undefined) {
    const reasons = excluded.map((member) => `${member.name}: ${member.because}`)
    const alone = commonCause(members)
    const detail = reasons.length === 0 ? 'its connector groups have no members' : reasons.join('; ')
    // Whoever is lost is where it broke; what an admin has switched off, or not enrolled, control has decided.
    const lost =
      members.length > 0 && members.every(({ state }) => state === 'disconnected' || state === 'draining')
    throw new Fault('NO_HEALTHY_CONNECTOR', `segment ${segment.name}: ${detail}`, {
      hop: lost ? 'connector' : undefined,
      seen: { segment: segment.name, members: reasons, ...(alone && { alone }) },
    })
  }
  return { ...selection, excluded, chosen: selection.chosen }
}

/** Branch and cloud connectors carry other traffic: none of them dials a private application. */
function wrongKind(segment: PolicySegment, groups: readonly WrongKind[]): Fault {
  const named = groups.map(({ name, kind }) => `group ${name} is for ${kind} connectors`)
  return new Fault('WRONG_CONNECTOR_KIND', `segment ${segment.name}: ${named.join('; ')}`, {
    seen: { segment: segment.name, groups: named },
  })
}
