import { FlapWatch } from '../../agent/examination/flap-watch.ts'
import type { OutageReport } from '../../agent/examination/self-examination.ts'
import { KnownKeys } from '../../agent/identity/known-keys.ts'
import type { Companion } from '../../agent/link/companion.ts'
import { SessionReports } from '../../agent/sessions/session-reports.ts'
import type { SilenceWatch } from '../../agent/sessions/silence-watch.ts'
import { CountedLines } from '../../base/counted-lines.ts'
import type { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import { ServerClock } from '../../link/control/server-clock.ts'
import { RawPhase } from '../../link/pipe/raw-phase.ts'
import { lookAtLossy } from '../../probe/stalls.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { Dialer } from '../dial/dialer.ts'
import { MovedNames } from '../dial/moved-names.ts'
import { Resolver } from '../dial/resolver.ts'
import { type Application, ApplicationReach } from '../health/application-reach.ts'
import { type DeepCheck, DeepChecks } from '../health/deep-checks.ts'
import { FiguresReader } from '../health/figures-reader.ts'
import { Probes } from '../health/probes.ts'
import { Vitals } from '../health/vitals.ts'
import { ConnectorLedger } from '../sessions/connector-ledger.ts'
import { watchApplications } from '../sessions/silence-fault.ts'
import { GrantAuthority } from '../sessions/tunnel-grants.ts'

const ASK_KERNEL_MS = 2000

/** What all sessions of one connector share, whichever process, tunnel and control connection they came by. */
export class Services implements AsyncDisposable {
  readonly clock = new ServerClock()
  readonly log: Log
  readonly authority: GrantAuthority
  readonly resolver: Resolver
  readonly dialer = new Dialer()
  readonly moved = new MovedNames()
  readonly reach = new ApplicationReach()
  readonly unreached = new CountedLines()
  readonly looks: DeepChecks
  readonly silence: SilenceWatch<Application>
  readonly probes: Probes
  readonly rawPhase: RawPhase
  readonly reports: SessionReports
  readonly ledger: ConnectorLedger
  readonly figures: FiguresReader
  readonly vitals: Vitals
  /** Other processes of this connector. */
  workerPids: () => readonly number[] = () => []
  /** After each look at the figures, and at drops. */
  onSample: (() => void) | undefined
  #flaps: FlapWatch | undefined

  constructor(log: Log, look?: DeepCheck) {
    this.log = log
    this.authority = new GrantAuthority(new KnownKeys({ purpose: 'grant', log }))
    this.resolver = new Resolver({
      onBusy: ({ code, hop, seen, message }) =>
        log.warn({ event: 'connector.lookups-busy', code, hop, seen }, message),
    })
    this.rawPhase = new RawPhase({ log })
    this.reports = new SessionReports({ log })
    this.silence = watchApplications({
      clock: this.clock,
      log,
      reach: this.reach,
      lossy: (address, port) => lookAtLossy({ address, port }, AbortSignal.timeout(ASK_KERNEL_MS)),
      onSilent: (application) => this.looks.silent(application),
      onWaits: (application) => this.looks.silent(application),
    })
    this.looks = new DeepChecks({ log, reach: this.reach, silence: this.silence, look, clock: this.clock })
    this.probes = new Probes(this)
    this.ledger = new ConnectorLedger(this)
    this.figures = new FiguresReader({ workers: () => this.workerPids() })
    this.vitals = new Vitals({
      log,
      reader: this.figures,
      sessions: () => this.ledger.open.count,
      sessionsBy: () => this.ledger.open.bySegment(),
    })
  }

  /** From here on drops of the connection are counted, and said when there are many. */
  watchOutages(report: () => OutageReport): void {
    const flaps = new FlapWatch(this.log, report)
    this.#flaps = flaps
    this.vitals.onSample = () => {
      flaps.look()
      this.onSample?.()
    }
  }

  /** What control knows of applications ends with the connection, and is told anew with the next. */
  get health(): Companion {
    return {
      up: (_welcome, { link }) => this.reach.resume((source) => link.offer(source)),
      down: () => {
        this.reach.pause()
        this.probes.pause()
      },
    }
  }

  /** What is wrong though it serves. */
  notes(more: readonly (Fault | undefined)[]): FaultMessage[] {
    const notes = [
      ...this.rawPhase.blocked,
      ...more,
      ...this.vitals.notes,
      this.resolver.busy,
      this.#flaps?.fault,
      ...this.looks.notes,
      ...this.silence.notes,
      ...this.moved.notes,
    ]
    return notes.filter((note) => note !== undefined).map(faultToMessage)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { vitals, probes, looks, silence, resolver, dialer, reach, rawPhase, unreached } = this
    const parts = [vitals, probes, looks, silence, resolver, dialer, reach, rawPhase, unreached]
    for (const part of parts) part[Symbol.dispose]()
    await this.reports[Symbol.asyncDispose]()
  }
}
