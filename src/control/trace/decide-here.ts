import type { TraceInput } from '../../api/trace.ts'
import type { Clock } from '../../base/clock.ts'
import { asFault } from '../../base/faults.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { Candidate } from '../../policy/select.ts'
import type { TraceStep } from '../../wire/control.ts'
import { traceHopOf } from '../../wire/trace-hop.ts'
import { CLIENT_KIND, choose, type Permitted, permit } from '../access/authorize.ts'
import { candidatesOf } from '../access/candidates.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { Departures } from '../presence/departures.ts'
import type { Presence } from '../presence/presence.ts'
import type { Subject } from './subject.ts'

/** What the control plane would answer, and with which words. */
export interface Decided {
  /** Canonical, where it could be read. */
  readonly host: string
  /** Of policy and selection, as far as they went. */
  readonly steps: readonly TraceStep[]
  readonly permitted?: Permitted
  readonly chosen?: Candidate
  /** Connectors behind the segment. */
  readonly members: readonly string[]
  nameOf(connector: string): string
}

/** The same decision as `authorize` makes for the device, without giving anything out. */
export function decideHere(
  {
    presence,
    departures,
    clock,
  }: { readonly presence: Presence; readonly departures: Departures; readonly clock: Clock },
  policy: PolicySnapshot,
  { user, device, online }: Subject,
  { host, port, protocol }: TraceInput,
): Decided {
  const nowMs = clock.nowMs()
  const startUs = clock.monotonicUs()
  const tookUs = (sinceUs: number) => Math.max(0, clock.monotonicUs() - sinceUs)
  const none = { host, members: [], nameOf: (id: string) => id }
  let permitted: Permitted
  try {
    permitted = permit(policy, {
      ...{ user: user.id, device: device?.id ?? '', clientKind: CLIENT_KIND, host, port, protocol, nowMs },
      posture: device?.posture ?? {},
    })
  } catch (error) {
    return { ...none, steps: [failure(error, tookUs(startUs))] }
  }
  const { segment, rule } = permitted
  const allowed: TraceStep = {
    ...{ hop: 'policy', verdict: 'pass', us: tookUs(startUs) },
    text: `rule "${rule.name}" allows segment ${segment.name} to ${user.name}`,
  }
  const members = policy.members(policy.connectorGroupsOf(segment))
  const names = new Map(members.map(({ id, name }) => [id, name]))
  const decided = {
    host: permitted.host,
    permitted,
    members: members.map(({ id }) => id),
    nameOf: (id: string) => names.get(id) ?? id,
  }
  const selectUs = clock.monotonicUs()
  const to = { host: permitted.host, port, protocol }
  try {
    const { chosen, because, excluded } = choose(policy, segment, (groups) =>
      candidatesOf(policy, presence, groups, { client: online, to, departures, nowMs }),
    )
    const out = excluded.map((one) => `${one.name} is out: ${one.because}`)
    const text = [`${chosen.name} chosen: ${because}`, ...out].join('; ')
    const selected: TraceStep = { hop: 'selection', verdict: 'pass', us: tookUs(selectUs), text }
    return { ...decided, chosen, steps: [allowed, selected] }
  } catch (error) {
    return { ...decided, steps: [allowed, ...missed(failure(error, tookUs(selectUs)), [...names.values()])] }
  }
}

/** All that could be chosen are lost: then not the choice failed, but they did. */
function missed(failed: TraceStep, members: readonly string[]): TraceStep[] {
  if (failed.hop !== 'connector') return [failed]
  return [
    { hop: 'selection', verdict: 'pass', us: failed.us, text: `behind the segment: ${members.join(', ')}` },
    { hop: 'edge', verdict: 'skip', text: 'there is no connector or edge to use' },
    failed,
  ]
}

function failure(error: unknown, us: number): TraceStep {
  const fault = asFault(error)
  // What is not covered is decided here, by policy: the client asks and does not know.
  const hop = fault.hop === 'client' ? 'policy' : traceHopOf(fault)
  return { hop, verdict: 'fail', us, text: fault.detail, fault: faultToMessage(fault) }
}
