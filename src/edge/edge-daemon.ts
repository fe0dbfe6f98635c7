import { existsSync } from 'node:fs'
import { Registry } from 'prom-client'
import { Agent } from '../agent/agent.ts'
import { countsOutages, followsKeys, followsTime, tellsOutages } from '../agent/companions.ts'
import { SelfExamination } from '../agent/examination/self-examination.ts'
import { finishEnrolment } from '../agent/identity/enrol.ts'
import { KnownKeys } from '../agent/identity/known-keys.ts'
import { Renewal } from '../agent/identity/renewal.ts'
import { type ComesBack, RepairWatch } from '../agent/identity/repair-watch.ts'
import type { Companion } from '../agent/link/companion.ts'
import { onlyEdge } from '../agent/link/control-link.ts'
import { asFault, type Fault, type FaultCode } from '../base/faults.ts'
import { StateDir } from '../base/state-dir.ts'
import { StatusSocket } from '../base/status-socket.ts'
import { VERSION } from '../base/version.ts'
import { workerCount } from '../base/worker-count.ts'
import { ServerClock } from '../link/control/server-clock.ts'
import type { Credentials, EdgeAddress } from '../link/dial/credentials.ts'
import { type Egress, readEgress } from '../link/dial/egress.ts'
import { Edge } from './edge.ts'
import { enrolEdgeUntilDone } from './edge-enrolment.ts'
import { credentialsOfEdge, type EdgeIdentity, edgeIdentityIn } from './edge-identity.ts'
import type { EdgeDaemonOptions } from './edge-options.ts'
import { describeEdge, type EdgeDaemonStatus } from './edge-status.ts'
import { OwnNotes } from './own-notes.ts'
import { followsAuthority, ReplicatedAuthority } from './replicated-authority.ts'

const STATUS_SOCKET = 'status.sock'
/** What a key that lies there puts right. */
const CURED_BY_KEY: ReadonlySet<FaultCode> = new Set(['CERT_EXPIRED', 'IDENTITY_CLONED'])
/** Beside the control plane nobody else is disturbed by another attempt. */
const BACKOFF_BESIDE = { baseMs: 100, capMs: 1000 }

interface Again {
  readonly identity: EdgeIdentity
  readonly as: ComesBack
}

/**
 * A service edge, which is always a process of its own: it joins halves of pipes by itself, passes everything else on
 * to the control plane, and learns over its control connection which tickets are genuine. It keeps nothing but its
 * identity. The one that the server starts next to the control plane reaches that by its Unix socket, enrols at each
 * start with the key that the server has put there, and listens when it knows which tickets are genuine.
 */
export class EdgeDaemon {
  readonly #o: EdgeDaemonOptions
  readonly #startedMs = Date.now()
  readonly #registry = new Registry()
  readonly #listening = Promise.withResolvers<number>()
  #identity: EdgeIdentity | undefined
  #credentials: Credentials | undefined
  #egress: Egress | undefined
  #edge: Edge | undefined
  #agent: Agent | undefined
  #examination: SelfExamination | undefined
  #fault: Fault | undefined
  readonly #clock = new ServerClock()
  #skewMs: number | undefined
  readonly #notes = new OwnNotes({
    known: () => [this.#edge?.shortage, this.#examination?.stoodStill, this.#edge?.workerEnded],
    changed: () => this.#tell(),
  })
  /** For the first time, or anew. */
  #enrolling = false
  #drained: Promise<void> | undefined

  constructor(options: EdgeDaemonOptions) {
    this.#o = options
    this.#listening.promise.catch(() => {})
  }

  /** What carries; nothing before the first time that it listens. */
  get edge(): Edge | undefined {
    return this.#edge
  }

  /** The port, once it listens; rejects when `serve` ends before. */
  get listening(): Promise<number> {
    return this.#listening.promise
  }

  /**
   * Runs until `signal` aborts: then lets open pipes end, for `drainSeconds` at most.
   *
   * @throws {Fault} what trying again cannot help: STATE_UNWRITABLE, STATE_IN_USE, LISTEN_FAILED, IDENTITY_CLONED,
   *   INVALID.
   */
  async serve(signal: AbortSignal): Promise<void> {
    const { log, stateDir, proxy, proxyFile, env = process.env, examine } = this.#o
    try {
      const state = await StateDir.open(stateDir, 'edge')
      await using _socket = await StatusSocket.open(state.file(STATUS_SOCKET), () => this.#document())
      using _notes = this.#notes
      await using examination = await SelfExamination.open(state, { log, examine })
      this.#examination = examination
      this.#egress = await readEgress({ flag: proxy, env, file: proxyFile })
      this.#adopt(await this.#identify(state, this.#egress, signal))
      for (;;) {
        const again = await this.#run(state, this.#egress, signal)
        if (again === undefined) return
        const expired = again.as === 'as-before' ? again.identity : undefined
        this.#adopt(await this.#enrol(state, this.#egress, signal, expired))
      }
    } catch (error) {
      const fault = asFault(error)
      this.#listening.reject(fault)
      if (signal.aborted) return
      const { code, hop, seen } = fault
      log.fatal({ event: 'edge.stopped', code, hop, seen }, fault.message)
      throw fault
    }
  }

  /** Takes no new pipes; resolves when the live ones ended, or `deadlineMs` passed and they were closed. */
  drain(deadlineMs: number): Promise<void> {
    this.#drained ??= this.#edge?.drain(deadlineMs) ?? Promise.resolve()
    this.#tell()
    return this.#drained
  }

  async #identify(state: StateDir, egress: Egress, signal: AbortSignal): Promise<EdgeIdentity> {
    const { keyFile, home, log } = this.#o
    const store = edgeIdentityIn(state)
    const kept = await store.load()
    const hasFreshKey = home?.socket !== undefined && existsSync(keyFile)
    if (kept === undefined || hasFreshKey) return this.#enrol(state, egress, signal, kept)
    await finishEnrolment(kept, { store, keyFile, log })
    return kept
  }

  /** @returns The identity that is to enrol again, once there is a key to come back with. */
  async #run(state: StateDir, egress: Egress, signal: AbortSignal): Promise<Again | undefined> {
    const { listen, controlPort, balancers, limits, workers, log, keyFile } = this.#o
    const identity = this.#identity!
    const home: EdgeAddress = this.#o.home ?? identity.home
    const known = new KnownKeys({ purpose: 'ticket', log })
    await known.keepIn(state)
    const authority = new ReplicatedAuthority(identity, known)
    this.#registry.clear()
    await using edge = new Edge({
      ...{ listen, controlPort, balancers, credentials: this.#credentials!, authority, log, limits },
      clock: this.#clock,
      home: { home, egress },
      registry: this.#registry,
      workers: workers && { entry: workers.entry, count: workerCount(workers.setting ?? 'auto') },
    })
    const isBeside = home.socket !== undefined
    if (!isBeside) await this.#listen(edge, identity)
    const failed = new AbortController()
    const readEgress = async () => egress
    const repair = new RepairWatch({
      ...{ egress, readEgress, keyFile, curedByKey: CURED_BY_KEY },
      clock: this.#clock,
    })
    const credentials = () => this.#credentials!
    const agent = new Agent({
      role: 'edge',
      ...{ way: onlyEdge(home), egress, log, credentials },
      companions: [
        repair,
        followsTime(this.#clock, log),
        followsKeys(known, credentials),
        this.#own(),
        countsOutages(this.#examination!),
        tellsOutages(this.#examination!),
        followsAuthority(authority, edge, log, () => {
          // Beside the control plane it listens when it knows who is shut out.
          if (this.#edge !== edge)
            this.#listen(edge, identity).catch((thrown: unknown) => failed.abort(asFault(thrown)))
        }),
        this.#renewal(state, edge),
      ],
      backoff: isBeside ? BACKOFF_BESIDE : undefined,
    })
    this.#agent = agent
    const ending = new AbortController()
    const drain = () => void this.#drain(ending, signal.reason)
    signal.addEventListener('abort', drain, { once: true })
    if (signal.aborted) drain()
    try {
      await agent.serve(AbortSignal.any([ending.signal, failed.signal, repair.repaired]))
    } finally {
      signal.removeEventListener('abort', drain)
    }
    if (signal.aborted) return undefined
    if (failed.signal.aborted) throw failed.signal.reason
    return repair.comesBack && { identity: this.#identity!, as: repair.comesBack }
  }

  async #listen(edge: Edge, { id }: EdgeIdentity): Promise<void> {
    this.#edge = edge
    await edge.listen()
    const { port } = edge
    this.#listening.resolve(port)
    this.#tell()
    this.#o.log.info(
      { event: 'edge.listening', edge: id, port, version: VERSION },
      `Edge ${id}, version ${VERSION}, is listening on port ${port}`,
    )
  }

  #enrol(
    state: StateDir,
    egress: Egress,
    signal: AbortSignal,
    expired?: EdgeIdentity,
  ): Promise<EdgeIdentity> {
    const { keyFile, home, log } = this.#o
    const onFailed = (fault: Fault) => {
      this.#fault = fault
      this.#examination?.failed(fault, true)
    }
    this.#enrolling = true
    return enrolEdgeUntilDone(state, { keyFile, home, expired, egress, log, signal, onFailed })
  }

  #adopt(identity: EdgeIdentity): void {
    this.#enrolling = false
    this.#identity = identity
    this.#credentials = credentialsOfEdge(identity)
    this.#fault = undefined
  }

  #own(): Companion {
    return {
      up: (_welcome, { skewMs }) => {
        this.#fault = undefined
        this.#skewMs = skewMs
        this.#tell()
      },
      down: (fault) => {
        this.#fault = fault
      },
      time: (skewMs) => {
        this.#skewMs = skewMs
      },
      tick: () => this.#tell(),
    }
  }

  #renewal(state: StateDir, edge: Edge): Renewal<EdgeIdentity> {
    return new Renewal({
      role: 'edge',
      idOf: ({ id }) => id,
      current: () => this.#identity,
      save: (renewed) => edgeIdentityIn(state).save(renewed),
      use: (renewed) => {
        this.#adopt(renewed)
        edge.renew(this.#credentials!)
      },
      ...{ clock: this.#clock, log: this.#o.log },
    })
  }

  #tell(): void {
    const stats = this.#edge?.stats()
    if (stats === undefined) return
    const { pipes, connections, relayed, draining } = stats
    const state = draining ? 'draining' : 'serving'
    const controlPort = this.#edge?.controlPort
    const { told: notes } = this.#notes
    this.#agent?.link.send({ type: 'edge-status', state, pipes, connections, relayed, controlPort, notes })
  }

  /** Control is told first, so that no new pipe is sent here; then open ones may end by themselves for a while. */
  async #drain(ending: AbortController, reason: unknown): Promise<void> {
    await this.drain(this.#o.drainSeconds * 1000)
    ending.abort(reason)
  }

  status(): EdgeDaemonStatus {
    return describeEdge({
      options: this.#o,
      startedMs: this.#startedMs,
      identity: this.#identity,
      enrolling: this.#enrolling,
      link: this.#agent?.link.state,
      edge: this.#edge,
      egress: this.#egress,
      skewMs: this.#skewMs,
      fault: this.#fault,
      outages: this.#examination?.report(),
      notes: this.#notes.now,
    })
  }

  async #document(): Promise<EdgeDaemonStatus & { metrics: string }> {
    return { ...this.status(), metrics: await this.#registry.metrics() }
  }
}
