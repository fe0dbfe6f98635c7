/**
 * The connector's side of the control connection: takes the whole state from each welcome, follows tickets, cuts what
 * is revoked, renews, and tells how it is.
 *
 * @module
 */
import os from 'node:os'
import { ControlLink } from '../../agent/control-link.ts'
import { EdgeRoute, type EdgeRouteOptions } from '../../agent/edges/edge-route.ts'
import type { SelfExamination } from '../../agent/examination/self-examination.ts'
import type { AskAgain } from '../../agent/sessions/session-reports.ts'
import { skewText } from '../../base/clock-skew.ts'
import { wordsOf } from '../../base/fault-words.ts'
import type { Fault, FaultCode } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import { PROGRAM } from '../../base/version.ts'
import { ASK_AGAIN } from '../../link/control/server-clock.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import {
  type AgentMessage,
  type ControlMessage,
  type FaultMessage,
  PROTOCOL_VERSION,
  type WatchedApplication,
  type WelcomeMessage,
} from '../../wire/control.ts'
import { ListParts } from '../../wire/list-parts.ts'
import { type ConnectorState, stageOf } from '../bring-up/bring-up.ts'
import { CanaryFlights } from '../bring-up/canary-flights.ts'
import type { Progress } from '../bring-up/progress.ts'
import { type ConnectorIdentity, credentialsOf } from '../enrol/identity.ts'
import type { Renewal } from '../enrol/renewal.ts'
import type { ServedTunnels } from '../tunnels/served-tunnels.ts'
import type { Services } from '../tunnels/services.ts'
import { tellEnded } from './tell-ended.ts'
import { statusMessage } from './tell-status.ts'

const STATUS_MS = 30_000
/** Trying again would only disturb whoever is rightly there. */
const FATAL: ReadonlySet<FaultCode> = new Set(['IDENTITY_CLONED'])

export interface ConnectorControlOptions {
  readonly identity: ConnectorIdentity
  /** What is known of edges, and whether one was set by hand: tickets for that one are followed there, too. */
  readonly edges: Pick<EdgeRouteOptions, 'cache' | 'first' | 'pinned' | 'controlPort'>
  readonly egress: Egress
  readonly services: Services
  readonly tunnels: ServedTunnels
  readonly renewal: Renewal
  readonly progress: Progress
  readonly examination: SelfExamination
  readonly log: Log
  /** What this connector serves in spite of. */
  readonly notes: () => readonly FaultMessage[]
  readonly state: () => ConnectorState
  /** A canary came through, or was lost for good: called for each. */
  readonly onHealth: (healthy: boolean) => void
  readonly onRenewed: (identity: ConnectorIdentity) => void
}

export class ConnectorControl {
  readonly #o: ConnectorControlOptions
  readonly #link: ControlLink
  readonly #over = new AbortController()
  readonly #canaries: CanaryFlights
  readonly #watched = new ListParts<WatchedApplication>()
  readonly route: EdgeRoute
  #identity: ConnectorIdentity
  /** One object per certificate: TLS contexts are kept by it. */
  #credentials: Credentials
  #fatal: Fault | undefined
  #told: ConnectorState | undefined
  /** Samples up to here are told. */
  #toldMark = 0
  #skewMs: number | undefined

  constructor(o: ConnectorControlOptions) {
    this.#o = o
    this.#identity = o.identity
    this.#credentials = credentialsOf(o.identity)
    this.route = new EdgeRoute({
      ...o.edges,
      egress: () => o.egress,
      log: o.log,
      send: (message) => this.#send(message),
      move: () => this.#link.redial({ why: 'edge' }),
      isIdle: () => o.services.active.count === 0 && this.#link.isIdle,
    })
    this.#canaries = new CanaryFlights({
      request: (message, timeoutMs) => this.#link.request(message, timeoutMs),
      reroute: (pipe) => this.route.reroute(pipe),
      egress: o.egress,
      credentials: () => this.#credentials,
      rawPhase: o.services.rawPhase,
      progress: o.progress,
      log: o.log,
      onHealth: (healthy) => {
        o.onHealth(healthy)
        this.tellState()
      },
      onEdgeLost: (edge, fault) => this.route.pipeLost(edge, fault),
    })
    this.#link = new ControlLink({
      edge: () => this.route.next(),
      timeoutMs: () => this.route.patienceMs,
      elsewhere: (fault) => this.route.failed(fault),
      onControlPort: (fault) => this.route.secondPort(fault),
      egress: o.egress,
      log: o.log,
      isSaid: true,
      credentials: () => this.#credentials,
      hello: () => ({
        type: 'hello',
        version: PROTOCOL_VERSION,
        program: PROGRAM,
        role: 'connector',
        run: o.services.reports.run,
        timeMs: Date.now(),
        host: os.hostname().slice(0, 253),
      }),
      onStep: (step) => o.progress.step(step, 5),
      judge: ({ keys }) => o.services.authority.known.take(keys, this.#credentials),
      onUp: (welcome, skewMs, address) => this.#up(welcome, skewMs, address),
      onTime: (skewMs) => this.#time(skewMs),
      onDown: (fault, redialling) => this.#down(fault, redialling),
      onMessage: (message) => this.#message(message),
    })
  }

  /** How slow this clock is against control; nothing before the first welcome. */
  get skewMs(): number | undefined {
    return this.#skewMs
  }

  get rttUs(): number | undefined {
    const { state } = this.#link
    return state.is === 'up' ? state.channel.rttUs : undefined
  }

  /**
   * Keeps the control connection until `signal` aborts.
   *
   * @throws {Fault} IDENTITY_CLONED: there is no place for this copy.
   */
  async serve(signal: AbortSignal): Promise<void> {
    const tick = setInterval(() => this.#tick(), STATUS_MS)
    const { services, log } = this.#o
    using _jumps = services.clock.watch(log, ASK_AGAIN, (detail) =>
      this.#link.redial({ why: 'clock', detail }),
    )
    try {
      await this.#link.serve(AbortSignal.any([signal, this.#over.signal]))
    } finally {
      clearInterval(tick)
      this.#canaries.stop()
      this.route[Symbol.dispose]()
    }
    if (this.#fatal !== undefined) throw this.#fatal
  }

  /** Tells control how this connector is, now. */
  tell(): void {
    if (this.#link.state.is === 'up') this.#tellStatus()
  }

  /** Tells control the state, if it changed since it was last told. */
  tellState(): void {
    if (this.#o.state() !== this.#told) this.#tellStatus()
  }

  #time(skewMs: number): void {
    this.#skewMs = skewMs
    this.#o.services.clock.set(skewMs)
  }

  #up(welcome: WelcomeMessage, skewMs: number, address: string | undefined): void {
    const { progress, log, services } = this.#o
    const { reach, reports, clock } = services
    const edge = this.route.address
    this.#time(skewMs)
    progress.pass(5, { edge: welcome.edge.id, skewMs })
    log.info(
      { event: 'control.connected', edge: hostPort(edge), skewMs },
      `Control connection state: CONNECTED to ${hostPort(edge)}`,
    )
    const skew = skewText(skewMs, 'the control plane')
    if (skew !== undefined) log.warn({ event: 'clock.skew', skewMs }, `Clock of this machine is ${skew}`)
    services.authority.welcomed(welcome.serverTimeMs)
    services.authority.replaceRevoked(welcome.revoked, clock.nowMs())
    services.active.cut(welcome.revoked, 'revoked while the control connection was down')
    this.#told = undefined
    this.#toldMark = 0
    this.#tellStatus()
    reach.resume((source) => this.#link.offer(source))
    const ask: AskAgain = (batch, timeoutMs) => this.#link.request(batch, timeoutMs, { isAskedAgain: true })
    reports.resume(ask)
    this.#o.examination.resume((message) => this.#send(message))
    this.route.up(welcome, address)
    this.#canaries.start()
    this.#tick()
  }

  /** @param redialling It was given up here, to come back at once: no failure. */
  #down(fault: Fault, redialling: boolean): void {
    const { progress, log, services } = this.#o
    const edge = this.route.address
    const wasUp = progress.stages[5].is === 'passed'
    this.#canaries.stop()
    services.reach.pause()
    services.probes.pause()
    services.reports.pause()
    this.#o.examination.pause()
    if (redialling && wasUp) return
    progress.fail(wasUp ? 5 : stageOf(fault.code), fault, wasUp)
    if (wasUp) {
      const { code, hop, seen } = fault
      log.warn(
        { event: 'control.disconnected', edge: hostPort(edge), code, hop, seen, fix: wordsOf(fault).fix },
        `Control connection state: DISCONNECTED from ${hostPort(edge)}: ${fault.message}`,
      )
    }
    if (FATAL.has(fault.code)) this.#fatal = fault
    this.#o.onHealth(false)
    if (this.#fatal !== undefined) this.#over.abort()
  }

  #message(message: ControlMessage): void {
    const { services, tunnels, egress, log } = this.#o
    switch (message.type) {
      case 'ticket':
        tunnels.bring(this.route.reroute(message.pipe), message.session, {
          egress,
          credentials: this.#credentials,
          onEdgeLost: (edge, fault) => this.route.pipeFailed(edge, fault),
        })
        break
      case 'edges':
        this.route.learn(message.edges)
        break
      case 'revoke': {
        services.authority.revoke(message.grants, services.clock.nowMs())
        const cut = services.active.cut(message.grants, message.detail)
        log.info(
          { event: 'grants.revoked', grants: message.grants.length, cut },
          `${message.grants.length} grants revoked, ${cut} live sessions cut: ${message.detail}`,
        )
        break
      }
      case 'probe': {
        const list = this.#watched.take(message.part, message.applications)
        if (list !== undefined) services.probes.replace(list)
        break
      }
      case 'keys':
        void services.authority.known.change(message.keys, this.#credentials, () =>
          this.#link.redial({ why: 'keys' }),
        )
        break
      default:
        if (this.#o.examination.message(message)) break
        log.debug({ event: 'control.unexpected', type: message.type }, 'message that nobody waits for')
    }
  }

  /** Every half minute. */
  #tick(): void {
    this.#tellStatus()
    this.#tellEnded()
    void this.#o.services.rawPhase.lookAgain(() => this.#credentials)
    if (this.#link.state.is !== 'up' || !this.#o.renewal.isDue(this.#identity)) return
    const request = this.#link.request.bind(this.#link)
    void this.#o.renewal.renew(this.#identity, request).then((renewed) => {
      if (renewed === undefined) return
      this.#identity = renewed
      this.#credentials = credentialsOf(renewed)
      this.#o.onRenewed(renewed)
      this.#link.redial({ why: 'certificate' })
    })
  }

  #tellStatus(): void {
    const { state, services, tunnels } = this.#o
    const now = state()
    if (now === 'enrolling' || now === 'disconnected') return
    this.#told = now
    const { active, vitals } = services
    const notes = this.#o.notes()
    const facts = { rttUs: this.rttUs, active, vitals, notes, toldMark: this.#toldMark }
    this.#toldMark = vitals.mark
    this.#send(statusMessage({ state: now, tunnels: tunnels.count, ...facts }))
  }

  #tellEnded(): void {
    const { active, clock } = this.#o.services
    const told = tellEnded(active, clock.nowMs())
    this.#link.offer(() => told.next().value)
  }

  #send(message: AgentMessage): void {
    this.#link.send(message)
  }
}
