import { CoalescedRun } from '../../base/coalesced-run.ts'
import { Fault } from '../../base/faults.ts'
import { sayGoodbye } from '../../link/control/control-ends.ts'
import type { BusMessages } from '../../store/bus.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { DeviceRecord } from '../../store/device-record.ts'
import { type ReevaluateDeps, reevaluate } from '../access/reevaluate.ts'
import { isSignedIn, shutOut, whySignedOut } from '../presence/admitted.ts'
import type { EdgeUpdates } from '../presence/edge-updates.ts'
import type { Edges } from '../presence/edges.ts'
import type { Probing } from '../presence/probing.ts'
import type { LaneUpdates } from './lanes.ts'

export interface ChangesDeps extends ReevaluateDeps {
  readonly tenant: string
  readonly home: { readonly id: string }
  readonly edges: Edges
  readonly news: EdgeUpdates
  readonly lanes: LaneUpdates
  readonly probing: Probing
}

export interface ChangesHear {
  /** A connector, device or edge was disabled or deleted. */
  ended(id: string): void
  /** The edge beside this control plane is reached at another address. */
  homeMoved(): void
}

/** What follows from each change: live grants are asked about again, and whoever was shut out loses its connections. */
export class ChangeEffects implements Disposable {
  readonly #deps: ChangesDeps
  readonly #on: ChangesHear
  readonly #look: CoalescedRun
  readonly #probes: CoalescedRun
  /** Changes of identities that are being followed. */
  readonly #following = new Set<Promise<void>>()
  readonly #owned = new DisposableStack()

  constructor(deps: ChangesDeps, on: ChangesHear) {
    this.#deps = deps
    this.#on = on
    this.#look = this.#background(
      'policy.reevaluate-failed',
      'live grants could not be checked',
      async () => {
        await reevaluate(deps)
        await deps.lanes.policyChanged()
      },
    )
    this.#probes = this.#background('probes.refresh-failed', 'connectors were not told what to check', () =>
      deps.probing.refresh(),
    )
    const { bus } = deps.store
    this.#owned.use(bus.subscribe('policy', () => this.#look.ask()))
    this.#owned.use(bus.subscribe('policy', () => this.#probes.ask()))
    this.#owned.use(
      bus.subscribe('identity', (changed) => {
        const following = this.#identityChanged(changed).finally(() => this.#following.delete(following))
        this.#following.add(following)
      }),
    )
  }

  /** Conditions change by themselves, too: time does. */
  lookAgain(): void {
    this.#look.ask()
  }

  /** All that was changed until now has had its consequences. */
  async settled(): Promise<void> {
    await Promise.all([this.#look.settled, this.#probes.settled, ...this.#following])
  }

  [Symbol.dispose](): void {
    this.#owned.dispose()
  }

  /** What goes wrong in it is logged, and ends nothing. */
  #background(event: string, what: string, work: () => Promise<void>): CoalescedRun {
    return new CoalescedRun(work, (error) => this.#deps.log.error({ event, err: error }, what))
  }

  /** Whoever was disabled, deleted or signed out loses its connections now; its grants end with the policy check. */
  async #identityChanged({ kind, id }: BusMessages['identity']): Promise<void> {
    const { store, presence, news, log } = this.#deps
    try {
      if (kind === 'user') return
      if (kind === 'edge') return await this.edgesChanged()
      const record = await (kind === 'connector' ? store.connectors : store.devices).byId(id)
      const fault = await this.#whyEnded(kind, id, record)
      if (fault === undefined) return
      for (const { channel } of [presence.connector(id), ...presence.clients(id)].filter(
        (one) => one !== undefined,
      )) {
        sayGoodbye(channel, fault)
      }
      this.#on.ended(id)
      news.ended(id)
    } catch (error) {
      log.error(
        { event: 'identity.cut-failed', id, err: error },
        `the connections of ${id} could not be closed`,
      )
    }
  }

  async #whyEnded(
    kind: string,
    id: string,
    record: ConnectorRecord | DeviceRecord | undefined,
  ): Promise<Fault | undefined> {
    const { store, clock, tenant } = this.#deps
    if (record?.enabled !== true) {
      const role = kind === 'connector' ? 'connector' : 'client'
      return shutOut(store, { tenant, role, id }, record?.name)
    }
    return 'userId' in record && !isSignedIn(record, clock.nowMs()) ? whySignedOut(store, record) : undefined
  }

  /** An edge was enrolled, changed or deleted: one that is no more loses its connection. */
  async edgesChanged(): Promise<void> {
    const { edges, presence, news, home } = this.#deps
    const before = edges.via(home.id)
    await edges.refresh()
    const now = edges.via(home.id)
    if (now.host !== before.host || now.port !== before.port) this.#on.homeMoved()
    for (const { peer, channel } of presence.edges()) {
      const { id } = peer.identity
      if (edges.admits(peer)) continue
      sayGoodbye(channel, new Fault('IDENTITY_REVOKED', `edge ${id} was disabled, deleted or enrolled again`))
      this.#on.ended(id)
    }
    news.listChanged()
  }
}
