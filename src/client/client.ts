import { countsOutages, tellsOutages, tellsSessions } from '../agent/companions.ts'
import { SelfExamination } from '../agent/examination/self-examination.ts'
import type { Companion } from '../agent/link/companion.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { asFault, Fault } from '../base/faults.ts'
import { StateDir } from '../base/state-dir.ts'
import { StatusSocket } from '../base/status-socket.ts'
import { VERSION } from '../base/version.ts'
import { workerCount } from '../base/worker-count.ts'
import { type Egress, readEgress } from '../link/dial/egress.ts'
import type { AgentMessage, ControlMessage } from '../wire/control.ts'
import { type Entries, NO_ENTRIES, openEntries } from './entries.ts'
import { LocalUsers } from './entry/local-users.ts'
import type { Covered } from './entry/pac.ts'
import { metricsOf } from './metrics.ts'
import type { ClientOptions } from './options.ts'
import type { Looks } from './session/looks.ts'
import type { Opener } from './session/open-session.ts'
import type { PermitLink } from './session/permits.ts'
import { type ClientParts, type ClientStatus, describeClient } from './status.ts'
import { Tracer } from './trace/tracer.ts'
import { untilAborted } from './uplink/until-aborted.ts'
import { Uplink } from './uplink/uplink.ts'
import { ClientWorkers } from './workers/client-workers.ts'
import {
  detailsOf,
  type EngineDetails,
  figuresOf,
  joinDetails,
  sumOfFigures,
} from './workers/engine-status.ts'
import { gatherLeftRecords, recordsOfWorker } from './workers/left-records.ts'
import { type EngineUplink, SessionEngine } from './workers/session-engine.ts'

const STATUS_SOCKET = 'status.sock'
const RECORDS = 'session-records'
/** One process keeps what is typed away from bulk; more carry more only where one is full. */
const MOST_BY_ITSELF = 2

/** The agent on a user's device: local proxy, forwards and sockets in; sessions through tunnels out. */
export class Client {
  /** Open sessions through this, once `serve` runs: the path that every entry uses. */
  readonly opener: Opener
  /** Who on this machine may go through it. */
  readonly users: LocalUsers
  readonly looks: Looks
  readonly #o: ClientOptions
  readonly #clock: Clock
  readonly #startedMs: number
  readonly #engine: SessionEngine
  readonly #tracer: Tracer
  readonly #listening = Promise.withResolvers<void>()
  #workers: ClientWorkers | undefined
  #examination: SelfExamination | undefined
  #uplink: Uplink | undefined
  #egress: Egress | undefined
  #entries: Entries = NO_ENTRIES
  #covered: Covered = { hosts: [], cidrs: [] }

  constructor(options: ClientOptions) {
    const { log, clock = systemClock, tunnelsPerConnector } = options
    this.#o = options
    this.users = new LocalUsers(options.users)
    this.#clock = clock
    this.#startedMs = clock.nowMs()
    this.#listening.promise.catch(() => {})
    this.#engine = new SessionEngine({ log, clock, tunnelsPerConnector, uplink: this.#engineUplink() })
    this.opener = this.#engine.opener
    this.looks = this.#engine.looks
    const send = (message: AgentMessage) => this.#uplink?.send(message)
    this.#tracer = new Tracer({ opener: this.opener, grants: this.#engine.grants, send, clock, log })
  }

  /** Resolves when everything that was asked for listens; rejects when `serve` ends before. */
  get listening(): Promise<void> {
    return this.#listening.promise
  }

  /** Reads the profile again, as after a sign-in. A damaged one is said, and changes nothing. */
  async reload(): Promise<void> {
    const { log } = this.#o
    try {
      await this.#uplink?.reload()
      log.info({ event: 'client.reloaded' }, 'The profile was read again')
    } catch (error) {
      const { code, message } = asFault(error)
      log.warn({ event: 'client.not-reloaded', code }, message)
    }
  }

  /** Where the local proxy listens, HOST:PORT. */
  get proxyAddress(): string | undefined {
    return this.#entries.proxy?.address
  }

  /**
   * Runs until `signal` aborts. Without a profile it runs too, and refuses with REAUTH_NEEDED until somebody signs in.
   *
   * @throws {Fault} what trying again cannot help: STATE_UNWRITABLE, STATE_IN_USE, LISTEN_FAILED, INVALID.
   */
  async serve(signal: AbortSignal): Promise<void> {
    const { log } = this.#o
    try {
      await using parts = new AsyncDisposableStack()
      const { linking } = await this.#start(parts, signal)
      log.info(
        { event: 'client.listening', proxy: this.proxyAddress, version: VERSION },
        `Client ${VERSION} is listening. SOCKS programs only get an error number; backstitch client status gives the reason in words`,
      )
      this.#listening.resolve()
      await Promise.race([untilAborted(signal), linking])
    } catch (error) {
      const fault = asFault(error)
      this.#listening.reject(fault)
      if (signal.aborted) return
      log.fatal(
        { event: 'client.stopped', code: fault.code, hop: fault.hop, seen: fault.seen },
        fault.message,
      )
      throw fault
    }
  }

  /**
   * Opens everything in the order it depends on each other; `parts` closes it in the reverse one: what listens, then
   * tunnels, then the records of the sessions that were cut leave, then the control connection ends.
   *
   * @returns The life of the control connection.
   */
  async #start(parts: AsyncDisposableStack, signal: AbortSignal): Promise<{ linking: Promise<void> }> {
    const { stateDir, log, posture, listen, proxy, proxyFile, env = process.env } = this.#o
    const engine = this.#engine
    const state = await StateDir.open(stateDir, 'client')
    if (this.#o.sockets) {
      parts.use(await StatusSocket.open(state.file(STATUS_SOCKET), () => this.#document()))
      await gatherLeftRecords(state.file(RECORDS), log)
      await engine.reports.keepIn(state.file(RECORDS), 'client')
      this.#examination = parts.use(await SelfExamination.open(state, { log, examine: this.#o.examine }))
    }
    const egress = await readEgress({ flag: proxy, env, file: proxyFile, own: listen })
    this.#egress = egress
    engine.egress = egress
    const uplink = new Uplink({
      ...{ state, egress, posture, clock: this.#clock, log },
      run: engine.reports.run,
      companions: [
        ...(this.#examination === undefined
          ? []
          : [countsOutages(this.#examination), tellsOutages(this.#examination)]),
        this.#own(),
        tellsSessions(engine.reports),
      ],
      onRenewed: () => {
        engine.renewed()
        this.#workers?.renewed()
      },
      onDraining: (edge) => {
        engine.draining(edge)
        this.#workers?.draining(edge)
      },
      isIdle: () => this.#figures().open === 0,
    })
    this.#uplink = uplink
    await uplink.reload() // known before anybody can ask
    const ending = new AbortController()
    const linking = uplink.serve(ending.signal)
    parts.defer(() => {
      ending.abort(signal.reason)
      return linking
    })
    parts.use(engine)
    this.#workers = this.#openWorkers(parts, state, egress)
    this.#entries = await openEntries(parts, {
      ...{ options: this.#o, state, opener: this.opener, users: this.users, looks: this.looks },
      elsewhere: this.#workers,
      reload: () => uplink.reload(),
      covered: () => this.#patterns(),
      metrics: () => this.metrics(),
    })
    parts.defer(() => this.opener.stop())
    return { linking }
  }

  /** None where this one is for a single command, or is to be alone. */
  #openWorkers(parts: AsyncDisposableStack, state: StateDir, egress: Egress): ClientWorkers | undefined {
    const { workers = 1, workerEntry, sockets, tunnelsPerConnector, log } = this.#o
    const most = workerCount(workers, MOST_BY_ITSELF) - 1
    if (workerEntry === undefined || !sockets || most === 0) return undefined
    return parts.use(
      new ClientWorkers({
        ...{ entry: workerEntry, most, egress, tunnelsPerConnector, log },
        engine: this.#engine,
        clock: this.#clock,
        uplink: this.#engineUplink(),
        askControl: async (message, timeoutMs) => {
          const link = await this.#running().control()
          const answer = await link.request(message, timeoutMs, { isAskedAgain: message.type === 'session' })
          return this.#rerouted(answer)
        },
        records: (worker) => recordsOfWorker(state.file(RECORDS), worker),
        metrics: () => this.metrics(),
      }),
    )
  }

  #engineUplink(): EngineUplink {
    const client = this
    return {
      control: async (): Promise<PermitLink> => client.#running().control(),
      credentials: () => client.#running().credentials(),
      get isUp() {
        return client.#uplink?.isUp ?? false
      },
      get skewMs() {
        return client.#uplink?.skewMs ?? 0
      },
      get user() {
        return client.#uplink?.profile?.user
      },
      get way() {
        return client.#uplink?.route
      },
    }
  }

  /** Where a worker is to bring its half: it knows no edges. */
  #rerouted(answer: ControlMessage): ControlMessage {
    const route = this.#running().route
    if (route === undefined || (answer.type !== 'pipe' && answer.type !== 'granted')) return answer
    return answer.pipe === undefined ? answer : { ...answer, pipe: route.reroute(answer.pipe) }
  }

  #own(): Companion {
    return {
      up: (welcome) => {
        const { covers, lanes, revoked } = welcome
        this.#covered = covers ?? this.#covered
        this.#engine.up({ lanes, revoked })
        this.#workers?.up({ lanes, revoked }, this.#patterns())
      },
      message: (message) => this.#message(message),
      tick: (link) => {
        if (link.isUp) this.#engine.tick()
      },
    }
  }

  #message(message: ControlMessage): boolean {
    if (this.#engine.message(message)) this.#workers?.message(message)
    else if (message.type === 'trace') void this.#tracer.run(message)
    else return message.type === 'keys' // for those who verify what this one carries
    return true
  }

  #running(): Uplink {
    if (this.#uplink === undefined) throw new Fault('CONTROL_UNREACHABLE', 'the client is not running')
    return this.#uplink
  }

  #patterns(): Covered {
    const hosts = [...this.#covered.hosts, ...this.#o.pacHosts]
    return { hosts, cidrs: this.#covered.cidrs, lanes: this.opener.lanes.rules }
  }

  /** Prometheus text; the local proxy serves it at /metrics. */
  metrics(): string {
    return metricsOf(this.#parts())
  }

  /** Of this process, and the sums of all. */
  status(): ClientStatus {
    return describeClient(this.#parts())
  }

  async #document(): Promise<ClientStatus & { metrics: string }> {
    const details = await this.#workers?.details()
    return { ...describeClient(this.#parts(details)), metrics: this.metrics() }
  }

  #figures() {
    return sumOfFigures([figuresOf(this.#engine), ...(this.#workers?.figures ?? [])])
  }

  /** @param others Of the workers. */
  #parts(others: readonly EngineDetails[] = []): ClientParts {
    return {
      startedMs: this.#startedMs,
      uplink: this.#uplink,
      egress: this.#egress,
      proxy: this.#entries.proxy,
      users: this.users,
      forwards: this.#entries.forwards,
      figures: this.#figures(),
      details: joinDetails([detailsOf(this.#engine, this.#clock), ...others]),
      workers: this.#workers?.pids ?? [],
      outages: this.#examination?.report(),
      stoodStill: this.#examination?.stoodStill,
      workerEnded: this.#workers?.ends.fault,
    }
  }
}
