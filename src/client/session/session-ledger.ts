import type { SessionReports } from '../../agent/sessions/session-reports.ts'
import type { Clock } from '../../base/clock.ts'
import type { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { SessionReport } from '../../wire/control.ts'
import { type ClientSession, faultOf } from './client-session.ts'
import { ClientSessionTotals } from './client-session-totals.ts'
import type { Decisions } from './decisions.ts'

export interface SessionLedgerDeps {
  readonly decisions: Decisions
  readonly reports: SessionReports
  readonly clock: Clock
  readonly log: Log
}

/** What became of each session: in the records for the control plane, in the decisions that status shows, in the totals. */
export class SessionLedger {
  readonly totals = new ClientSessionTotals()
  readonly #deps: SessionLedgerDeps

  constructor(deps: SessionLedgerDeps) {
    this.#deps = deps
  }

  opened(session: ClientSession): void {
    const totalUs = Math.max(0, this.#nowUs() - session.start.startedUs)
    session.times.totalUs = totalUs
    this.totals.opened(totalUs)
    this.tellTries(session)
    this.#deps.reports.opened(session)
  }

  /** A try that failed, and that another one follows. */
  keepTry(session: ClientSession, fault: Fault, end?: StreamEnd): void {
    session.failedTries ??= []
    session.failedTries.push(this.#failed(session, fault, end))
  }

  /** To its user it is one session: each try that failed names the one they have. */
  tellTries(session: ClientSession): void {
    const continuedAs = session.id
    for (const report of session.failedTries?.splice(0) ?? [])
      this.#deps.reports.closed(session, { ...report, continuedAs })
  }

  /** There is no session. @param o.abandoned Nobody waits for it any more. */
  refused(session: ClientSession, fault: Fault, { end, abandoned }: RefusedHow): void {
    const { entry, to } = session.start
    if (!abandoned) this.#deps.decisions.refused(entry, to, fault, session.id)
    this.totals.fail(fault.code)
    this.tellTries(session)
    // What was not granted is no session: control has kept that it was denied.
    if (session.grant !== undefined) this.#deps.reports.closed(session, this.#failed(session, fault, end))
  }

  ended(session: ClientSession, end: StreamEnd): void {
    const { decisions, reports, log } = this.#deps
    this.totals.bytesUp += end.bytesOut
    this.totals.bytesDown += end.bytesIn
    reports.closed(session, session.report('closed', end, this.#nowUs()))
    const fault = faultOf(end)
    const { entry, to } = session.start
    // What the program itself did, it knows.
    if (fault !== undefined && fault.hop !== 'client') {
      // A flow of UDP is open before anybody has seen whether its datagrams are taken: this is the answer to the first.
      if (to.protocol === 'udp' && fault.hop === 'application' && end.bytesIn === 0) {
        decisions.refused(entry, to, fault, session.id)
        this.totals.fail(fault.code)
      } else decisions.broke(entry, to, fault, session.id)
    }
    if (log.isLevelEnabled('debug')) {
      const { reason, bytesOut, bytesIn } = end
      const fields = {
        ...{ event: 'session.closed', session: session.id, to: to.key, reason },
        ...{ bytesOut, bytesIn },
      }
      log.debug(fields, `session ended: ${reason}`)
    }
  }

  #failed(session: ClientSession, fault: Fault, end?: StreamEnd): SessionReport {
    const why = end ?? { reason: fault.code, by: 'local', detail: fault.detail, bytesIn: 0, bytesOut: 0 }
    return { ...session.report('closed', why, this.#nowUs()), closeHop: fault.hop }
  }

  #nowUs(): number {
    return this.#deps.clock.monotonicUs()
  }
}

interface RefusedHow {
  readonly end: StreamEnd | undefined
  readonly abandoned: boolean
}
