/**
 * What is kept of all sessions of a connector, whichever process serves them: the record of each for control, which
 * applications answer, and the totals.
 *
 * @module
 */
import type { Reportable, SessionReports } from '../../agent/sessions/session-reports.ts'
import type { SilenceWatch } from '../../agent/sessions/silence-watch.ts'
import type { WatchedSession, WatchedStream } from '../../agent/sessions/watched-session.ts'
import type { CountedLines } from '../../base/counted-lines.ts'
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { Application, ApplicationReach } from '../health/application-reach.ts'
import { type AttemptServices, attemptWithin } from '../health/attempt.ts'
import type { Probes } from '../health/probes.ts'
import { ConnectorSessionTotals } from './connector-session-totals.ts'
import { SessionIndex } from './session-index.ts'
import { type RecordedSession, sessionRecord } from './session-record.ts'

/** Whoever is told what becomes of each session, as it happens. */
export interface SessionWitness<S> {
  /** Its grant is good. */
  granted(session: S): void
  /** It is connected to the application; of datagrams: the flow runs, and nobody knows yet whether it is heard. */
  reached(session: S): void
  /** Of datagrams: the first has come back. */
  answered(session: S): void
  /** @param tried Addresses of a name that were dialled. */
  unreached(session: S, fault: Fault, tried?: readonly string[]): void
  ended(session: S, end: StreamEnd, endedMs: number): void
}

export interface LedgerSession extends RecordedSession, WatchedSession, Reportable {
  readonly id: string
  readonly stream: WatchedStream
}

export interface ConnectorLedgerServices extends AttemptServices {
  readonly log: Log
  readonly reports: SessionReports
  readonly silence: Pick<SilenceWatch<Application>, 'opened' | 'answered' | 'ended'>
  readonly reach: Pick<ApplicationReach, 'note'>
  readonly probes: Pick<Probes, 'used'>
  /** Dials that failed, by application and fault. */
  readonly unreached: CountedLines
}

export class ConnectorLedger implements SessionWitness<LedgerSession> {
  /** Whose grant is known, as far as they are told. */
  readonly open = new SessionIndex<LedgerSession>()
  /** Of those that ended. */
  readonly totals = new ConnectorSessionTotals()
  readonly #services: ConnectorLedgerServices

  constructor(services: ConnectorLedgerServices) {
    this.#services = services
  }

  granted(session: LedgerSession): void {
    if (isOnRecord(session)) this.#services.reports.opened(session)
    this.open.add(session)
  }

  reached(session: LedgerSession): void {
    const { silence, moved } = this.#services
    const { open, address, stream } = session
    if (open.protocol === 'tcp') {
      moved.worked(open.host, address!)
      this.#note(session, undefined)
    }
    silence.opened(applicationOf(session), session, stream)
  }

  answered(session: LedgerSession): void {
    this.#note(session, undefined)
    this.#services.silence.answered(session)
  }

  /** The application could not be reached: that is news for control, too. */
  unreached(session: LedgerSession, fault: Fault, tried?: readonly string[]): void {
    if (tried !== undefined) this.#services.moved.failed(session.open.host, tried)
    if (session.held !== undefined) this.#note(session, fault)
    this.#say(session, fault)
  }

  ended(session: LedgerSession, end: StreamEnd, endedMs: number): void {
    const { silence, reports } = this.#services
    this.open.remove(session)
    this.totals.ended(session, end)
    const unanswered = silence.ended(session, end)
    if (isOnRecord(session)) {
      reports.closed(session, sessionRecord(session, { end, endedMs, unanswered }))
    }
  }

  /** The record of each session is with control; on this machine one line for each application and minute has to do. */
  #say({ id, open, held }: LedgerSession, { code, hop, detail, seen }: Fault): void {
    const { unreached, log } = this.#services
    const where = hostPort(open)
    unreached.note(`${where} ${code}`, (times) => {
      const about = { event: 'session.unreached', code, hop, host: open.host, port: open.port, times, seen }
      const many = times === 1 ? '' : ` ${times} times within a minute`
      log.warn(
        { ...about, session: id, user: held?.grant.user },
        `${where} was unreachable${many}: ${code}: ${detail}`,
      )
    })
  }

  #note(session: LedgerSession, fault: Fault | undefined): void {
    const application = applicationOf(session)
    const { reach, probes } = this.#services
    // Nothing tells whether a datagram of ours would be answered: only sessions can.
    const attempt =
      session.open.protocol === 'udp' ? undefined : attemptWithin(session.held!.scope, this.#services)
    reach.note(application, attempt, fault)
    if (fault === undefined) probes.used(application)
  }
}

/** Of a stream without a grant nobody knows whose it is; the echo of a trace leads nowhere. */
function isOnRecord({ held }: LedgerSession): boolean {
  return held !== undefined && held.grant.echo !== true
}

function applicationOf({ held, open: { host, port, protocol } }: LedgerSession): Application {
  return { segment: held!.grant.segment, host, port, ...(protocol === 'udp' ? { protocol } : {}) }
}
