import { mkdir } from 'node:fs/promises'
import type http from 'node:http'
import path from 'node:path'
import { type Clock, systemClock } from '../base/clock.ts'
import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { type ControlEnd, sayGoodbye } from '../link/control-channel.ts'
import type { ControlPort } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import { loadMasterKey } from '../pki/master-key.ts'
import type { VerifyKeys } from '../pki/signing-keys.ts'
import { Vault } from '../pki/vault.ts'
import type { Peer } from '../pki/verify.ts'
import type { BusMessages } from '../store/bus.ts'
import { openStore, type Store } from '../store/store.ts'
import type { CertificateReply, EnrolRequest, LoginRequest } from '../wire/control.ts'
import { enrol } from './agents/enrol.ts'
import { agentHandlers, type HandlerDeps } from './agents/handlers.ts'
import { Hub } from './agents/hub.ts'
import { LiveGrants } from './agents/live-grants.ts'
import type { EdgeForPipe } from './agents/pipes.ts'
import { Presence } from './agents/presence.ts'
import { reevaluate } from './agents/reevaluate.ts'
import { signIn } from './agents/sign-in.ts'
import { type Authenticator, LocalAuthenticator } from './authenticator.ts'
import { Keyring } from './keyring.ts'
import { cachedPolicy } from './snapshot.ts'
import { edgeCredentials, openTenant, type Tenant } from './tenant.ts'

export interface ControlOptions {
  /** Holds the database and, unless the environment has it, the master key. Made with mode 0700 if absent. */
  readonly stateDir: string
  /** The edge that agents are sent to. */
  readonly edge: EdgeForPipe
  readonly log: Log
  readonly clock?: Clock
  /** Who may sign in; local users with passwords by default. */
  readonly authenticator?: (deps: { store: Store; clock: Clock }) => Authenticator
}

/** How often policy is asked again about live grants although nothing was changed: conditions on time. */
const REEVALUATE_MS = 30_000
const HOUSEKEEPING_MS = 600_000

interface Parts extends HandlerDeps {
  readonly tenantParts: Tenant
  readonly authenticator: Authenticator
  readonly revokedSerials: Set<string>
}

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
  static async open({
    stateDir,
    edge,
    log,
    clock = systemClock,
    authenticator,
  }: ControlOptions): Promise<Control> {
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
    const master = await loadMasterKey({
      file: path.join(stateDir, 'master.key'),
      env: process.env.BACKSTITCH_MASTER_KEY,
    })
    const store = await openStore({ file: path.join(stateDir, 'backstitch.db'), clock })
    try {
      const tenantParts = await openTenant(store, new Vault(master.key), clock)
      const policy = cachedPolicy(store)
      const live = new LiveGrants()
      for (const grant of await store.revocations.live(clock.nowMs())) live.add(grant)
      return new Control({
        ...{ store, edge, log, clock, live, policy, tenantParts },
        presence: new Presence(),
        tenant: tenantParts.id,
        authority: tenantParts.authority,
        grantKeys: await Keyring.open('grant', tenantParts.secrets, clock),
        ticketKeys: await Keyring.open('ticket', tenantParts.secrets, clock),
        authenticator: authenticator?.({ store, clock }) ?? new LocalAuthenticator({ store, clock }),
        revokedSerials: new Set(await store.revocations.serials(clock.nowMs())),
      })
    } catch (error) {
      await store[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(parts: Parts) {
    this.#parts = parts
    const { store, presence, clock, log, revokedSerials } = parts
    this.#owned.use(store)
    this.#hub = this.#owned.adopt(
      new Hub({ store, presence, clock, log, handlers: agentHandlers(parts) }),
      (hub) => hub.close(),
    )
    this.#rest = () => {}
    this.#owned.use(store.bus.subscribe('policy', () => this.#reevaluate()))
    this.#owned.use(store.bus.subscribe('identity', (changed) => void this.#identityChanged(changed)))
    this.#owned.use(
      store.bus.subscribe('revoked', ({ serials }) => {
        for (const serial of serials) revokedSerials.add(serial)
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

  enrol(body: EnrolRequest, from: string): Promise<CertificateReply> {
    return enrol(this.#parts, body, from)
  }

  login(body: LoginRequest, from: string): Promise<CertificateReply> {
    return signIn(this.#parts, body, from)
  }

  attach(channel: ControlEnd, peer: Peer, from: string): void {
    this.#hub.attach(channel, peer, from)
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

  /** For the edge in this process. `names` are DNS names and addresses it is reached by. */
  edgeCredentials(names: string[]): Promise<Credentials> {
    return edgeCredentials(this.#parts.tenantParts, { id: this.#parts.edge.id, names }, this.#parts.clock)
  }

  /** New signing keys now; connectors learn of the key for grants a minute before it signs. */
  async rotateSigningKeys(): Promise<void> {
    const { grantKeys, ticketKeys, presence } = this.#parts
    await grantKeys.rotate()
    await ticketKeys.rotate()
    for (const { channel } of presence.connectors())
      channel.send({ type: 'grant-keys', keys: grantKeys.published })
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
    } catch (error) {
      log.error(
        { event: 'identity.cut-failed', id, err: error },
        `the connections of ${id} could not be ended`,
      )
    }
  }

  async #keepHouse(): Promise<void> {
    const { store, clock, log, grantKeys } = this.#parts
    try {
      await store.revocations.sweep(clock.nowMs())
      if (grantKeys.isDue) await this.rotateSigningKeys()
    } catch (error) {
      log.error(
        { event: 'control.housekeeping-failed', err: error },
        'housekeeping failed; it is tried again',
      )
    }
  }
}
