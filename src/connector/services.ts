import type { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { faultToMessage } from '../link/fault-message.ts'
import { FlapWatch } from '../link/flap-watch.ts'
import { RawPhase } from '../link/raw-phase.ts'
import type { OutageReport } from '../link/self-examination.ts'
import { SessionReports } from '../link/session-reports.ts'
import type { FaultMessage } from '../wire/control.ts'
import { ActiveSessions } from './active-sessions.ts'
import { CloserLooks, type LookCloser } from './closer-look.ts'
import { Dialer } from './dialer.ts'
import { GrantAuthority } from './grants.ts'
import { Probes } from './probes.ts'
import { Reach } from './reach.ts'
import { Resolver } from './resolver.ts'
import { ServerClock } from './server-clock.ts'
import type { StreamServices } from './streams.ts'
import { UdpFlows } from './udp.ts'
import { Vitals } from './vitals.ts'

/** What all sessions of one connector share, whichever tunnel and control connection they came by. */
export class Services implements StreamServices, Disposable {
  readonly clock = new ServerClock()
  readonly log: Log
  readonly authority = new GrantAuthority()
  readonly resolver = new Resolver()
  readonly dialer = new Dialer()
  readonly udp = new UdpFlows()
  readonly reach = new Reach()
  readonly looks: CloserLooks
  readonly probes: Probes
  readonly rawPhase: RawPhase
  readonly reports: SessionReports
  readonly active: ActiveSessions
  readonly vitals: Vitals
  #flaps: FlapWatch | undefined

  constructor(log: Log, look?: LookCloser) {
    this.log = log
    this.looks = new CloserLooks({ log, reach: this.reach, look })
    this.probes = new Probes(this)
    this.rawPhase = new RawPhase({ log })
    this.reports = new SessionReports({ log })
    this.active = new ActiveSessions(this.clock, this.reports)
    this.vitals = new Vitals({
      log,
      sessions: () => this.active.count,
      sessionsBy: () => this.active.bySegment(),
    })
  }

  /** From here on drops of the connection are counted, and said when there are many. */
  watchOutages(report: () => OutageReport): void {
    const flaps = new FlapWatch(this.log, report)
    this.#flaps = flaps
    this.vitals.onSample = () => flaps.look()
  }

  /** What is wrong though it serves. */
  notes(more: readonly (Fault | undefined)[]): FaultMessage[] {
    const notes = [
      ...this.rawPhase.blocked,
      ...more,
      ...this.vitals.notes,
      this.#flaps?.fault,
      ...this.looks.notes,
    ]
    return notes.filter((note) => note !== undefined).map(faultToMessage)
  }

  [Symbol.dispose](): void {
    const { vitals, probes, looks, resolver, dialer, udp, reach, rawPhase, reports } = this
    for (const part of [vitals, probes, looks, resolver, dialer, udp, reach, rawPhase, reports])
      part[Symbol.dispose]()
  }
}
