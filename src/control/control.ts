import type http from 'node:http'
import { HOME_EDGE } from '../api/kinds.ts'
import { Fault } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import type { Parting } from '../base/parting.ts'
import { StateDir } from '../base/state-dir.ts'
import { lockState } from '../base/state-lock.ts'
import { VERSION } from '../base/version.ts'
import { atEachMark, everyPeriod } from '../base/wall-clock.ts'
import type { ControlEnd } from '../link/control/control-ends.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import { formatProvisioningKey } from '../pki/provisioning-key.ts'
import type { Peer } from '../pki/verify.ts'
import type { Store } from '../store/store.ts'
import type { CertificateReply, EnrolRequest, LoginRequest } from '../wire/control.ts'
import { admitWithKey } from './agents/admit-with-key.ts'
import { ChangeEffects } from './agents/change-effects.ts'
import { agentHandlers } from './agents/handlers.ts'
import { startHousekeeping } from './agents/housekeeping.ts'
import { Hub } from './agents/hub.ts'
import { signInDevice } from './agents/sign-in.ts'
import { tellTime } from './agents/tell-time.ts'
import { controlCredentials } from './base/tenant.ts'
import type { FrontBackend } from './front/backend.ts'
import { type ControlOptions, type ControlParts, openParts } from './parts.ts'
import { shutOut } from './presence/admitted.ts'
import { agentRecord } from './presence/agent-record.ts'
import type { Presence } from './presence/presence.ts'
import { vanishedLooks } from './presence/vanished.ts'
import { createRestApp } from './rest/app.ts'
import { livePresence } from './rest/live-presence.ts'
import { runTrace } from './trace/run-trace.ts'

/**
 * How often policy is asked again about live grants although nothing was changed: conditions on time. Windows of time
 * begin and end with a minute, in every zone, so one look of two is due at their very end.
 */
const REEVALUATE_MS = 30_000
const HOUSEKEEPING_MS = 600_000
/** How often sessions are looked for whose ends are gone. */
const VANISHED_MS = 30_000

/** The control plane: decides, and carries no user byte. In hand, it is open; disposed, everything of it has ended. */
export class Control implements FrontBackend, AsyncDisposable {
  /** Called when a connector, device or edge was disabled or deleted: the front cuts what it serves for it. */
  onIdentityEnded: ((id: string) => void) | undefined
  /** Called when the edge beside it is reached at another address than before. */
  onHomeMoved: (() => void) | undefined
  readonly #parts: ControlParts
  readonly #hub: Hub
  readonly #changes: ChangeEffects
  readonly #rest: (request: http.IncomingMessage, response: http.ServerResponse) => void
  readonly #owned: AsyncDisposableStack

  /** @throws {Fault} STATE_IN_USE, STATE_UNWRITABLE, MASTER_KEY, STORE_FAILED. */
  static async open(options: ControlOptions): Promise<Control> {
    await using opening = new AsyncDisposableStack()
    opening.use(await holdState(options.stateDir))
    const parts = await openParts(options)
    opening.use(parts.store)
    opening.use(parts.refusals)
    opening.use(parts.unreached)
    return new Control(parts, opening.move())
  }

  private constructor(parts: ControlParts, owned: AsyncDisposableStack) {
    this.#parts = parts
    this.#owned = owned
    const { store, presence, clock, log, revokedSerials, edges, home, news, registry, vault, policy } = parts
    const { shares } = parts
    this.#hub = this.#owned.adopt(
      new Hub({ store, presence, clock, log, shares, handlers: agentHandlers(parts) }),
      (hub) => hub.close(),
    )
    const notReady = () =>
      home.port === 0 ? new Fault('CONTROL_STARTING', 'the edge is not listening yet') : undefined
    this.#rest = createRestApp({
      ...{ store, clock, log, registry, vault, version: VERSION, policy, presence: livePresence(parts) },
      ...{ edgeMetrics: parts.edgeMetrics, shares },
      trace: (input, watcher) => runTrace(parts, input, watcher),
      hosts: () => [home.host, ...edges.list().map(({ host }) => host)],
      formatKey(secret) {
        const fault = notReady()
        if (fault !== undefined) throw fault
        const { host: edgeHost, port: edgePort } = edges.via(home.id)
        return formatProvisioningKey({ edgeHost, edgePort, secret, pin: parts.authority.pin })
      },
      notReady,
    })
    this.#changes = this.#owned.use(
      new ChangeEffects(parts, {
        ended: (id) => this.onIdentityEnded?.(id),
        homeMoved: () => this.onHomeMoved?.(),
      }),
    )
    this.#owned.use(
      store.bus.subscribe('revoked', ({ serials }) => {
        for (const serial of serials) revokedSerials.add(serial)
        news.revoked(serials)
      }),
    )
    this.#owned.use(atEachMark(REEVALUATE_MS, () => this.#changes.lookAgain(), clock))
    const lookForVanished = vanishedLooks(parts)
    this.#every(VANISHED_MS, () => void lookForVanished())
    this.#owned.use(tellTime(parts))
    this.#owned.use(everyPeriod(HOUSEKEEPING_MS, () => void startHousekeeping(parts), clock))
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
    const reply = await admitWithKey(this.#parts, body, from)
    if (body.role === 'edge') await this.#changes.edgesChanged()
    return reply
  }

  login(body: LoginRequest, from: string): Promise<CertificateReply> {
    return signInDevice(this.#parts, body, from)
  }

  attach(channel: ControlEnd, peer: Peer, from: string, via = this.edgeId): void {
    this.#hub.attach(channel, peer, { from, via })
  }

  http(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.#rest(request, response)
  }

  isRevoked(serial: string): boolean {
    return this.#parts.revokedSerials.has(serial)
  }

  async turnedAway(peer: Peer, from: string, why?: Fault): Promise<Fault> {
    const { store, departures, deviceDepartures, clock } = this.#parts
    const { identity, serial } = peer
    const record = await agentRecord(store, identity)
    if (record !== undefined && why?.code === 'PEER_REFUSED') return why // an edge that is disabled or enrolled anew
    const fault =
      record?.enabled === true
        ? new Fault(
            'IDENTITY_REVOKED',
            `certificate ${serial} is revoked: ${identity.id} now has another one`,
            {
              seen: { serial },
            },
          )
        : await shutOut(store, identity, record?.name)
    const of = identity.role === 'client' ? deviceDepartures : departures
    if (identity.role !== 'edge') of.refused(identity.id, from, fault, clock.nowMs())
    return fault
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

  /** The key that the edge beside this control plane enrols with, good until this process ends. */
  get homeKey(): string {
    const { home, homeSecret } = this.#parts
    return formatProvisioningKey({
      edgeHost: home.host,
      edgePort: home.port || 443,
      secret: homeSecret,
      pin: this.pin,
    })
  }

  /** Where agents are sent for the edge beside this control plane. */
  get edgeAddress(): { readonly host: string; readonly port: number } {
    const { edges, home } = this.#parts
    return edges.via(home.id)
  }

  /** Agents are sent to this port from now on, unless another address was declared since the server last said one. */
  async edgeListens(port: number): Promise<void> {
    const { home, store, log } = this.#parts
    home.port = port
    const { host } = home
    await store.transaction(async (tx) => {
      const { spec } = await tx.objects.get('edge', home.id)
      const [own, declared] = [hostPort({ host, port }), hostPort(spec)]
      const said = await tx.edges.said()
      const isDeclared = said !== undefined && declared !== said && declared !== own
      if (isDeclared) log.warn({ event: 'edge.declared', declared, own }, declaredText(declared, own))
      const { description, region, addresses } = spec
      const at = isDeclared ? { host: spec.host, port: spec.port } : { host, port }
      const put = { description, enabled: true, ...at, region, addresses }
      await tx.objects.put({ kind: 'edge', id: home.id, name: HOME_EDGE, spec: put })
      await tx.edges.say(own)
    })
    await this.#changes.edgesChanged()
  }

  /** A fresh certificate of role `control`. `names` are DNS names and addresses it is reached by. */
  credentials(names: string[]): Promise<Credentials> {
    return controlCredentials(this.#parts.tenantParts, names, this.#parts.clock)
  }

  /** Ends every control connection in order, while there is a way to agents. @param parting What they are told. */
  async goodbye(parting?: Parting): Promise<void> {
    await this.#hub.close(parting)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }

  #every(intervalMs: number, work: () => void): void {
    this.#owned.adopt(setInterval(work, intervalMs).unref(), clearInterval)
  }
}

function declaredText(declared: string, own: string): string {
  return `agents are sent to ${declared}, as declared by edge ${HOME_EDGE}; the settings of this server say ${own}`
}

/** The directory is ours alone while this is held. A disk without space is no reason not to decide. */
async function holdState(stateDir: string): Promise<Disposable> {
  await StateDir.open(stateDir, 'control').catch((fault: Fault) => {
    if (fault.code !== 'DISK_FULL') throw fault
  })
  return lockState(stateDir, 'control')
}
