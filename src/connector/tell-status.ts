import { faultToMessage } from '../link/fault-message.ts'
import { type AgentMessage, MAX_SESSIONS_BY } from '../wire/control.ts'
import type { ActiveSessions } from './active-sessions.ts'
import type { Vitals } from './vitals.ts'

type Status = Extract<AgentMessage, { type: 'status' }>

export interface StatusFacts extends Pick<Status, 'state' | 'tunnels'> {
  readonly rttUs: number | undefined
  readonly active: ActiveSessions
  readonly vitals: Vitals
  /** Control has the samples up to here. */
  readonly toldMs: number
  readonly nowMs: number
}

/** How this connector is, for control; with the figures since it was last told. */
export function statusMessage(facts: StatusFacts): Status {
  const { state, tunnels, rttUs, active, vitals, toldMs, nowMs } = facts
  const last = vitals.history.at(-1)
  const samples = vitals.history
    .filter(({ atMs }) => atMs > toldMs)
    .map(({ atMs, ...sample }) => ({ agoMs: Math.max(0, nowMs - atMs), ...sample }))
  const { overload, leak } = vitals
  const figures = last === undefined ? undefined : withoutMoment(last)
  return {
    type: 'status',
    state,
    sessions: active.count,
    tunnels,
    cpuPercent: last?.cpuPercent ?? 0,
    rssBytes: last?.rssBytes ?? process.memoryUsage.rss(),
    ...(rttUs === undefined ? {} : { rttUs }),
    ...(figures === undefined ? {} : { figures, samples }),
    sessionsBy: active
      .bySegment()
      .slice(0, MAX_SESSIONS_BY)
      .map(({ segment, sessions }) => ({ segment, sessions })),
    ...(overload === undefined ? {} : { overload: faultToMessage(overload) }),
    ...(leak === undefined ? {} : { leak: faultToMessage(leak) }),
  }
}

function withoutMoment<Sample extends { atMs: number; sessions: number }>(sample: Sample) {
  const { atMs: _at, sessions: _sessions, ...figures } = sample
  return figures
}
