import { existsSync } from 'node:fs'
import os from 'node:os'
import { Registry } from 'prom-client'
import { rfc3339 } from '../base/clock.ts'
import { asFault, Fault, type FaultCode } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { StateDir } from '../base/state-dir.ts'
import { StatusSocket } from '../base/status-socket.ts'
import { PROGRAM, VERSION } from '../base/version.ts'
import { requireOwnCertificate } from '../link/accept-certificate.ts'
import { ControlLink } from '../link/control-link.ts'
import type { Credentials } from '../link/credentials.ts'
import { type Egress, explainEgress, readEgress } from '../link/egress.ts'
import { faultToMessage } from '../link/fault-message.ts'
import { SelfExamination } from '../link/self-examination.ts'
import { type ControlMessage, PROTOCOL_VERSION } from '../wire/control.ts'
import { Edge } from './edge.ts'
import { ToldAuthority } from './edge-authority.ts'
import { enrolUntilDone } from './edge-enrolment.ts'
import {
  credentialsOf,
  loadIdentity,
  type RemoteEdgeIdentity,
  renewAtMs,
  saveIdentity,
} from './edge-identity.ts'
import type { RemoteEdgeOptions } from './edge-options.ts'
import type { EdgeDaemonStatus } from './edge-status.ts'

const STATUS_SOCKET = 'status.sock'
const STATUS_MS = 30_000
const RENEW_MS = 20_000
/** Trying again would only disturb whoever is rightly there. */
const FATAL: ReadonlySet<FaultCode> = new Set(['IDENTITY_CLONED'])

/**
 * A service edge that is a process of its own: it joins halves of pipes by itself, passes everything else on to the
 * home edge, and learns over its control connection which tickets are genuine. It keeps nothing but its identity.
 */
export class RemoteEdge {
  readonly #o: RemoteEdgeOptions
  readonly #startedMs = Date.now()
  readonly #registry = new Registry()
  readonly #listening = Promise.withResolvers<number>()
  #identity: RemoteEdgeIdentity | undefined
  #credentials: Credentials | undefined
  #egress: Egress | undefined
  #edge: Edge | undefined
  #link: ControlLink | undefined
  #examination: SelfExamination | undefined
  #fault: Fault | undefined
  #skewMs: number | undefined
  #renewing = false

  constructor(options: RemoteEdgeOptions) {
    this.#o = options
    this.#listening.promise.catch(() => {})
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
      await using examination = await SelfExamination.open(state, { log, examine })
      this.#examination = examination
      this.#egress = await readEgress({ flag: proxy, env, file: proxyFile })
      this.#adopt((await loadIdentity(state)) ?? (await this.#enrol(state, this.#egress, signal)))
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

  /** @returns The identity whose certificate has ended, once there is a key to come back with. */
  async #run(state: StateDir, egress: Egress, signal: AbortSignal): Promise<RemoteEdgeIdentity | undefined> {
    const { listen, controlPort, log } = this.#o
    const identity = this.#identity!
    const home = this.#o.home ?? identity.home
    const authority = new ToldAuthority(identity)
    const over = new AbortController()
    this.#registry.clear()
    await using edge = await Edge.open({
      ...{ listen, controlPort, edgeId: identity.id, credentials: this.#credentials!, authority, log },
      home: { home, egress },
      registry: this.#registry,
    })
    this.#edge = edge
    this.#listening.resolve(edge.port)
    log.info(
      { event: 'edge.listening', edge: identity.id, port: edge.port, version: VERSION },
      `Edge ${identity.id}, version ${VERSION}, is listening on port ${edge.port}`,
    )
    let comesBack = false
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
      onUp: (_welcome, skewMs) => {
        this.#fault = undefined
        this.#skewMs = skewMs
        this.#examination?.up()
        this.#examination?.resume((message) => link.send(message))
        this.#tell()
      },
      onDown: (fault) => {
        this.#fault = fault
        this.#examination?.failed(fault)
        this.#examination?.pause()
        comesBack = fault.code === 'CERT_EXPIRED' && existsSync(this.#o.keyFile)
        if (comesBack || FATAL.has(fault.code)) over.abort()
      },
      onMessage: (message) => {
        if (!this.#examination?.message(message)) this.#message(message, edge, authority)
      },
    })
    this.#link = link
    const tick = setInterval(() => void this.#tick(state, link, edge), STATUS_MS)
    const ending = new AbortController()
    const drain = () => void this.#drain(edge, ending)
    signal.addEventListener('abort', drain, { once: true })
    if (signal.aborted) drain()
    try {
      await link.serve(AbortSignal.any([ending.signal, over.signal]))
    } finally {
      clearInterval(tick)
      signal.removeEventListener('abort', drain)
    }
    if (comesBack && !signal.aborted) return this.#identity
    if (over.signal.aborted && !signal.aborted) throw this.#fault!
    return undefined
  }

  #enrol(
    state: StateDir,
    egress: Egress,
    signal: AbortSignal,
    ended?: RemoteEdgeIdentity,
  ): Promise<RemoteEdgeIdentity> {
    const { keyFile, home, log } = this.#o
    const onFailed = (fault: Fault) => {
      this.#fault = fault
      this.#examination?.failed(fault)
    }
    return enrolUntilDone(state, { keyFile, home, ended, egress, log, signal, onFailed })
  }

  #adopt(identity: RemoteEdgeIdentity): void {
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
      const reply = await link.request({ type: 'renew', id: newId('req'), csr: identity.csrPem }, RENEW_MS)
      if (reply.type !== 'renewed') {
        throw new Fault('PROTOCOL_ERROR', `the answer to renew was ${reply.type}`, { hop: 'control' })
      }
      const { certificate, notAfterMs, generation } = reply
      const { id, tenant, rootPem: root, keyPem } = identity
      requireOwnCertificate({ id, tenant, certificate, root }, { role: 'edge', keyPem })
      const renewed = { ...identity, certificate, notAfterMs, generation, receivedMs: Date.now() }
      await saveIdentity(state, renewed)
      this.#adopt(renewed)
      edge.renew(this.#credentials!)
      link.redial()
      log.info(
        { event: 'certificate.renewed', until: rfc3339(notAfterMs), generation },
        `Certificate valid until ${rfc3339(notAfterMs)}`,
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
    this.#link?.send({ type: 'edge-status', state, pipes, connections, relayed, controlPort })
  }

  /** Control is told first, so that no new pipe is sent here; then open ones may end by themselves for a while. */
  async #drain(edge: Edge, ending: AbortController): Promise<void> {
    const drained = edge.drain(this.#o.drainSeconds * 1000)
    this.#tell()
    await drained
    ending.abort()
  }

  status(): EdgeDaemonStatus {
    const identity = this.#identity
    const home = this.#o.home ?? identity?.home
    const link = this.#link?.state
    const stats = this.#edge?.stats()
    return {
      role: 'edge',
      version: VERSION,
      pid: process.pid,
      state: identity === undefined ? 'enrolling' : stats?.draining ? 'draining' : this.#reach(),
      startedAt: rfc3339(this.#startedMs),
      id: identity?.id,
      tenant: identity?.tenant,
      certificate: identity && { notAfter: rfc3339(identity.notAfterMs), generation: identity.generation },
      listen: this.#edge && { host: this.#o.listen.host, port: this.#edge.port },
      edge: home && { ...home, rttUs: link?.is === 'up' ? link.channel.rttUs : undefined },
      egress: home && this.#egress && explainEgress(this.#egress, home).trimEnd(),
      clockSkewMs: this.#skewMs,
      stats,
      fault: this.#fault && faultToMessage(this.#fault),
      outages: this.#examination?.report(),
      notes: [],
    }
  }

  #reach(): 'connected' | 'disconnected' {
    return this.#link?.state.is === 'up' ? 'connected' : 'disconnected'
  }

  async #document(): Promise<EdgeDaemonStatus & { metrics: string }> {
    return { ...this.status(), metrics: await this.#registry.metrics() }
  }
}
