/**
 * The other processes of this client that carry sessions. They have tunnels and grants of their own; this one keeps the
 * control connection, the listeners, and what is told of them. One is started when there is something that a new session
 * should not share a process with, and ends when there has been nothing for long.
 *
 * @module
 */
import type net from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { WorkerEnds } from '../../base/worker-ends.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { AgentMessage, ControlMessage, SessionReport } from '../../wire/control.ts'
import type { CameBy, Elsewhere } from '../entry/elsewhere.ts'
import type { Covered } from '../entry/pac.ts'
import { ClientWorker } from './client-worker.ts'
import type { EngineOrder, ToldUplink } from './engine-messages.ts'
import { type EngineDetails, type EngineFigures, sumOfFigures } from './engine-status.ts'
import { LoadMeter } from './load-meter.ts'
import type { EngineUplink, EngineWelcome, SessionEngine } from './session-engine.ts'
import { type ProcessLoad, processFor, staysHere, wantsAnother } from './spill.ts'

export interface ClientWorkersOptions {
  /** The file that a worker runs. */
  readonly entry: string
  /** At most, beside this process. */
  readonly most: number
  readonly engine: SessionEngine
  readonly uplink: EngineUplink
  readonly askControl: (message: AgentMessage & { id: string }, timeoutMs: number) => Promise<ControlMessage>
  readonly tunnelsPerConnector: number
  readonly egress: Egress
  /** Where the records of one wait. */
  readonly records: (worker: number) => string
  readonly metrics: () => string
  readonly clock: Clock
  readonly log: Log
  /** How long the last one stays without need. */
  readonly idleMs?: number
}

const LOOK_MS = 250
const IDLE_MS = 600_000
/** It says something four times a second, once it has started, which takes a while on a busy machine. */
const MOST_SILENT_MS = 30_000

export class ClientWorkers implements Elsewhere, AsyncDisposable {
  readonly ends = new WorkerEnds()
  readonly #o: ClientWorkersOptions
  readonly #meter: LoadMeter
  readonly #workers: ClientWorker[] = []
  readonly #ending = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #gone: EngineFigures = sumOfFigures([])
  #welcome: EngineWelcome | undefined
  #covered: Covered = { hosts: [], cidrs: [] }
  #told: ToldUplink | undefined
  #neededMs = performance.now()

  constructor(o: ClientWorkersOptions) {
    this.#o = o
    this.#meter = new LoadMeter(o.engine, o.clock)
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  get pids(): number[] {
    return this.#workers.flatMap(({ pid }) => pid ?? [])
  }

  /** Of those that run, and of those that ran. */
  get figures(): EngineFigures[] {
    return [this.#gone, ...this.#workers.flatMap(({ figures }) => figures)]
  }

  /** Of those that answer soon. */
  async details(): Promise<EngineDetails[]> {
    const all = await Promise.all(this.#workers.map((worker) => worker.details()))
    return all.filter((one) => one !== undefined)
  }

  take(socket: net.Socket, came: CameBy): boolean {
    const { load: first } = this.#meter
    if (staysHere(first)) return false
    const able = this.#able()
    const index = processFor(
      first,
      able.map(({ load }) => load),
    )
    return index !== undefined && able[index]!.worker.serve(socket, came)
  }

  /** The control connection has come up. */
  up(welcome: EngineWelcome, covered: Covered): void {
    this.#welcome = { lanes: welcome.lanes, revoked: [] }
    this.#covered = covered
    this.#tellUplink()
    this.#tell({ do: 'welcome', welcome, covered })
  }

  /** Of sessions. */
  message(message: ControlMessage): void {
    if (message.type === 'lanes') this.#welcome = { lanes: message.lanes, revoked: [] }
    this.#tell({ do: 'message', message })
  }

  renewed(): void {
    this.#tellUplink()
    this.#tell({ do: 'renewed' })
  }

  draining(edge: string): void {
    this.#tell({ do: 'draining', edge })
  }

  #able(): { worker: ClientWorker; load: ProcessLoad }[] {
    return this.#workers.flatMap((worker) => {
      const { load } = worker
      return load === undefined ? [] : [{ worker, load }]
    })
  }

  #tell(order: EngineOrder): void {
    for (const worker of this.#workers) worker.tell(order)
  }

  /** Now and then: what changed of the control connection; whether there are enough workers, or one too many. */
  #look(): void {
    this.#tellUplink()
    for (const worker of this.#workers) worker.look(MOST_SILENT_MS / LOOK_MS)
    const able = this.#able()
    const { load } = this.#meter
    const wants = wantsAnother(
      load,
      able.map((one) => one.load),
    )
    const carries = able.some((one) => one.load.sessions > 0)
    if (wants || carries) this.#neededMs = performance.now()
    if (wants && able.length === this.#workers.length && this.#workers.length < this.#o.most) this.#start()
    const { idleMs = IDLE_MS } = this.#o
    if (this.#workers.length > 0 && performance.now() - this.#neededMs > idleMs) this.#end()
  }

  #start(): void {
    const { entry, clock, log, uplink, askControl, metrics, engine } = this.#o
    const number = this.#workers.length + 1
    this.#workers.push(
      new ClientWorker({
        ...{ number, entry, clock, log, askControl, metrics },
        start: () => this.#startOrder(number),
        edgeLost: (edge, fault) => uplink.way?.pipeLost(edge, fault) ?? false,
        sessionLost: (report) => engine.reports.closed({ report: () => report }, lost(report, clock.nowMs())),
        onEnded: (fault) => this.ends.add(fault),
      }),
    )
  }

  #startOrder(worker: number): EngineOrder & { do: 'start' } {
    const { engine, tunnelsPerConnector, egress, records } = this.#o
    return {
      do: 'start',
      worker,
      run: engine.reports.run,
      tunnelsPerConnector,
      egress,
      records: records(worker),
      uplink: toldOf(this.#o.uplink),
      welcome: this.#welcome,
      covered: this.#covered,
    }
  }

  #end(): void {
    const worker = this.#workers.pop()!
    this.#neededMs = performance.now()
    const ended = worker[Symbol.asyncDispose]().then(() => {
      this.#gone = sumOfFigures([this.#gone, ...worker.figures])
      this.#ending.delete(ended)
    })
    this.#ending.add(ended)
  }

  #tellUplink(): void {
    const told = toldOf(this.#o.uplink)
    const before = this.#told
    const isSame =
      before !== undefined &&
      before.isUp === told.isUp &&
      before.skewMs === told.skewMs &&
      before.user === told.user &&
      before.credentials === told.credentials &&
      before.refusal?.detail === told.refusal?.detail
    if (isSame) return
    this.#told = told
    this.#tell({ do: 'uplink', uplink: told })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all([...this.#workers.map((worker) => worker[Symbol.asyncDispose]()), ...this.#ending])
  }
}

function toldOf(uplink: EngineUplink): ToldUplink {
  const { isUp, skewMs, user } = uplink
  let credentials: Credentials | undefined
  let refusal: Fault | undefined
  try {
    credentials = uplink.credentials()
  } catch (thrown) {
    refusal = asFault(thrown)
  }
  return { isUp, skewMs, user, credentials, refusal: refusal && faultToMessage(refusal) }
}

/** As the session ended, as far as it is known. */
function lost(report: SessionReport, endedMs: number): SessionReport {
  return {
    ...report,
    state: 'closed',
    endedMs,
    closeReason: 'TUNNEL_LOST',
    closeHop: 'client',
    closeDetail: 'the process of the client that carried it exited; its last bytes are not counted',
  }
}
