import { existsSync } from 'node:fs'
import os from 'node:os'
import { Registry } from 'prom-client'
import { ControlLink } from '../agent/control-link.ts'
import { SelfExamination } from '../agent/examination/self-examination.ts'
import { keyAfterDeletion } from '../agent/identity/key-file.ts'
import { KnownKeys } from '../agent/identity/known-keys.ts'
import { rfc3339 } from '../base/clock.ts'
import { asFault, type Fault, type FaultCode } from '../base/faults.ts'
import { StateDir } from '../base/state-dir.ts'
import { StatusSocket } from '../base/status-socket.ts'
import { PROGRAM, VERSION } from '../base/version.ts'
import { ASK_AGAIN, ServerClock } from '../link/control/server-clock.ts'
import type { Credentials, EdgeAddress } from '../link/dial/credentials.ts'
import { type Egress, readEgress } from '../link/dial/egress.ts'
import { type ControlMessage, PROTOCOL_VERSION } from '../wire/control.ts'
import { Edge } from './edge.ts'
import { enrolUntilDone } from './edge-enrolment.ts'
import { credentialsOf, type EdgeIdentity, loadIdentity, renewAtMs } from './edge-identity.ts'
import type { EdgeDaemonOptions } from './edge-options.ts'
import { renewIdentity } from './edge-renewal.ts'
import { describeEdge, type EdgeDaemonStatus } from './edge-status.ts'
import { OwnNotes } from './own-notes.ts'
import { ToldAuthority } from './told-authority.ts'

const STATUS_SOCKET = 'status.sock'
const STATUS_MS = 30_000
/** Trying again would only disturb whoever is rightly there. */
const FATAL: ReadonlySet<FaultCode> = new Set(['IDENTITY_CLONED'])
/** What a key that lies there puts right. */
const CURED_BY_KEY: ReadonlySet<FaultCode> = new Set(['CERT_EXPIRED', 'IDENTITY_CLONED'])
/** Beside the control plane nobody else is disturbed by another attempt. */
const BACKOFF_BESIDE = { baseMs: 100, capMs: 1000 }

/**
 * A service edge, which is always a process of its own: it joins halves of pipes by itself, passes everything else on
 * to the control plane, and learns over its control connection which tickets are genuine. It keeps nothing but its
 * identity. The one that the server starts beside the control plane reaches that by its Unix socket, enrols at each
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
  #link: ControlLink | undefined
  #examination: SelfExamination | undefined
  #fault: Fault | undefined
  readonly #clock = new ServerClock()
  #skewMs: number | undefined
  #renewing = false
  readonly #notes = new OwnNotes({
    known: () => [this.#edge?.shortage, this.#examination?.stoodStill],
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
        const ended = await this.#run(state, this.#egress, signal)
        if (ended === undefined) return
        this.#adopt(await this.#enrol(state, this.#egress, signal, ended))
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
    const kept = await loadIdentity(state)
    const hasFreshKey = this.#o.home?.socket !== undefined && existsSync(this.#o.keyFile)
    return kept === undefined || hasFreshKey ? this.#enrol(state, egress, signal, kept) : kept
  }

  /** @returns The identity whose certificate has ended, or that was deleted, once there is a key to come back with. */
  async #run(state: StateDir, egress: Egress, signal: AbortSignal): Promise<EdgeIdentity | undefined> {
    const { listen, controlPort, balancers, limits, log } = this.#o
    const identity = this.#identity!
    const home: EdgeAddress = this.#o.home ?? identity.home
    const known = new KnownKeys({ purpose: 'ticket', log })
    await known.keepIn(state)
    const authority = new ToldAuthority(identity, known)
    const over = new AbortController()
    this.#registry.clear()
    await using edge = new Edge({
      ...{ listen, controlPort, balancers, credentials: this.#credentials!, authority, log, limits },
      clock: this.#clock,
      home: { home, egress },
      registry: this.#registry,
    })
    const isBeside = home.socket !== undefined
    if (!isBeside) await this.#listen(edge, identity)
    let comesBack = false
    let failed: Fault | undefined
    const link = new ControlLink({
      edge: home,
      egress,
      log,
      credentials: () => this.#credentials!,
      hello: () => ({
        type: 'hello',
        version: PROTOCOL_VERSION,
        program: PROGRAM,
        role: 'edge',
        timeMs: Date.now(),
        host: os.hostname().slice(0, 253),
      }),
      judge: ({ keys }) => known.take(keys, this.#credentials!),
      onUp: (_welcome, skewMs) => {
        this.#fault = undefined
        this.#time(skewMs)
        this.#examination?.up()
        this.#examination?.resume((message) => link.send(message))
        this.#tell()
      },
      onTime: (skewMs) => this.#time(skewMs),
      onDown: (fault) => {
        this.#fault = fault
        this.#examination?.failed(fault)
        this.#examination?.pause()
        comesBack = CURED_BY_KEY.has(fault.code) && existsSync(this.#o.keyFile)
        if (comesBack || FATAL.has(fault.code)) over.abort()
        void keyAfterDeletion(fault, this.#o.keyFile, this.#clock.nowMs() - Date.now()).then((hasKey) => {
          if (!hasKey) return
          comesBack = true
          over.abort()
        })
      },
      onMessage: (message) => {
        if (this.#examination?.message(message)) return
        if (message.type === 'keys')
          return void known.change(message.keys, this.#credentials!, () => link.redial({ why: 'keys' }))
        this.#message(message, edge, authority)
        if (this.#edge === edge || message.type !== 'edge-state') return
        this.#listen(edge, identity).catch((thrown: unknown) => {
          failed = asFault(thrown)
          over.abort()
        })
      },
      backoff: isBeside ? BACKOFF_BESIDE : undefined,
    })
    this.#link = link
    using _jumps = this.#clock.watch(log, ASK_AGAIN, (detail) => link.redial({ why: 'clock', detail }))
    const tick = setInterval(() => void this.#tick(state, link, edge), STATUS_MS)
    const ending = new AbortController()
    const drain = () => void this.#drain(ending, signal.reason)
    signal.addEventListener('abort', drain, { once: true })
    if (signal.aborted) drain()
    try {
      await link.serve(AbortSignal.any([ending.signal, over.signal]))
    } finally {
      clearInterval(tick)
      signal.removeEventListener('abort', drain)
    }
    if (signal.aborted) return undefined
    if (failed !== undefined) throw failed
    if (comesBack) return this.#identity
    if (over.signal.aborted) throw this.#fault!
    return undefined
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

  #enrol(state: StateDir, egress: Egress, signal: AbortSignal, ended?: EdgeIdentity): Promise<EdgeIdentity> {
    const { keyFile, home, log } = this.#o
    const onFailed = (fault: Fault) => {
      this.#fault = fault
      this.#examination?.failed(fault, true)
    }
    this.#enrolling = true
    return enrolUntilDone(state, { keyFile, home, ended, egress, log, signal, onFailed })
  }

  #adopt(identity: EdgeIdentity): void {
    this.#enrolling = false
    this.#identity = identity
    this.#credentials = credentialsOf(identity)
    this.#fault = undefined
  }

  #message(message: ControlMessage, edge: Edge, authority: ToldAuthority): void {
    if (message.type !== 'edge-state') {
      this.#o.log.debug({ event: 'control.unexpected', type: message.type }, 'message that nobody waits for')
      return
    }
    const cut = edge.revoke(authority.take(message))
    const { whole, revoked, ended } = message
    this.#o.log.info(
      { event: 'edge.told', whole, revoked: revoked.length, ended: ended.length, cut },
      `${revoked.length} revoked certificates ${whole ? 'are known' : 'more'}, ${cut} connections cut`,
    )
  }

  async #tick(state: StateDir, link: ControlLink, edge: Edge): Promise<void> {
    this.#tell()
    const identity = this.#identity!
    if (link.state.is !== 'up' || this.#renewing || Date.now() < renewAtMs(identity)) return
    const { log } = this.#o
    this.#renewing = true
    try {
      const renewed = await renewIdentity(state, link, identity)
      this.#adopt(renewed)
      edge.renew(this.#credentials!)
      link.redial({ why: 'certificate' })
      const until = rfc3339(renewed.notAfterMs)
      log.info(
        { event: 'certificate.renewed', until, generation: renewed.generation },
        `Certificate valid until ${until}`,
      )
    } catch (error) {
      const { code, detail } = asFault(error)
      log.warn({ event: 'certificate.renewal-failed', code }, `Certificate could not be renewed: ${detail}`)
    } finally {
      this.#renewing = false
    }
  }

  #tell(): void {
    const stats = this.#edge?.stats()
    if (stats === undefined) return
    const { pipes, connections, relayed, draining } = stats
    const state = draining ? 'draining' : 'serving'
    const controlPort = this.#edge?.controlPort
    const { told: notes } = this.#notes
    this.#link?.send({ type: 'edge-status', state, pipes, connections, relayed, controlPort, notes })
  }

  #time(skewMs: number): void {
    this.#skewMs = skewMs
    this.#clock.set(skewMs)
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
      link: this.#link?.state,
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
