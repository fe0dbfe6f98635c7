/**
 * An installation that changes happen to: the parts of a control plane with their store, API, hub and live grants, and
 * agents that do on the wire what real ones do.
 *
 * @module
 */
import { OBJECT_KINDS } from '../../src/api/kinds.ts'
import type { CachedGrant } from '../../src/client/session/grant-cache.ts'
import { ChangeEffects } from '../../src/control/agents/change-effects.ts'
import { enrolDevice, enrolledConnector, openControl } from '../../src/control/agents/control.fixture.ts'
import { agentHandlers } from '../../src/control/agents/handlers.ts'
import { Hub } from '../../src/control/agents/hub.ts'
import type { ControlParts } from '../../src/control/parts.ts'
import { handClock, RestFixture, type RestReply } from '../../src/control/rest/fixture.ts'
import { livePresence } from '../../src/control/rest/live-presence.ts'
import type { Peer } from '../../src/pki/verify.ts'
import type { ControlMessage } from '../../src/wire/control.ts'
import { CONNECTORS, DEVICES, ground } from './any-change.ts'
import type { Change, Kind, To } from './change.ts'
import { keyOf, ModelClient } from './client.ts'
import { ModelConnector, type ModelSession } from './connector.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Two days before clocks in Berlin and New York are in step again, so that a day or two leads over a change. */
const START_MS = Date.UTC(2026, 2, 27, 22, 58)

/** What came of a question. */
export type Outcome =
  | { readonly is: 'opened'; readonly connector: string }
  | { readonly is: 'refused'; readonly answer: ControlMessage }
  /** There was a grant, and the connector did not take it. */
  | { readonly is: 'lost'; readonly why: string }

export class World implements AsyncDisposable {
  readonly parts: ControlParts
  readonly connectors = new Map<string, ModelConnector>()
  /** By device and process. */
  readonly clients = new Map<string, ModelClient>()
  readonly clock: ReturnType<typeof handClock>
  /** Of whoever asked last. */
  outcome: Outcome | undefined
  readonly #rest: RestFixture
  readonly #changes: ChangeEffects
  readonly #hub: Hub
  readonly #peers = new Map<string, Peer>()
  readonly #owned: AsyncDisposableStack

  static async open(): Promise<World> {
    await using opening = new AsyncDisposableStack()
    const clock = handClock(START_MS)
    const control = opening.use(await openControl({ clock }))
    const { parts } = control
    const deps = { ...parts, presence: livePresence(parts) }
    const rest = opening.use(await RestFixture.open({ clock, control: parts, deps }))
    const world = new World(parts, clock, rest, opening.move())
    for (const change of ground()) await world.happens(change)
    await world.#enrol()
    return world
  }

  private constructor(
    parts: ControlParts,
    clock: World['clock'],
    rest: RestFixture,
    owned: AsyncDisposableStack,
  ) {
    this.parts = parts
    this.clock = clock
    this.#rest = rest
    this.#owned = owned
    this.#hub = new Hub({ ...parts, handlers: agentHandlers(parts) })
    this.#changes = owned.use(new ChangeEffects(parts, { ended: (id) => this.#cutPipes(id), homeMoved() {} }))
  }

  get sessions(): ModelSession[] {
    return [...this.connectors.values()].flatMap(({ sessions }) => [...sessions])
  }

  /** One change, without waiting for what follows from it. What the installation does not have is no change. */
  async happens(change: Change): Promise<void> {
    if (change.do !== 'together') this.clock.advance(1) // Ids say which of two is older.
    switch (change.do) {
      case 'put':
        return this.#put(change.kind, change.name, change.spec)
      case 'patch':
        return this.#ask('PATCH', pathOf(change.kind, change.name), change.fields)
      case 'delete':
        return this.#ask('DELETE', pathOf(change.kind, change.name))
      case 'apply': {
        const documents = change.documents.map(({ kind, name, spec }) => ({ kind, name, ...spec }))
        return this.#ask('POST', '/api/v1/apply', { documents })
      }
      case 'device':
        return this.#ask('PATCH', `/api/v1/client-devices/${change.device}`, change.fields)
      case 'delete-device':
        return this.#ask('DELETE', `/api/v1/client-devices/${change.device}`)
      case 'connector':
        return this.#ask('PATCH', `/api/v1/connectors/${change.connector}`, change.fields)
      case 'delete-connector':
        return this.#ask('DELETE', `/api/v1/connectors/${change.connector}`)
      case 'sign-out':
        return this.#ask(
          'POST',
          `${change.user ? `/api/v1/users/${change.user}` : `/api/v1/client-devices/${change.device}`}/sign-out`,
        )
      case 'password':
        return this.#ask('PATCH', pathOf('user', change.user), { password: change.word })
      case 'sign-in':
        return this.#signIn(change.device, change.hours)
      case 'client-comes':
        return this.#clientComes(change)
      case 'client-goes':
        this.clients.get(`${change.device} ${change.process}`)?.goes()
        return turns()
      case 'connector-comes':
        return this.#connectorComes(change.connector)
      case 'connector-goes':
        return this.#connectorGoes(change.connector)
      case 'ask':
        this.outcome = await this.#begin(change)
        return
      case 'together':
        return this.#together(change)
      case 'close': {
        const all = this.sessions
        return all[change.nth % all.length]?.close()
      }
      case 'later':
        return this.clock.advance(change.ms)
      case 'minute': {
        const toNext = MINUTE_MS - (this.clock.nowMs() % MINUTE_MS)
        return this.clock.advance(Math.max(1, toNext + change.ms))
      }
    }
  }

  async #together({ all, gaps }: Extract<Change, { do: 'together' }>): Promise<void> {
    const begun: Promise<void>[] = []
    for (const [at, change] of all.entries()) {
      begun.push(this.happens(change))
      for (let gap = gaps[at]!; gap > 0; gap--) await new Promise(setImmediate)
    }
    await Promise.all(begun)
  }

  /** Lets everything happen that follows by itself, within the half minute in which agents tell and control looks. */
  async settle(): Promise<void> {
    await this.#changes.settled()
    for (const connector of this.connectors.values()) connector.tick()
    await turns()
    this.#changes.lookAgain()
    await this.#changes.settled()
    await turns()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hub.close()
    await this.#changes.settled()
    await this.#owned.disposeAsync()
  }

  async #enrol(): Promise<void> {
    const { parts } = this
    const { store } = parts
    const notAfterMs = START_MS + 365 * 24 * HOUR_MS
    for (const { name, group } of CONNECTORS) {
      const record = await enrolledConnector(
        store,
        (await store.objects.find('connector-group', group))!.id,
        name,
      )
      await store.connectors.update(record.id, { notAfterMs })
      this.#peers.set(name, this.#peerOf('connector', { ...record, notAfterMs }))
      this.connectors.set(name, new ModelConnector(record.id, parts))
    }
    for (const { name, user } of DEVICES) {
      const record = await enrolDevice(store, (await store.objects.find('user', user))!.id, name)
      await store.devices.update(record.id, { notAfterMs })
      this.#peers.set(name, this.#peerOf('client', { ...record, notAfterMs }))
      await this.#signIn(name, 24)
    }
  }

  #peerOf(
    role: 'client' | 'connector',
    record: { id: string } & Pick<Peer, 'serial' | 'thumbprint' | 'publicKeyHash' | 'notAfterMs'>,
  ): Peer {
    const { id, serial, thumbprint, publicKeyHash, notAfterMs } = record
    return {
      identity: { tenant: this.parts.tenant, role, id },
      serial,
      thumbprint,
      publicKeyHash,
      notAfterMs,
    } as Peer
  }

  /** Edges cut the pipes of whoever is shut out. */
  #cutPipes(id: string): void {
    for (const session of this.sessions) {
      if (session.device === id || session.connector.id === id) session.cut()
    }
  }

  async #put(kind: Kind, name: string, spec: object): Promise<void> {
    const is = await this.parts.store.objects.find(kind, name)
    if (is === undefined) await this.#ask('POST', pathOf(kind), { name, ...spec })
    else await this.#ask('PUT', pathOf(kind, name), { name, ...spec })
  }

  async #ask(method: string, path: string, body?: object): Promise<void> {
    const merge = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {}
    const headers = { 'if-match': '*', ...merge } as Record<string, string>
    const { status, body: said }: RestReply = await this.#rest.ask(method, path, { body, headers })
    if (status >= 500) throw new Error(`${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(said)}`)
  }

  async #signIn(device: string, hours: number): Promise<void> {
    const { store } = this.parts
    const record = await store.devices.byId(this.#peers.get(device)!.identity.id)
    const user = record && (await store.objects.find('user', record.userId))
    if (record === undefined || !record.enabled || user?.spec.enabled !== true) return
    const atMs = this.clock.nowMs()
    const of = { userId: record.userId, deviceId: record.id }
    await store.signIns.begin({ ...of, atMs, endMs: atMs + hours * HOUR_MS })
  }

  async #clientComes({ device, process, posture }: Extract<Change, { do: 'client-comes' }>): Promise<void> {
    const key = `${device} ${process}`
    const peer = this.#peers.get(device)!
    const client =
      this.clients.get(key) ?? new ModelClient(peer, key, this.clock, (ids) => this.#forget(key, ids))
    this.clients.set(key, client)
    if (client.isConnected) {
      client.goes()
      await turns()
    }
    this.#hub.attach(client.comes(), peer, { from: '192.0.2.1', via: 'edg_1' })
    client.hello(posture)
    await turns()
  }

  /** A client cuts the sessions of its own whose grants were revoked. */
  #forget(process: string, grants: ReadonlySet<string>): void {
    for (const session of this.sessions) {
      if (session.process === process && grants.has(session.granted.grantId)) session.cut()
    }
  }

  async #connectorComes(name: string): Promise<void> {
    const connector = this.connectors.get(name)!
    if (connector.isConnected) return
    const peer = this.#peers.get(name)!
    this.#hub.attach(connector.comes(), peer, { from: '192.0.2.2', via: 'edg_1' })
    connector.hello()
    await turns()
  }

  async #connectorGoes(name: string): Promise<void> {
    const connector = this.connectors.get(name)!
    connector.goes()
    await turns()
    this.parts.presence.returning.arrived(connector.id) // Two seconds later nobody waits for it any more.
  }

  /** As client/session/open-session.ts: with a grant that it has, or by asking, twice at most. */
  async #begin({ device, process, to }: Extract<Change, { do: 'ask' }>): Promise<Outcome | undefined> {
    const client = this.clients.get(`${device} ${process}`)
    if (client === undefined) return undefined
    const kept = client.grants.find(keyOf(to))
    if (kept !== undefined) {
      const why = await this.#open(client, kept, to)
      if (why === undefined) return { is: 'opened', connector: kept.granted.connector }
      client.grants.drop(kept)
    }
    const answer = await client.ask(to)
    if (answer?.type !== 'granted') return answer && { is: 'refused', answer }
    const why = await this.#open(client, client.keep(to, answer), to)
    return why === undefined ? { is: 'opened', connector: answer.connector } : { is: 'lost', why }
  }

  async #open(client: ModelClient, cached: CachedGrant, to: To): Promise<string | undefined> {
    const { granted } = cached
    const connector = [...this.connectors.values()].find((one) => one.id === granted.connector)!
    const [issued] = await this.parts.store.revocations.given([granted.grantId])
    const { userId: user, networks = [] } = issued!
    const session = client.grants.nextSession(cached)
    const of = { client: client.peer, process: client.process, session, user, to, networks }
    return connector.open({ granted, ...of })
  }
}

function pathOf(kind: Kind, name?: string): string {
  return `/api/v1/${OBJECT_KINDS[kind].plural}${name === undefined ? '' : `/${name}`}`
}

/** Answers of the hub are steps of a few promises. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise(setImmediate)
}
