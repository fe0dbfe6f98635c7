import type http from 'node:http'
import { Fault } from '../base/faults.ts'
import { VERSION } from '../base/version.ts'
import { type ControlEnd, sayGoodbye } from '../link/control-channel.ts'
import type { ControlPort } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import { formatProvisioningKey } from '../pki/provisioning-key.ts'
import type { VerifyKeys } from '../pki/signing-keys.ts'
import type { Peer } from '../pki/verify.ts'
import type { BusMessages } from '../store/bus.ts'
import type { Store } from '../store/store.ts'
import type { CertificateReply, EnrolRequest, LoginRequest } from '../wire/control.ts'
import { candidatesOf } from './agents/candidates.ts'
import { HOME_NAME } from './agents/edges.ts'
import { enrol } from './agents/enrol.ts'
import { agentHandlers } from './agents/handlers.ts'
import { Hub } from './agents/hub.ts'
import type { Presence } from './agents/presence.ts'
import { reevaluate } from './agents/reevaluate.ts'
import { signIn } from './agents/sign-in.ts'
import { type ControlOptions, openParts, type Parts } from './parts.ts'
import { createRestApp } from './rest/app.ts'
import type { LivePresence } from './rest/deps.ts'
import { edgeCredentials } from './tenant.ts'
import { runTrace } from './trace/run-trace.ts'

/** How often policy is asked again about live grants although nothing was changed: conditions on time. */
const REEVALUATE_MS = 30_000
const HOUSEKEEPING_MS = 600_000
/** How long records of closed sessions are kept. */
const KEEP_SESSIONS_MS = 14 * 86_400_000

/** The control plane: decides, and carries no user byte. In hand, it is open; disposed, everything of it has ended. */
export class Control implements ControlPort, AsyncDisposable {
  /** Called when a connector or device was disabled or deleted: the edge cuts what it carries for it. */
  onIdentityEnded: ((id: string) => void) | undefined
  readonly #parts: Parts
  readonly #hub: Hub
  readonly #rest: (request: http.IncomingMessage, response: http.ServerResponse) => void
  readonly #owned = new AsyncDisposableStack()
  #reevaluating: Promise<void> | undefined
  #reevaluateAgain = false

  /** @throws {Fault} MASTER_KEY, STORE_FAILED. */
  static async open(options: ControlOptions): Promise<Control> {
    return new Control(await openParts(options))
  }

  private constructor(parts: Parts) {
    this.#parts = parts
    const { store, presence, clock, log, revokedSerials, edges, home, news, registry, vault } = parts
    this.#owned.use(store)
    this.#hub = this.#owned.adopt(
      new Hub({ store, presence, clock, log, handlers: agentHandlers(parts) }),
      (hub) => hub.close(),
    )
    this.#rest = createRestApp({
      ...{ store, clock, log, registry, vault, version: VERSION, presence: livePresence(parts) },
      trace: (input, watcher) => runTrace(parts, input, watcher),
      hosts: () => [home.host, ...edges.list().map(({ host }) => host)],
      formatKey: (secret) =>
        formatProvisioningKey({ edgeHost: home.host, edgePort: home.port, secret, pin: parts.authority.pin }),
      notReady: () =>
        home.port === 0 ? new Fault('CONTROL_STARTING', 'the edge does not listen yet') : undefined,
    })
    this.#owned.use(store.bus.subscribe('policy', () => this.#reevaluate()))
    this.#owned.use(store.bus.subscribe('policy', () => void parts.probing.refresh()))
    this.#owned.use(store.bus.subscribe('identity', (changed) => void this.#identityChanged(changed)))
    this.#owned.use(
      store.bus.subscribe('revoked', ({ serials }) => {
        for (const serial of serials) revokedSerials.add(serial)
        news.revoked(serials)
      }),
    )
    this.#every(REEVALUATE_MS, () => this.#reevaluate())
    this.#every(HOUSEKEEPING_MS, () => void this.#keepHouse())
  }

  get tenant(): string {
    return this.#parts.tenant
  }

  get rootPem(): string {
    return this.#parts.authority.rootPem
  }

  /** SHA-256 of the root certificate: what provisioning keys and clients pin. */
  get pin(): Buffer {
    return this.#parts.authority.pin
  }

  get store(): Store {
    return this.#parts.store
  }

  get presence(): Presence {
    return this.#parts.presence
  }

  async enrol(body: EnrolRequest, from: string): Promise<CertificateReply> {
    const reply = await enrol(this.#parts, body, from)
    if (body.role === 'edge') await this.#edgesChanged()
    return reply
  }

  login(body: LoginRequest, from: string): Promise<CertificateReply> {
    return signIn(this.#parts, body, from)
  }

  attach(channel: ControlEnd, peer: Peer, from: string, via = this.edgeId): void {
    this.#hub.attach(channel, peer, { from, via })
  }

  http(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.#rest(request, response)
  }

  ticketKeys(): VerifyKeys {
    return this.#parts.ticketKeys.verifying
  }

  isRevoked(serial: string): boolean {
    return this.#parts.revokedSerials.has(serial)
  }

  admitsEdge(peer: Pick<Peer, 'identity' | 'publicKeyHash'>): boolean {
    return this.#parts.edges.admits(peer)
  }

  /** An owner's token, made on the first run only: show it once, it is not kept in clear. */
  get firstToken(): string | undefined {
    return this.#parts.firstToken
  }

  get edgeId(): string {
    return this.#parts.home.id
  }

  /** Agents are sent to this port from now on. */
  async edgeListens(port: number, controlPort?: number): Promise<void> {
    const { home, store } = this.#parts
    home.port = port
    home.controlPort = controlPort
    const before = (await store.objects.find('edge', home.id))?.spec
    const { description = 'in the process of the control plane', region = '', addresses = [] } = before ?? {}
    const spec = { description, enabled: true, host: home.host, port, region, addresses }
    await store.objects.put({ kind: 'edge', id: home.id, name: HOME_NAME, spec })
    await this.#edgesChanged()
  }

  /** For the edge in this process. `names` are DNS names and addresses it is reached by. */
  edgeCredentials(names: string[]): Promise<Credentials> {
    return edgeCredentials(this.#parts.tenantParts, { id: this.edgeId, names }, this.#parts.clock)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }

  #every(intervalMs: number, work: () => void): void {
    this.#owned.adopt(setInterval(work, intervalMs).unref(), clearInterval)
  }

  /** One run at a time; a change during a run causes exactly one more. */
  #reevaluate(): void {
    if (this.#reevaluating !== undefined) {
      this.#reevaluateAgain = true
      return
    }
    this.#reevaluating = reevaluate(this.#parts)
      .then(() => this.#parts.lanes.policyChanged())
      .catch((error: unknown) => {
        this.#parts.log.error(
          { event: 'policy.reevaluate-failed', err: error },
          'live grants could not be checked',
        )
      })
      .finally(() => {
        this.#reevaluating = undefined
        if (!this.#reevaluateAgain) return
        this.#reevaluateAgain = false
        this.#reevaluate()
      })
  }

  /** Whoever was disabled or deleted loses its connections now; its grants end with the policy check. */
  async #identityChanged({ kind, id }: BusMessages['identity']): Promise<void> {
    const { store, presence, log } = this.#parts
    try {
      if (kind === 'user') return
      if (kind === 'edge') return await this.#edgesChanged()
      const record = await (kind === 'connector' ? store.connectors : store.devices).byId(id)
      if (record?.enabled === true) return
      const fault = new Fault(
        'IDENTITY_REVOKED',
        `${kind} ${id} was ${record === undefined ? 'deleted' : 'disabled'}`,
      )
      for (const { channel } of [presence.connector(id), ...presence.clients(id)].filter(
        (one) => one !== undefined,
      )) {
        sayGoodbye(channel, fault)
      }
      this.onIdentityEnded?.(id)
      this.#parts.news.ended(id)
    } catch (error) {
      log.error(
        { event: 'identity.cut-failed', id, err: error },
        `the connections of ${id} could not be ended`,
      )
    }
  }

  /** An edge was enrolled, changed or deleted: one that is no more loses its connection. */
  async #edgesChanged(): Promise<void> {
    const { edges, presence, news } = this.#parts
    await edges.refresh()
    for (const { peer, channel } of presence.edges()) {
      const { id } = peer.identity
      if (edges.admits(peer)) continue
      sayGoodbye(channel, new Fault('IDENTITY_REVOKED', `edge ${id} was disabled, deleted or enrolled anew`))
      this.onIdentityEnded?.(id)
    }
    news.listChanged()
  }

  async #keepHouse(): Promise<void> {
    const { store, clock, log, grantKeys, ticketKeys, presence } = this.#parts
    try {
      await store.revocations.sweep(clock.nowMs())
      await store.sessions.sweep(clock.nowMs() - KEEP_SESSIONS_MS)
      await store.denials.sweep(clock.nowMs() - KEEP_SESSIONS_MS)
      if (await ticketKeys.rotate()) this.#parts.news.keysChanged()
      if (await grantKeys.rotate()) {
        for (const { channel } of presence.connectors()) {
          channel.send({ type: 'grant-keys', keys: grantKeys.published })
        }
      }
    } catch (error) {
      log.error(
        { event: 'control.housekeeping-failed', err: error },
        'housekeeping failed; it is tried again',
      )
    }
  }
}

function livePresence(parts: Parts): LivePresence {
  const { presence, departures, diagnoses, edges } = parts
  return {
    connector(id) {
      const connected = presence.connector(id)
      return (
        connected && {
          ...connected,
          ...edges.namesFor(connected),
          connectedMs: connected.sinceMs,
          address: connected.from,
        }
      )
    },
    device: (id) => presence.clients(id).size > 0,
    edge: (id) => edges.stateOf(id),
    absence: (id) => departures.of(id),
    vitals: liveVitals(parts),
    async diagnose(id, app, o) {
      const connected = presence.connector(id)
      if (connected === undefined) throw new Fault('CONNECTOR_DISCONNECTED', `${id} is not connected`)
      return diagnoses.ask(connected, app, o)
    },
  }
}

function liveVitals({ presence, vitals, probing, clock }: Parts): LivePresence['vitals'] {
  return {
    history: (id) => vitals.history(id),
    passages: (id) => vitals.passages(id),
    flapping: (id) => vitals.flapping(id, clock.nowMs()),
    told: (segment, id) => presence.applications.of(segment, id),
    usedMs: (segment) => probing.usedMs(segment),
    candidates: (policy, groups) => candidatesOf(policy, presence, groups, { nowMs: clock.nowMs() }),
  }
}
