import { asFault, Fault } from '../base/faults.ts'
import type { Draft } from './session-allowance.ts'
import { joinSession, type KnownSession, type ReportedSession } from './session-record.ts'

/** A report that was not taken, and why. */
export interface RefusedReport {
  readonly reported: ReportedSession
  readonly fault: Fault
  /** It is one too many of this device. */
  readonly shedOf?: string
}

/** Joins a report with what is in `known`, and notes there what came of it. @returns the id of a session that has changed. */
export function mergeReport(
  known: Map<string, KnownSession>,
  draft: Draft,
  reported: ReportedSession,
): { readonly changed?: string; readonly refused?: RefusedReport } {
  const { session, side, grant } = reported.report
  const before = known.get(session)
  let after: KnownSession
  try {
    after = joinSession(before, reported)
  } catch (error) {
    return { refused: { reported, fault: asFault(error) } }
  }
  if (after === before) return {}
  const { device = '' } = after.facts
  const other = side === 'client' ? 'connector' : 'client'
  if (before === undefined) {
    if (!draft.first(side, device, grant)) return { refused: overLimit(reported, device) }
  } else if (before[side] === undefined && before[other] !== undefined) draft.both(other, device)
  known.set(session, after)
  return { changed: session }
}

function overLimit(reported: ReportedSession, device: string): RefusedReport {
  const detail = `device ${device} has more sessions than one end alone may report`
  return { reported, fault: new Fault('EDGE_BUSY', detail, { hop: 'control' }), shedOf: device }
}
