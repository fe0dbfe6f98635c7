import { SessionReports } from '../../agent/sessions/session-reports.ts'
import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import { DIRECT, type Egress } from '../../link/dial/egress.ts'
import { RawPhase } from '../../link/pipe/raw-phase.ts'
import { type LaneRules, NO_LANES } from '../../policy/lanes.ts'
import type { ControlMessage } from '../../wire/control.ts'
import { bringTunnel, type EdgeWay } from '../session/bring-tunnel.ts'
import { Bypass } from '../session/bypass.ts'
import { Decisions } from '../session/decisions.ts'
import { GrantCache } from '../session/grant-cache.ts'
import { LaneChooser } from '../session/lane-chooser.ts'
import { Looks } from '../session/looks.ts'
import { Opener } from '../session/open-session.ts'
import { type PermitLink, Permits } from '../session/permits.ts'
import { type SilentApps, watchOwnSessions } from '../session/silent-app.ts'
import { TunnelPools } from '../session/tunnel-pools.ts'
import { TunnelWarmer } from '../session/tunnel-warmer.ts'

/** What sessions need of the control connection: the one of this process, or that of the process that keeps it. */
export interface EngineUplink {
  /** Once it is up; waits for one that is coming up. Rejects with the Fault that keeps it down. */
  control(): Promise<PermitLink>
  /** @throws {Fault} REAUTH_NEEDED. */
  credentials(): Credentials
  readonly isUp: boolean
  /** What to add to this clock to have the control plane's. */
  readonly skewMs: number
  /** Who is signed in. */
  readonly user: string | undefined
  /** The way to edges: it is told of an edge that cannot be reached. */
  readonly way: EdgeWay | undefined
}

export interface SessionEngineOptions {
  readonly log: Log
  readonly clock: Clock
  readonly tunnelsPerConnector: number
  readonly uplink: EngineUplink
  /** Of the client, as session records name it; made anew where it is not given. */
  readonly run?: string
}

/** What is told when the control connection has come up. */
export interface EngineWelcome {
  readonly lanes?: LaneRules
  readonly revoked: readonly string[]
}

/** Everything between a program's connection and the tunnel that carries it, in one process. */
export class SessionEngine implements AsyncDisposable {
  readonly opener: Opener
  readonly looks: Looks
  readonly grants: GrantCache
  readonly tunnels: TunnelPools
  readonly decisions: Decisions
  readonly reports: SessionReports
  readonly rawPhase: RawPhase
  readonly silence: SilentApps
  readonly #permits: Permits
  readonly #warmer: TunnelWarmer
  readonly #uplink: EngineUplink
  #egress: Egress = DIRECT

  constructor({ log, clock, tunnelsPerConnector, uplink, run }: SessionEngineOptions) {
    this.#uplink = uplink
    this.grants = new GrantCache(clock)
    this.decisions = new Decisions(log, clock, () => uplink.user)
    this.reports = new SessionReports({ log, run })
    this.looks = new Looks({ control: () => uplink.control(), clock, log })
    this.silence = watchOwnSessions({ clock, log, looks: this.looks })
    const onOpen = () => this.tunnels.retire(({ facts }) => facts.wrapped)
    this.rawPhase = new RawPhase({ log, clock, onOpen })
    this.#permits = new Permits({
      grants: this.grants,
      log,
      control: () => uplink.control(),
      connectors: () => this.tunnels.connectors(),
      skewMs: () => uplink.skewMs,
      onPipe: (connector, pipe) => void this.tunnels.take(connector, pipe).catch(() => {}),
    })
    this.#warmer = new TunnelWarmer({ ask: (to) => this.#permits.warm(to), log })
    const newSession = () => newId('ses', clock.nowMs())
    this.tunnels = new TunnelPools({
      log,
      clock,
      target: tunnelsPerConnector,
      bring: async (connector, pipe, events, signal) =>
        bringTunnel({
          connector,
          pipe,
          another: () => this.#permits.wantPipe(connector, newSession()),
          credentials: uplink.credentials(),
          egress: this.#egress,
          way: uplink.way,
          rawPhase: this.rawPhase,
          events,
          signal,
          clock,
          log,
        }),
      wantPipe: (connector, session) => this.#permits.wantPipe(connector, session),
      lost: (connector) => this.#warmer.lost(this.grants.dropConnector(connector), uplink.isUp),
      newSession,
    })
    this.opener = new Opener({
      lanes: new LaneChooser(),
      bypass: new Bypass(this.decisions),
      grants: this.grants,
      permits: this.#permits,
      tunnels: this.tunnels,
      decisions: this.decisions,
      reports: this.reports,
      silence: this.silence,
      looks: this.looks,
      clock,
      log,
    })
  }

  /** How this device gets out; set before anybody asks. */
  set egress(egress: Egress) {
    this.#egress = egress
    this.opener.bypass.egress = egress
  }

  /** The control connection has come up. */
  up({ lanes = NO_LANES, revoked }: EngineWelcome): void {
    this.opener.lanes.set(lanes)
    this.#revoke(revoked, 'revoked while the control connection was down')
    this.#warmer.controlIsUp()
  }

  /** @returns false for a message that is not about sessions. */
  message(message: ControlMessage): boolean {
    if (message.type === 'lanes') this.opener.lanes.set(message.lanes)
    else if (message.type === 'revoke') this.#revoke(message.grants, message.detail)
    else return false
    return true
  }

  /** Now and then, while the control connection is up. */
  tick(): void {
    this.rawPhase.lookAgain(() => this.#uplink.credentials()).catch(() => {}) // signed out: told elsewhere
    void this.#permits.renewDue()
  }

  /** Grants and tunnels are bound to the certificate before: sessions in them go on, new ones begin anew. */
  renewed(): void {
    this.grants.clear()
    this.tunnels.retire()
  }

  /** An edge is being stopped: what is open there will not last. */
  draining(edge: string): void {
    this.tunnels.retire(({ facts }) => facts.edge === edge)
  }

  #revoke(ids: readonly string[], detail: string): void {
    if (ids.length === 0) return
    this.grants.revoke(ids)
    this.opener.cut(new Set(ids), detail)
  }

  /** Sessions that go on are cut; then tunnels close, then what is to be told of them leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.opener.stop()
    await this.tunnels[Symbol.asyncDispose]()
    this.silence[Symbol.dispose]()
    this.rawPhase[Symbol.dispose]()
    await this.reports[Symbol.asyncDispose]()
  }
}
