/**
 * The connector's side of the control connection: takes the whole state from each welcome, follows tickets, cuts what
 * is revoked, and tells how it is.
 *
 * @module
 */
import { Agent } from '../../agent/agent.ts'
import {
  followsEdges,
  followsKeys,
  followsTime,
  tellsOutages,
  tellsSessions,
} from '../../agent/companions.ts'
import { EdgeRoute, type EdgeRouteOptions } from '../../agent/edges/edge-route.ts'
import type { SelfExamination } from '../../agent/examination/self-examination.ts'
import { Renewal } from '../../agent/identity/renewal.ts'
import type { RepairWatch } from '../../agent/identity/repair-watch.ts'
import type { Companion, Met } from '../../agent/link/companion.ts'
import { skewText } from '../../base/clock-skew.ts'
import { wordsOf } from '../../base/fault-words.ts'
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { ControlMessage, FaultMessage, WatchedApplication, WelcomeMessage } from '../../wire/control.ts'
import { ListParts } from '../../wire/list-parts.ts'
import { type ConnectorState, stageOf } from '../bring-up/bring-up.ts'
import { CanaryRuns } from '../bring-up/canary-runs.ts'
import type { Progress } from '../bring-up/progress.ts'
import { type ConnectorIdentity, credentialsOfConnector } from '../enrol/identity.ts'
import type { Services } from '../tunnels/services.ts'
import type { TunnelDispatch } from '../workers/tunnel-dispatch.ts'
import { tellEnded } from './tell-ended.ts'
import { statusMessage } from './tell-status.ts'

export interface ConnectorControlOptions {
  readonly identity: ConnectorIdentity
  /** Of a renewed identity, before it is used. */
  readonly save: (identity: ConnectorIdentity) => Promise<void>
  readonly onRenewed: (identity: ConnectorIdentity) => void
  /** What is known of edges, and whether one was set by hand: tickets for that one are followed there, too. */
  readonly edges: Pick<EdgeRouteOptions, 'cache' | 'first' | 'pinned' | 'controlPort'>
  readonly egress: Egress
  readonly services: Services
  readonly tunnels: TunnelDispatch
  readonly progress: Progress
  readonly examination: SelfExamination
  readonly repair: RepairWatch
  readonly log: Log
  /** What this connector serves in spite of. */
  readonly notes: () => readonly FaultMessage[]
  readonly state: () => ConnectorState
  /** A canary came through, or was lost for good: called for each. */
  readonly onHealth: (healthy: boolean) => void
}

export class ConnectorControl {
  readonly #o: ConnectorControlOptions
  readonly #agent: Agent
  readonly #canaries: CanaryRuns
  readonly #watched = new ListParts<WatchedApplication>()
  readonly route: EdgeRoute
  #identity: ConnectorIdentity
  /** One object per certificate: TLS contexts are kept by it. */
  #credentials: Credentials
  #told: ConnectorState | undefined
  /** Samples up to here are told. */
  #toldMark = 0
  #skewMs: number | undefined

  constructor(o: ConnectorControlOptions) {
    this.#o = o
    this.#identity = o.identity
    this.#credentials = credentialsOfConnector(o.identity)
    const { services, examination, repair, egress, log } = o
    const credentials = () => this.#credentials
    this.route = new EdgeRoute({
      ...o.edges,
      egress: () => egress,
      log,
      send: (message) => this.#agent.link.send(message),
      move: () => this.#agent.link.redial({ why: 'edge' }),
      isIdle: () => services.ledger.open.count === 0 && this.#agent.link.isIdle,
    })
    this.#canaries = new CanaryRuns({
      request: (message, timeoutMs) => this.#agent.link.request(message, timeoutMs),
      reroute: (pipe) => this.route.reroute(pipe),
      egress,
      credentials,
      rawPhase: services.rawPhase,
      progress: o.progress,
      log,
      onHealth: (healthy) => {
        o.onHealth(healthy)
        this.tellState()
      },
      onEdgeLost: (edge, fault) => this.route.pipeLost(edge, fault),
    })
    this.#agent = new Agent({
      role: 'connector',
      run: services.reports.run,
      ...{ way: this.route, egress, log, credentials },
      isSaid: true,
      onStep: (step) => o.progress.step(step, 5),
      companions: [
        repair,
        followsTime(services.clock, log),
        followsKeys(services.authority.known, credentials),
        this.#own(),
        services.health,
        tellsSessions(services.reports),
        tellsOutages(examination),
        followsEdges(this.route),
        this.#canaries,
        this.#renewal(),
      ],
    })
  }

  /** How slow this clock is against control; nothing before the first welcome. */
  get skewMs(): number | undefined {
    return this.#skewMs
  }

  get rttUs(): number | undefined {
    return this.#agent.rttUs
  }

  /** As Agent.serve. */
  serve(signal: AbortSignal): Promise<void> {
    return this.#agent.serve(signal)
  }

  /** Tells control how this connector is, now. */
  tell(): void {
    if (this.#agent.link.state.is === 'up') this.#tellStatus()
  }

  /** Tells control the state, if it changed since it was last told. */
  tellState(): void {
    if (this.#o.state() !== this.#told) this.#tellStatus()
  }

  #renewal(): Renewal<ConnectorIdentity> {
    const { save, onRenewed, services, log } = this.#o
    return new Renewal({
      role: 'connector',
      idOf: ({ id }) => id,
      current: () => this.#identity,
      save,
      use: (renewed) => {
        this.#identity = renewed
        this.#credentials = credentialsOfConnector(renewed)
        onRenewed(renewed)
      },
      ...{ clock: services.clock, log },
    })
  }

  #own(): Companion {
    return {
      up: (welcome, met) => this.#up(welcome, met),
      down: (fault, redialling) => this.#down(fault, redialling),
      time: (skewMs) => {
        this.#skewMs = skewMs
      },
      message: (message) => this.#message(message),
      tick: () => this.#tick(),
    }
  }

  #up(welcome: WelcomeMessage, { skewMs }: Met): void {
    const { progress, log, services, tunnels } = this.#o
    const edge = this.route.address
    this.#skewMs = skewMs
    progress.pass(5, { edge: welcome.edge.id, skewMs })
    log.info(
      { event: 'control.connected', edge: hostPort(edge), skewMs },
      `Control connection state: CONNECTED to ${hostPort(edge)}`,
    )
    const skew = skewText(skewMs, 'the control plane')
    if (skew !== undefined) log.warn({ event: 'clock.skew', skewMs }, `Clock of this machine is ${skew}`)
    services.authority.welcomed(welcome.serverTimeMs)
    services.authority.replaceRevoked(welcome.revoked, services.clock.nowMs())
    void tunnels.revoke(welcome.revoked, 'revoked while the control connection was down', true)
    this.#told = undefined
    this.#toldMark = 0
    this.#tick()
  }

  /** @param redialling It was given up here, to come back at once: no failure, where it had been up. */
  #down(fault: Fault, redialling: boolean): void {
    const { progress, log } = this.#o
    const edge = this.route.address
    const wasUp = progress.stages[5].is === 'passed'
    if (redialling && wasUp) return
    progress.fail(wasUp ? 5 : stageOf(fault.code), fault, wasUp)
    if (wasUp) {
      const { code, hop, seen } = fault
      log.warn(
        { event: 'control.disconnected', edge: hostPort(edge), code, hop, seen, fix: wordsOf(fault).fix },
        `Control connection state: DISCONNECTED from ${hostPort(edge)}: ${fault.message}`,
      )
    }
    this.#o.onHealth(false)
  }

  #message(message: ControlMessage): boolean {
    const { services, tunnels, egress, log } = this.#o
    switch (message.type) {
      case 'ticket':
        tunnels.bring(this.route.reroute(message.pipe), message.session, {
          egress,
          credentials: this.#credentials,
          onEdgeLost: (edge, fault) => this.route.pipeFailed(edge, fault),
        })
        return true
      case 'revoke': {
        const { grants, detail } = message
        services.authority.revoke(grants, services.clock.nowMs())
        void tunnels
          .revoke(grants, detail)
          .then((cut) =>
            log.info(
              { event: 'grants.revoked', grants: grants.length, cut },
              `${grants.length} grants revoked, ${cut} live sessions closed: ${detail}`,
            ),
          )
        return true
      }
      case 'probe': {
        const list = this.#watched.take(message.part, message.applications)
        if (list !== undefined) services.probes.replace(list)
        return true
      }
      default:
        return false
    }
  }

  #tick(): void {
    this.#tellStatus()
    this.#tellEnded()
    void this.#o.services.rawPhase.lookAgain(() => this.#credentials)
  }

  #tellStatus(): void {
    const { state, services, tunnels } = this.#o
    const now = state()
    if (now === 'enrolling' || now === 'disconnected') return
    this.#told = now
    const { ledger, vitals } = services
    const notes = this.#o.notes()
    const facts = { rttUs: this.rttUs, open: ledger.open, vitals, notes, toldMark: this.#toldMark }
    this.#toldMark = vitals.mark
    this.#agent.link.send(statusMessage({ state: now, tunnels: tunnels.count, ...facts }))
  }

  #tellEnded(): void {
    const { ledger, clock } = this.#o.services
    const told = tellEnded(ledger.open, clock.nowMs())
    this.#agent.link.offer(() => told.next().value)
  }
}
