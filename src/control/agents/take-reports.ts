/**
 * Session reports of one agent: looked at, joined with what is known, and acknowledged once they are durable. A session is
 * one of a grant, and everything but what an end measured is taken from there. What cannot be true is refused and counted;
 * it costs the agent nothing else.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import type { CountedLines } from '../../base/counted-lines.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import { CLIENT_NUMBERS, isSessionOf, sessionNumber } from '../../base/session-id.ts'
import { portIn } from '../../policy/segment.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { RefusedReport } from '../../store/session-merge.ts'
import type { ReportedSession } from '../../store/session-record.ts'
import type { Store } from '../../store/store.ts'
import type { AgentMessage, ControlMessage, SessionReport } from '../../wire/control.ts'
import type { LiveGrants } from '../access/live-grants.ts'
import type { PolicyNow } from '../base/policy-now.ts'
import type { Edges } from '../presence/edges.ts'
import type { Connected, Presence } from '../presence/presence.ts'
import type { Traces } from '../trace/traces.ts'
import { factsOfGrant, type GrantFacts } from './session-facts.ts'

type SessionMessage = Extract<AgentMessage, { type: 'session' }>

export interface TakeReportsDeps {
  readonly store: Store
  readonly live: LiveGrants
  readonly presence: Presence
  readonly traces: Traces
  readonly policy: Pick<PolicyNow, 'inEffect'>
  readonly edges: Edges
  /** Sessions that were granted and did not reach their application. */
  readonly unreached: CountedLines
  readonly clock: Clock
  readonly log: Log
}

/** The certificates of agents bear no larger difference of clocks. */
const AHEAD_MS = 86_400_000

/** @throws {Fault} STORE_FAILED, EDGE_BUSY: nothing is acknowledged, and the agent tells it again. */
export async function takeReports(
  deps: TakeReportsDeps,
  connected: Connected,
  { id, reports, shed }: SessionMessage,
): Promise<ControlMessage> {
  const { store, clock, edges, traces } = deps
  const { role, id: agent } = connected.peer.identity
  const side = role === 'client' ? 'client' : 'connector'
  noteShed(deps, connected, shed)
  const grants = await grantsOf(deps, reports)
  const nowMs = clock.nowMs()
  const good: ReportedSession[] = []
  const refused: { session: string; why: string }[] = []
  for (const raw of reports) {
    const report = { ...raw, side } as const
    const of = grants.get(raw.grant)
    const why = objectionTo(report, of?.issued, nowMs)
    if (why !== undefined) {
      refused.push({ session: report.session, why })
      continue
    }
    const names = {
      ...of?.names,
      ...edges.reasonFor(report.pipe),
      ...(of && traces.isCanary(report.session, of.issued) && { canary: true as const }),
    }
    if (of !== undefined) sayUnreached(deps, report, of.issued.host)
    good.push({ report, agent, fixed: of?.fixed, names })
  }
  const lost = await store.sessions.mergeAll(good)
  for (const { reported, fault } of lost)
    refused.push({ session: reported.report.session, why: fault.detail })
  noteRefused(deps, agent, refused, lost)
  return { type: 'session-kept', id, refused: refused.length }
}

/** Granted is not reached: what a connector met behind a grant is a line here, too, one for each application and minute. */
function sayUnreached(
  { unreached, log }: TakeReportsDeps,
  { side, state, closeReason, closeHop, closeDetail, address, port, bytesDown }: SessionReport,
  host: string,
): void {
  const isOfLastMile = closeHop === 'application' || closeHop === 'dns'
  if (side !== 'connector' || state !== 'closed' || closeReason === undefined || !isOfLastMile) return
  if (closeReason === 'done' || address !== undefined || bytesDown > 0) return
  const where = hostPort({ host, port })
  unreached.note(`${where} ${closeReason}`, (times) => {
    const many = times === 1 ? '' : ` ${times} times within a minute`
    log.warn(
      { event: 'session.unreached', code: closeReason, hop: closeHop, host, port, times },
      `${where} was unreachable${many}: ${closeReason}: ${closeDetail ?? ''}`,
    )
  })
}

/** Those that still count are in memory; others are asked for all at once. */
async function grantsOf(
  { store, live, presence, policy }: TakeReportsDeps,
  reports: readonly SessionReport[],
): Promise<Map<string, GrantFacts>> {
  const snapshot = await policy.inEffect()
  const found = new Map<string, GrantFacts>()
  const ended = new Set<string>()
  const add = (issued: IssuedGrant) => found.set(issued.id, factsOfGrant(issued, snapshot, presence))
  for (const { grant } of reports) {
    if (found.has(grant) || ended.has(grant)) continue
    const issued = live.get(grant)
    if (issued !== undefined) add(issued)
    else ended.add(grant)
  }
  for (const issued of await store.revocations.given([...ended])) add(issued)
  return found
}

/** What no honest agent says, or nothing. @param issued The grant that it names; none where it is not known any more. */
export function objectionTo(
  { session, side, state, startedMs, endedMs, protocol, port }: SessionReport,
  issued: IssuedGrant | undefined,
  nowMs: number,
): string | undefined {
  const latestMs = nowMs + AHEAD_MS
  if (issued !== undefined) {
    if (!isSessionOf(session, issued)) return 'its id does not belong to its grant'
    if (side === 'client' && sessionNumber(session) >= CLIENT_NUMBERS)
      return 'its id is one that connectors assign'
    const ranges = issued.ports?.[protocol]
    if (ranges !== undefined && !portIn(ranges, port)) return `its grant does not cover ${protocol} ${port}`
  }
  if (startedMs > latestMs) return 'it begins in the future'
  if (state === 'open') return endedMs === undefined ? undefined : 'it is open but has an end'
  if (endedMs === undefined) return 'it is closed but has no end'
  if (endedMs < startedMs) return 'it ends before it begins'
  return endedMs > latestMs ? 'it ends in the future' : undefined
}

function noteRefused(
  { store, log }: TakeReportsDeps,
  agent: string,
  refused: readonly { session: string; why: string }[],
  lost: readonly RefusedReport[],
): void {
  const over = new Map<string, number>()
  for (const { shedOf } of lost) if (shedOf !== undefined) over.set(shedOf, (over.get(shedOf) ?? 0) + 1)
  let unsaid = refused.length
  for (const [device, shed] of over) {
    unsaid -= shed
    const count = store.sessions.allowance.shed(device, shed)
    if (count === undefined) continue
    const about = { event: 'session-report.over-limit', agent, device, count }
    log.warn(
      about,
      `${count} sessions of ${device} were not recorded: only one end reported them, and too many of them`,
    )
  }
  if (unsaid === 0) return
  const about = { event: 'session-report.refused', agent, count: unsaid, ...refused[0] }
  log.warn(about, `${unsaid} session reports of ${agent} were not stored`)
}

/** An agent has more records than it may keep. */
function noteShed({ log }: TakeReportsDeps, connected: Connected, shed: number): void {
  const count = shed - (connected.shed ?? 0)
  connected.shed = shed
  if (count <= 0) return
  const { id } = connected.peer.identity
  log.warn({ event: 'session-report.shed', agent: id, count }, `${id} has dropped ${count} session records`)
}
