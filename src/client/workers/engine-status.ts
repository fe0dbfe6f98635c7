/**
 * What one process that carries sessions says of itself, and what several say together.
 *
 * @module
 */
import type { StillSessions } from '../../agent/sessions/still-sessions.ts'
import type { Clock } from '../../base/clock.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { applicationNotes } from '../session/application-notes.ts'
import { ClientSessionTotals, type ToldTotals } from '../session/client-session-totals.ts'
import type { ClientDecision } from '../session/decisions.ts'
import type { SessionEngine } from './session-engine.ts'

/** Numbers: cheap enough to be told each second. */
export interface EngineFigures {
  readonly open: number
  readonly totals: ToldTotals
  readonly bypassed: number
  readonly tunnels: number
  readonly grants: number
  readonly reportsWaiting: number
  readonly reportsShed: number
  readonly blockedPaths: number
}

/** What people read: told when somebody asks. */
export interface EngineDetails {
  readonly notes: readonly FaultMessage[]
  readonly waiting: readonly StillSessions[]
  readonly tunnels: readonly TunnelRow[]
  readonly grants: readonly GrantRow[]
  /** Newest first. */
  readonly decisions: readonly ClientDecision[]
}

export interface TunnelRow {
  readonly connector: string
  readonly connectorName?: string
  readonly edge: string
  readonly pipe: string
  readonly streams: number
  readonly rttUs: number
  readonly queuedBytes: number
  readonly bytesPerSecond: number
  readonly retired: boolean
  /** Inside its outer TLS: slower. */
  readonly wrapped: boolean
}

export interface GrantRow {
  readonly id: string
  readonly destination: string
  readonly segment: string
  readonly connector: string
  readonly endsInMs: number
}

export function figuresOf({ opener, tunnels, grants, reports, rawPhase }: SessionEngine): EngineFigures {
  return {
    open: opener.live.size,
    totals: opener.totals.told,
    bypassed: opener.bypass.opened,
    tunnels: [...tunnels.all()].length,
    grants: grants.size,
    reportsWaiting: reports.waiting,
    reportsShed: reports.shed,
    blockedPaths: rawPhase.blocked.length,
  }
}

export function detailsOf(engine: SessionEngine, clock: Clock): EngineDetails {
  const { grants, tunnels, rawPhase, reports, opener, silence, looks, decisions } = engine
  const nowUs = clock.monotonicUs()
  const held = [...grants.values()] // they can be gone through once
  const notes = [
    ...rawPhase.blocked,
    reports.unwritten,
    opener.lanes.note,
    ...applicationNotes({ grants: held, silence, looks, clock }),
  ]
  return {
    notes: notes.filter((note) => note !== undefined).map(faultToMessage),
    waiting: silence.waiting,
    tunnels: [...tunnels.all()].map(({ facts, sessions, mux, bytesPerSecond, retired }) => ({
      connector: facts.connector,
      connectorName: grants.connectorName(facts.connector),
      edge: facts.edge,
      pipe: facts.pipe,
      streams: sessions.size,
      rttUs: mux.rttUs,
      queuedBytes: mux.queuedBytes,
      bytesPerSecond: Math.round(bytesPerSecond),
      retired,
      wrapped: facts.wrapped,
    })),
    grants: held.map(({ granted, to, endUs }) => ({
      id: granted.grantId,
      destination: to.key,
      segment: granted.segmentName,
      connector: granted.connector,
      endsInMs: Math.max(0, Math.round((endUs - nowUs) / 1000)),
    })),
    decisions: decisions.latest,
  }
}

const NO_FIGURES: EngineFigures = {
  open: 0,
  totals: new ClientSessionTotals().told,
  bypassed: 0,
  tunnels: 0,
  grants: 0,
  reportsWaiting: 0,
  reportsShed: 0,
  blockedPaths: 0,
}

/** The sums. @param all Of each process; none: all is zero. */
export function sumOfFigures(all: readonly EngineFigures[]): EngineFigures {
  const totals = new ClientSessionTotals()
  for (const one of all) totals.addAll(one.totals)
  const sum = { ...NO_FIGURES, totals: totals.told }
  for (const name of Object.keys(NO_FIGURES) as (keyof EngineFigures)[])
    if (name !== 'totals') sum[name] = all.reduce((so, one) => so + one[name], 0)
  return sum
}

/** As if one process had it all. What two of them say alike is said once. */
export function joinDetails(all: readonly EngineDetails[]): EngineDetails {
  const notes = new Map(
    all.flatMap(({ notes }) => notes).map((note) => [`${note.code} ${note.detail}`, note]),
  )
  const decisions = all.flatMap((one) => one.decisions)
  return {
    notes: [...notes.values()],
    waiting: all.flatMap(({ waiting }) => waiting),
    tunnels: all.flatMap(({ tunnels }) => tunnels),
    grants: all.flatMap(({ grants }) => grants),
    decisions: decisions.sort((a, b) => b.at.localeCompare(a.at)),
  }
}

/** What remains of a process that has ended: what it counted. */
export function pastOf({ totals, bypassed, reportsShed }: EngineFigures): EngineFigures {
  return { ...NO_FIGURES, totals, bypassed, reportsShed }
}
