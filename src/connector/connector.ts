import { setTimeout as sleep } from 'node:timers/promises'
import { EdgeCache } from '../agent/edges/edge-cache.ts'
import { SelfExamination } from '../agent/examination/self-examination.ts'
import { finishEnrolment } from '../agent/identity/enrol.ts'
import { type ComesBack, RepairWatch } from '../agent/identity/repair-watch.ts'
import { systemClock } from '../base/clock.ts'
import { asFault, type FaultCode } from '../base/faults.ts'
import { StateDir } from '../base/state-dir.ts'
import { StatusSocket } from '../base/status-socket.ts'
import { VERSION } from '../base/version.ts'
import { workerCount } from '../base/worker-count.ts'
import { type Egress, readEgress } from '../link/dial/egress.ts'
import { type MachineFacts, readMachine } from '../probe/machine.ts'
import type { FaultMessage } from '../wire/control.ts'
import { type ConnectorState, stateOf } from './bring-up/bring-up.ts'
import { HealthySince } from './bring-up/healthy-since.ts'
import { Progress } from './bring-up/progress.ts'
import { ConnectorControl } from './control/connector-control.ts'
import { notesFor } from './control/tell-status.ts'
import { enrolConnectorUntilDone } from './enrol/enrol-connector.ts'
import {
  type ConnectorIdentity,
  connectorEnrolStore,
  loadConnectorIdentity,
  saveConnectorIdentity,
} from './enrol/identity.ts'
import { introduceConnector } from './enrol/introduce.ts'
import { SealedState } from './enrol/sealed-state.ts'
import { connectorMetrics } from './metrics.ts'
import type { ConnectorOptions } from './options.ts'
import { type ConnectorParts, type ConnectorStatus, describeConnector } from './status.ts'
import { Services } from './tunnels/services.ts'
import { TunnelDispatch } from './workers/tunnel-dispatch.ts'
import { WorkerHere } from './workers/worker-here.ts'
import { WorkerProcesses } from './workers/worker-processes.ts'

const STATUS_SOCKET = 'status.sock'
const DRAIN_LOOK_MS = 50
const RECORDS = 'session-records'
/** While something stands in the way of control: how often to look whether somebody has repaired it here. */
const LOOK_MS = 1000
const CURED_BY_KEY: ReadonlySet<FaultCode> = new Set(['CERT_EXPIRED'])

/** The daemon next to private applications. Dials out only; listens on nothing but its Unix status socket. */
export class Connector {
  readonly #o: ConnectorOptions
  readonly #startedMs = Date.now()
  readonly #healthy: HealthySince
  readonly #progress: Progress
  readonly #services: Services
  readonly #workers: WorkerProcesses | undefined
  readonly #tunnels: TunnelDispatch
  #examination: SelfExamination | undefined
  #sealedState: SealedState | undefined
  #identity: ConnectorIdentity | undefined
  #egress: Egress | undefined
  #control: ConnectorControl | undefined
  #draining = false
  #notesTold = ''
  #enrolSkewMs: number | undefined

  constructor(options: ConnectorOptions) {
    const { log, deepCheck } = options
    this.#o = options
    this.#healthy = new HealthySince(log)
    this.#progress = new Progress(log, systemClock)
    this.#services = new Services(log, deepCheck)
    const main = this.#services
    const { workers, workerEntry: entry } = options
    const count = entry === undefined ? 1 : workerCount(workers)
    this.#workers =
      entry === undefined || count === 1 ? undefined : new WorkerProcesses({ count, entry, main })
    this.#tunnels = new TunnelDispatch(this.#workers?.all ?? [new WorkerHere(main)], { log })
  }

  /**
   * Runs until `signal` aborts: then lets open sessions end, for `drainSeconds` at most.
   *
   * @throws {Fault} what trying again cannot help here: STATE_UNWRITABLE, STATE_IN_USE, SEAL_BROKEN, IDENTITY_CLONED,
   *   INVALID (a damaged state file, a malformed proxy setting).
   */
  async serve(signal: AbortSignal): Promise<void> {
    const { log, stateDir } = this.#o
    this.#progress.begin(1)
    const ending = new AbortController()
    try {
      const state = await StateDir.open(stateDir, 'connector')
      const { examine, diagnose } = this.#o
      // Whoever gets the socket is the only one here; the record of outages is its own then.
      await using _socket = await StatusSocket.open(state.file(STATUS_SOCKET), () => this.#document())
      await using examination = await SelfExamination.open(state, { log, examine, diagnose })
      this.#examination = examination
      this.#progress.observe(examination)
      await this.#services.authority.known.keepIn(state)
      await this.#services.reports.keepIn(state.file(RECORDS), 'connector')
      this.#services.watchOutages(() => examination.report())
      this.#services.onSample = () => this.#tellNotes()
      this.#services.vitals.onChange = () => this.#control?.tell()
      const machine = await readMachine({ root: this.#o.machineRoot, gathered: this.#o.gatheredFile })
      this.#sealedState = new SealedState(state, machine, log)
      this.#identity = await loadConnectorIdentity(this.#sealedState)
      this.#progress.pass(1, { version: VERSION, pid: process.pid, stateDir: state.path })
      const drain = () => void this.#drain(ending, signal.reason)
      if (signal.aborted) ending.abort(signal.reason)
      signal.addEventListener('abort', drain, { once: true })
      try {
        await this.#run(this.#sealedState, machine, signal, ending.signal)
      } finally {
        signal.removeEventListener('abort', drain)
        await this.#close()
      }
    } catch (error) {
      if (signal.aborted) return
      const fault = asFault(error)
      log.fatal(
        { event: 'connector.stopped', code: fault.code, hop: fault.hop, seen: fault.seen },
        fault.message,
      )
      throw fault
    }
  }

  async #run(
    sealedState: SealedState,
    machine: MachineFacts,
    signal: AbortSignal,
    ending: AbortSignal,
  ): Promise<void> {
    let comesBack: ComesBack | undefined
    while (!ending.aborted) {
      if (this.#identity === undefined || comesBack !== undefined) {
        this.#progress.begin(4)
        const enrolled = await enrolConnectorUntilDone(sealedState, {
          keyFile: this.#o.keyFile,
          group: this.#o.group,
          proxyFile: this.#o.proxyFile,
          edge: this.#o.edge,
          egress: () => this.#readEgress(),
          expired: comesBack === 'as-before' ? this.#identity : undefined,
          machine,
          progress: this.#progress,
          clock: systemClock,
          log: this.#o.log,
          signal,
        })
        this.#identity = enrolled.identity
        this.#enrolSkewMs = enrolled.skewMs
        this.#services.clock.set(enrolled.skewMs)
      } else {
        const { keyFile, log } = this.#o
        await finishEnrolment(this.#identity, { store: connectorEnrolStore(sealedState), keyFile, log })
        this.#progress.begin(4)
        this.#progress.pass(4, { connector: this.#identity.id, stored: true })
      }
      introduceConnector(this.#identity, sealedState.protection, this.#o.log)
      this.#workers?.start()
      comesBack = await this.#connect(sealedState, this.#identity, ending)
    }
  }

  /** @returns As whom to enrol again, once there is a key to come back with. */
  async #connect(
    sealedState: SealedState,
    identity: ConnectorIdentity,
    ending: AbortSignal,
  ): Promise<ComesBack | undefined> {
    const { log } = this.#o
    const egress = await this.#settledEgress(ending)
    const repair = new RepairWatch({
      egress,
      readEgress: () => this.#readEgress(),
      keyFile: this.#o.keyFile,
      curedByKey: CURED_BY_KEY,
      clock: this.#services.clock,
    })
    const control = new ConnectorControl({
      identity,
      egress,
      edges: {
        cache: await EdgeCache.open(StateDir.at(this.#o.stateDir, 'connector'), log),
        first: identity.edge,
        controlPort: this.#o.controlPort,
        pinned: this.#o.edge && { edge: this.#o.edge, by: 'the setting edge of this connector' },
      },
      services: this.#services,
      tunnels: this.#tunnels,
      save: (renewed) => saveConnectorIdentity(sealedState, renewed),
      repair,
      progress: this.#progress,
      examination: this.#examination!,
      log,
      state: () => this.#state(),
      notes: () => this.#notes(),
      onHealth: (healthy) => this.#healthy.set(healthy),
      onRenewed: (renewed) => {
        this.#identity = renewed
      },
    })
    this.#control = control
    await control.serve(AbortSignal.any([ending, repair.repaired]))
    return repair.comesBack
  }

  status(): ConnectorStatus {
    return describeConnector(this.#parts())
  }

  /** Prometheus text. */
  metrics(): string {
    return connectorMetrics(this.#parts())
  }

  #document(): ConnectorStatus & { metrics: string } {
    return { ...this.status(), metrics: this.metrics() }
  }

  #parts(): ConnectorParts {
    return {
      state: this.#state(),
      progress: this.#progress,
      services: this.#services,
      tunnels: this.#tunnels,
      workers: this.#workers?.reports ?? [],
      identity: this.#identity,
      protection: this.#sealedState?.protection,
      control: this.#control,
      examination: this.#examination,
      egress: this.#egress,
      edge: this.#o.edge,
      enrolSkewMs: this.#enrolSkewMs,
      startedMs: this.#startedMs,
      healthy: this.#healthy,
      notes: this.#notes(),
    }
  }

  /** What is wrong though it serves. */
  #notes(): readonly FaultMessage[] {
    return this.#services.notes([
      this.#sealedState?.drift,
      this.#examination?.unwritten,
      this.#examination?.stoodStill,
      this.#workers?.ends.fault,
      this.#services.reports.unwritten,
      ...(this.#control?.route.notes ?? []),
    ])
  }

  /** Control is told at once of a note that is new, or over. */
  #tellNotes(): void {
    const codes = notesFor(this.#notes())
      .map(({ code }) => code)
      .join()
    if (codes === this.#notesTold) return
    this.#notesTold = codes
    this.#control?.tell()
  }

  #state(): ConnectorState {
    return stateOf({
      stages: this.#progress.stages,
      draining: this.#draining,
      failingApplications: this.#services.reach.failing,
    })
  }

  async #readEgress(): Promise<Egress> {
    const { proxy, env = process.env, proxyFile } = this.#o
    this.#egress = await readEgress({ flag: proxy, env, file: proxyFile })
    return this.#egress
  }

  /** A proxy setting that cannot be read is a stage that failed until somebody corrects it. */
  async #settledEgress(ending: AbortSignal): Promise<Egress> {
    for (;;) {
      try {
        return await this.#readEgress()
      } catch (error) {
        this.#progress.fail(3, asFault(error))
        await sleep(LOOK_MS, undefined, { signal: ending })
      }
    }
  }

  /** Nothing new; what is open may end by itself for a while. Then `ending` takes the control connection down, too. */
  async #drain(ending: AbortController, reason: unknown): Promise<void> {
    this.#draining = true
    const { drainSeconds, log } = this.#o
    const drained = this.#tunnels.drain()
    this.#control?.tellState()
    await drained
    const { open } = this.#services.ledger
    log.info({ event: 'connector.draining', sessions: open.count, drainSeconds }, 'Connector is stopping')
    const untilMs = performance.now() + drainSeconds * 1000
    while (open.count > 0 && performance.now() < untilMs) await sleep(DRAIN_LOOK_MS)
    if (open.count > 0) {
      log.warn({ event: 'connector.cut', sessions: open.count }, `${open.count} sessions are closed`)
    }
    await this.#tunnels.close('CONNECTOR_DRAINING', 'the connector has stopped')
    this.#workers?.[Symbol.dispose]()
    await this.#services.reports.drained()
    ending.abort(reason)
  }

  async #close(): Promise<void> {
    await this.#tunnels.close('CONNECTOR_DRAINING', 'the connector has stopped')
    await this.#services[Symbol.asyncDispose]()
  }
}
