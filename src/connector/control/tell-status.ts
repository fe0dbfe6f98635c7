import { faultToMessage } from '../../link/control/fault-message.ts'
import {
  cutText,
  type FaultMessage,
  MAX_NOTE_CHARS,
  MAX_OWN_NOTES,
  MAX_SESSIONS_BY,
  NOTE_CODES,
  type Note,
  type StatusMessage,
} from '../../wire/control.ts'
import type { Vitals } from '../health/vitals.ts'
import type { ConnectorLedger } from '../sessions/connector-ledger.ts'

export interface StatusMessageFacts extends Pick<StatusMessage, 'state' | 'tunnels'> {
  readonly rttUs: number | undefined
  readonly open: Pick<ConnectorLedger['open'], 'count' | 'bySegment'>
  readonly vitals: Vitals
  /** What it serves in spite of, as its own status has it. */
  readonly notes: readonly FaultMessage[]
  /** Control has the samples up to this mark of the vitals. */
  readonly toldMark: number
}

/** How this connector is, for control; with the figures since it was last told. */
export function statusMessage(facts: StatusMessageFacts): StatusMessage {
  const { state, tunnels, rttUs, open, vitals, toldMark } = facts
  const notes = notesFor(facts.notes)
  const { last } = vitals
  const samples = vitals.since(toldMark)
  const { overload, leak } = vitals
  const figures = last === undefined ? undefined : withoutMoment(last)
  return {
    type: 'status',
    state,
    sessions: open.count,
    tunnels,
    cpuPercent: last?.cpuPercent ?? 0,
    rssBytes: last?.rssBytes ?? process.memoryUsage.rss(),
    ...(rttUs === undefined ? {} : { rttUs }),
    ...(figures === undefined ? {} : { figures, samples }),
    sessionsBy: open
      .bySegment()
      .slice(0, MAX_SESSIONS_BY)
      .map(({ segment, sessions }) => ({ segment, sessions })),
    ...(overload === undefined ? {} : { overload: faultToMessage(overload) }),
    ...(leak === undefined ? {} : { leak: faultToMessage(leak) }),
    ...(notes.length === 0 ? {} : { notes }),
  }
}

/** Those that control takes, the first few, cut to what it takes. */
export function notesFor(notes: readonly FaultMessage[]): Note[] {
  return notes
    .flatMap(({ code, hop, detail }): Note[] => {
      const listed = NOTE_CODES.find((one) => one === code)
      return listed === undefined
        ? []
        : [{ code: listed, hop, detail: cutText(detail, MAX_NOTE_CHARS, MAX_NOTE_CHARS) }]
    })
    .slice(0, MAX_OWN_NOTES)
}

function withoutMoment<Sample extends { atMs: number; sessions: number }>(sample: Sample) {
  const { atMs: _at, sessions: _sessions, ...figures } = sample
  return figures
}
