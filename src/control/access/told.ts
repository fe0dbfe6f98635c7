/**
 * What of a refusal its user is told. Segments that no rule could ever let this user reach are as if they were not
 * there; of the others the user hears the own condition that failed. All of it stands in the denial, for admins.
 *
 * @module
 */
import { asFault, Fault, type FaultCode } from '../../base/faults.ts'
import { compare, type Denied, decide } from '../../policy/decide.ts'
import { canonicalHost } from '../../policy/destination.ts'
import { concerns, inReach } from '../../policy/in-reach.ts'
import type { AccessRequest, FailingCondition } from '../../policy/rule.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import { type AuthorizeQuestion, type Permitted, permit, wrongPort } from './authorize.ts'

/** Codes of a decision. Whoever gets others has been let in, or was not understood. */
const DECISIONS: ReadonlySet<FaultCode> = new Set([
  'CLIENT_NOT_COVERED',
  'CLIENT_WRONG_PORT',
  'POLICY_DENIED',
  'POSTURE_FAILED',
  'POLICY_UNREADABLE',
])

/** A refusal, with what its user is told of it. */
export class Refused extends Fault {
  readonly told: Fault

  constructor({ code, detail, hop, seen }: Fault, told: Fault) {
    super(code, detail, { hop, seen })
    this.told = told
  }
}

/** As permit. @throws {Refused}. */
export function permitOrTell(policy: PolicySnapshot, asked: AuthorizeQuestion): Permitted {
  try {
    return permit(policy, asked)
  } catch (error) {
    const fault = asFault(error)
    throw new Refused(fault, toldOf(policy, asked, fault))
  }
}

/** The same work whatever is refused, so that its time says nothing either. */
export function toldOf(policy: PolicySnapshot, asked: AuthorizeQuestion, refused: Fault): Fault {
  if (!DECISIONS.has(refused.code)) return refused
  const host = canonicalHost(asked.host)
  const where = whereTo(asked)
  const match = policy.destinations.find({ ...asked, host }, (segment) =>
    inReach(policy.rules, requestFor(policy, asked, segment)),
  )
  if (match.is === 'not-covered') return notForYou(host, where)
  const { segment } = match
  if (segment.unreadable !== undefined) return unreadable(segment, where)
  if (match.is === 'wrong-port') return wrongPort(segment, host, asked)
  const about = requestFor(policy, asked, segment)
  const decision = decide(policy.rules, about)
  // What refused it is a closer segment, which this user does not know of.
  return decision.allow ? notForYou(host, where) : deniedTo(decision, about, where)
}

/** As toldOf, of a segment that the user was let to until now. */
export function toldOfOwn(
  policy: PolicySnapshot,
  asked: AuthorizeQuestion,
  segment: PolicySegment,
  refused: Fault,
): Fault {
  const about = requestFor(policy, asked, segment)
  const decision = decide(policy.rules, about)
  return decision.allow ? refused : deniedTo(decision, about, whereTo(asked))
}

function whereTo({ host, protocol, port }: AuthorizeQuestion): string {
  return `${canonicalHost(host)} ${protocol} ${port}`
}

function requestFor(policy: PolicySnapshot, asked: AuthorizeQuestion, segment: PolicySegment): AccessRequest {
  return {
    user: { id: asked.user, groups: policy.users.get(asked.user)?.groups ?? [] },
    device: { id: asked.device, posture: asked.posture },
    ...{ clientKind: asked.clientKind, segment, nowMs: asked.nowMs },
  }
}

function notForYou(host: string, destination: string): Fault {
  return new Fault('CLIENT_NOT_COVERED', `no application available to you is at ${host}`, {
    seen: { destination },
  })
}

function unreadable({ name }: PolicySegment, destination: string): Fault {
  const detail = `the policy for ${name} cannot be read, so access is closed`
  return new Fault('POLICY_UNREADABLE', detail, { seen: { destination, segment: name } })
}

/** As decisionFault, with what is nobody else's business left out. For users who know of the segment. */
function deniedTo({ rule, nearest }: Denied, request: AccessRequest, destination: string): Fault {
  const { segment } = request
  if (rule?.unreadable !== undefined) return unreadable(segment, destination)
  const near = nearest && concerns(nearest.rule.conditions, request) ? nearest : undefined
  const failing = near && own(near.failing)
  const but =
    failing === undefined
      ? ''
      : `; rule "${near!.rule.name}" would allow it except for ${failing.condition}: ${compare(failing)}`
  const says = rule === undefined ? 'no rule allows' : `rule "${rule.name}" denies`
  const code = rule === undefined && failing?.condition === 'posture' ? 'POSTURE_FAILED' : 'POLICY_DENIED'
  return new Fault(code, `${says} ${segment.name}${but}`, {
    seen: {
      ...{ destination, segment: segment.name },
      ...(rule && { rule: rule.name }),
      ...(failing && { nearestRule: near!.rule.name, ...failing }),
    },
  })
}

/** The devices that a rule names are those of others, too. */
function own(failing: FailingCondition): FailingCondition {
  if (failing.condition !== 'devices') return failing
  return { condition: 'devices', wanted: ['another device'], seen: ['this one'] }
}
