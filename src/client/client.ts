import { countsOutages, tellsOutages, tellsSessions } from '../agent/companions.ts'
import { SelfExamination } from '../agent/examination/self-examination.ts'
import type { Companion } from '../agent/link/companion.ts'
import { SessionReports } from '../agent/sessions/session-reports.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { asFault, Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { StateDir } from '../base/state-dir.ts'
import { StatusSocket } from '../base/status-socket.ts'
import { VERSION } from '../base/version.ts'
import { type Egress, readEgress } from '../link/dial/egress.ts'
import { RawPhase } from '../link/pipe/raw-phase.ts'
import { NO_LANES } from '../policy/lanes.ts'
import type { AgentMessage, ControlMessage } from '../wire/control.ts'
import { type Entries, NO_ENTRIES, openEntries } from './entries.ts'
import { LocalUsers } from './entry/local-users.ts'
import type { Covered } from './entry/pac.ts'
import { metricsOf } from './metrics.ts'
import type { ClientOptions } from './options.ts'
import { bringTunnel } from './session/bring-tunnel.ts'
import { Bypass } from './session/bypass.ts'
import { Decisions } from './session/decisions.ts'
import { GrantCache } from './session/grant-cache.ts'
import { LaneChooser } from './session/lane-chooser.ts'
import { Looks } from './session/looks.ts'
import { Opener } from './session/open-session.ts'
import { Permits } from './session/permits.ts'
import { type SilentApps, watchOwnSessions } from './session/silent-app.ts'
import { TunnelPools } from './session/tunnel-pools.ts'
import { TunnelWarmer } from './session/tunnel-warmer.ts'
import { type ClientParts, type ClientStatus, describeClient } from './status.ts'
import { Tracer } from './trace/tracer.ts'
import { untilAborted } from './uplink/until-aborted.ts'
import { Uplink } from './uplink/uplink.ts'

const STATUS_SOCKET = 'status.sock'
const RECORDS = 'session-records'

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
  readonly #grants: GrantCache
  readonly #permits: Permits
  readonly #tunnels: TunnelPools
  readonly #decisions: Decisions
  readonly #reports: SessionReports
  readonly #rawPhase: RawPhase
  readonly #silence: SilentApps
  readonly #warmer: TunnelWarmer
  readonly #tracer: Tracer
  readonly #listening = Promise.withResolvers<void>()
  #examination: SelfExamination | undefined
  #uplink: Uplink | undefined
  #egress: Egress | undefined
  #entries: Entries = NO_ENTRIES
  #covered: Covered = { hosts: [], cidrs: [] }

  constructor(options: ClientOptions) {
    const { log, clock = systemClock } = options
    this.#o = options
    this.users = new LocalUsers(options.users)
    this.#clock = clock
    this.#startedMs = clock.nowMs()
    this.#listening.promise.catch(() => {})
    this.#grants = new GrantCache(clock)
    this.#decisions = new Decisions(log, clock, () => this.#uplink?.profile?.user)
    this.#reports = new SessionReports({ log })
    this.looks = new Looks({ control: async () => this.#running().control(), clock, log })
    this.#silence = watchOwnSessions({ clock, log, looks: this.looks })
    const onOpen = () => this.#tunnels.retire(({ facts }) => facts.wrapped)
    this.#rawPhase = new RawPhase({ log, clock, onOpen })
    this.#permits = new Permits({
      grants: this.#grants,
      log,
      control: async () => this.#running().control(),
      connectors: () => this.#tunnels.connectors(),
      skewMs: () => this.#uplink?.skewMs ?? 0,
      onPipe: (connector, pipe) => void this.#tunnels.take(connector, pipe).catch(() => {}),
    })
    this.#warmer = new TunnelWarmer({ ask: (to) => this.#permits.warm(to), log })
    this.#tunnels = new TunnelPools({
      log,
      clock,
      target: options.tunnelsPerConnector,
      bring: async (connector, pipe, events, signal) => {
        const credentials = this.#running().credentials()
        return bringTunnel({
          connector,
          pipe,
          another: () => this.#permits.wantPipe(connector, newId('ses', clock.nowMs())),
          credentials,
          egress: this.#egress!,
          route: this.#running().route,
          rawPhase: this.#rawPhase,
          events,
          signal,
          clock,
          log,
        })
      },
      wantPipe: (connector, session) => this.#permits.wantPipe(connector, session),
      lost: (connector) => this.#lost(connector),
      newSession: () => newId('ses', clock.nowMs()),
    })
    this.opener = new Opener({
      lanes: new LaneChooser(),
      bypass: new Bypass(this.#decisions),
      grants: this.#grants,
      permits: this.#permits,
      tunnels: this.#tunnels,
      decisions: this.#decisions,
      reports: this.#reports,
      silence: this.#silence,
      clock,
      log,
    })
    const send = (message: AgentMessage) => this.#uplink?.send(message)
    this.#tracer = new Tracer({ opener: this.opener, grants: this.#grants, send, clock, log })
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
    const state = await StateDir.open(stateDir, 'client')
    if (this.#o.sockets) {
      const document = () => ({ ...this.status(), metrics: this.metrics() })
      parts.use(await StatusSocket.open(state.file(STATUS_SOCKET), document))
      await this.#reports.keepIn(state.file(RECORDS), 'client')
      this.#examination = parts.use(await SelfExamination.open(state, { log, examine: this.#o.examine }))
    }
    this.#egress = await readEgress({ flag: proxy, env, file: proxyFile, own: listen })
    this.opener.bypass.egress = this.#egress
    const uplink = new Uplink({
      state,
      egress: this.#egress,
      posture,
      clock: this.#clock,
      log,
      run: this.#reports.run,
      companions: [
        ...(this.#examination === undefined
          ? []
          : [countsOutages(this.#examination), tellsOutages(this.#examination)]),
        this.#own(),
        tellsSessions(this.#reports),
      ],
      // Grants and tunnels are bound to the certificate before: sessions in them go on, new ones begin anew.
      onRenewed: () => {
        this.#grants.clear()
        this.#tunnels.retire()
      },
      onDraining: (edge) => this.#tunnels.retire(({ facts }) => facts.edge === edge),
      isIdle: () => this.opener.live.size === 0,
    })
    this.#uplink = uplink
    await uplink.reload() // known before anybody can ask
    const ending = new AbortController()
    const linking = uplink.serve(ending.signal)
    parts.defer(() => {
      ending.abort(signal.reason)
      return linking
    })
    parts.use(this.#reports)
    parts.use(this.#rawPhase)
    parts.use(this.#silence)
    parts.use(this.#tunnels)
    const { opener } = this
    this.#entries = await openEntries(parts, {
      ...{ options: this.#o, state, opener, users: this.users, looks: this.looks },
      reload: () => uplink.reload(),
      covered: () => this.#patterns(),
      metrics: () => this.metrics(),
    })
    parts.defer(() => opener.stop())
    return { linking }
  }

  #own(): Companion {
    return {
      up: (welcome) => {
        this.#covered = welcome.covers ?? this.#covered
        this.opener.lanes.set(welcome.lanes ?? NO_LANES)
        this.#revoke(welcome.revoked, 'revoked while the control connection was down')
        this.#warmer.controlIsUp()
      },
      message: (message) => this.#message(message),
      tick: (link) => {
        if (!link.isUp) return
        this.#rawPhase.lookAgain(() => this.#running().credentials()).catch(() => {}) // signed out: told elsewhere
        void this.#permits.renewDue()
      },
    }
  }

  #message(message: ControlMessage): boolean {
    if (message.type === 'lanes') this.opener.lanes.set(message.lanes)
    else if (message.type === 'revoke') this.#revoke(message.grants, message.detail)
    else if (message.type === 'trace') void this.#tracer.run(message)
    else return message.type === 'keys' // for those who verify what this one carries
    return true
  }

  #revoke(ids: readonly string[], detail: string): void {
    if (ids.length === 0) return
    this.#grants.revoke(ids)
    this.opener.cut(new Set(ids), detail)
  }

  /** The way to a connector is gone. One destination that was in use is asked for anew, so that the next session is warm. */
  #lost(connector: string): void {
    this.#warmer.lost(this.#grants.dropConnector(connector), this.#uplink?.isUp ?? false)
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

  status(): ClientStatus {
    return describeClient(this.#parts())
  }

  #parts(): ClientParts {
    return {
      startedMs: this.#startedMs,
      clock: this.#clock,
      uplink: this.#uplink,
      egress: this.#egress,
      proxy: this.#entries.proxy,
      users: this.users,
      forwards: this.#entries.forwards,
      tunnels: this.#tunnels.all(),
      grants: this.#grants.values(),
      opener: this.opener,
      reports: this.#reports,
      decisions: this.#decisions,
      connectorName: (id) => this.#grants.connectorName(id),
      rawPhase: this.#rawPhase,
      silence: this.#silence,
      looks: this.looks,
      outages: this.#examination?.report(),
      stoodStill: this.#examination?.stoodStill,
    }
  }
}
