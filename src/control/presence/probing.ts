/**
 * Tells each connector which applications to try by itself: by the health mode of segments, and by what was used
 * lately.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import { CoalescedRun } from '../../base/coalesced-run.ts'
import type { Log } from '../../base/log.ts'
import { nextTurn, turnIsOver } from '../../base/slices.ts'
import { meantNetworks } from '../../policy/meant-networks.ts'
import { type PlannedProbe, planProbes, type Use } from '../../policy/probe-plan.ts'
import type { PolicySegment } from '../../policy/segment.ts'
import { type ControlMessage, MAX_PROBES, type WatchedApplication } from '../../wire/control.ts'
import { inParts } from '../../wire/list-parts.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'
import type { Connected, Presence } from './presence.ts'
import { Uses } from './recent-uses.ts'

const MAX_NETWORKS = 32
/** So long a plan is good where nothing has changed: a use has ended by itself, or others are later now. */
const PLAN_MS = 30_000
const MAX_PLANS = 10_000

export interface ProbingDeps {
  readonly presence: Presence
  readonly policy: () => Promise<PolicySnapshot>
  readonly clock: Clock
  readonly log: Log
}

export class Probing {
  readonly #deps: ProbingDeps
  readonly #uses = new Uses()
  /** By connector group: its members are asked to watch the same. */
  readonly #plans = new Map<string, Plan>()
  /** What each connection was told last, as text. */
  readonly #told = new WeakMap<Connected, string>()

  /** Segments of which somebody uses what nobody has used lately: their connectors have not heard of it yet. */
  readonly #newlyUsed = new Set<string>()
  readonly #tellOfUses = new CoalescedRun(
    () => this.#tellUsed(),
    (error) => this.#sayFailed(error),
  )

  constructor(deps: ProbingDeps) {
    this.#deps = deps
  }

  /** Policy let somebody through. What is new is watched at once. */
  used(use: Omit<Use, 'atMs'>): void {
    if (!this.#uses.add(use, this.#deps.clock.nowMs())) return
    this.#newlyUsed.add(use.segment)
    this.#tellOfUses.ask()
  }

  /** When it was used last, if that is known. */
  usedMs(segment: string): number | undefined {
    return this.#uses.lastMs(segment, this.#deps.clock.nowMs())
  }

  async #tellUsed(): Promise<void> {
    const segments = [...this.#newlyUsed]
    this.#newlyUsed.clear()
    const { policy, presence } = this.#deps
    const snapshot = await policy()
    const groups = segments.flatMap((id) => {
      const segment = snapshot.destinations.byId(id)
      return segment === undefined ? [] : snapshot.connectorGroupsOf(segment)
    })
    const members = snapshot.members([...new Set(groups)])
    await this.refresh(members.map(({ id }) => presence.connector(id)).filter((one) => one !== undefined))
  }

  #sayFailed(error: unknown): void {
    this.#deps.log.warn(
      { event: 'probes.refresh-failed', err: error },
      'connectors were not told what to check',
    )
  }

  /** Connectors hear of their lists where those have changed. */
  async refresh(who: Iterable<Connected> = this.#deps.presence.connectors()): Promise<void> {
    try {
      const snapshot = await this.#deps.policy()
      const nowMs = this.#deps.clock.nowMs()
      /** Of this look: whether a plan is what it was is found out once for thousands of a group. */
      const plans = new Map<string, Plan>()
      for (const connected of [...who]) {
        if (turnIsOver()) await nextTurn()
        const group = snapshot.connector(connected.peer.identity.id)?.groupId ?? ''
        const plan = plans.get(group) ?? this.#planOf(group, snapshot.segmentsBehind(group), nowMs)
        plans.set(group, plan)
        this.#tell(connected, plan)
      }
    } catch (error) {
      this.#sayFailed(error)
    }
  }

  /** As it was a moment ago, unless something of it has changed. */
  #planOf(group: string, segments: readonly PolicySegment[], nowMs: number): Plan {
    const before = this.#plans.get(group)
    if (before !== undefined && before.untilMs > nowMs && isSame(before, segments, this.#uses)) return before
    const uses = segments.flatMap(({ id }) => this.#uses.of(id, nowMs))
    const applications = planProbes(segments, uses, nowMs).map(watched)
    const made = { applications, text: JSON.stringify(applications), segments }
    const plan = { ...made, mark: this.#uses.mark, untilMs: nowMs + PLAN_MS }
    if (this.#plans.size >= MAX_PLANS) this.#plans.clear() // Of groups that are no more, too.
    this.#plans.set(group, plan)
    return plan
  }

  #tell(connected: Connected, { applications, text }: Plan): void {
    // A connection is told once at least: what its connector watched before may be nobody's wish any more.
    if (text === this.#told.get(connected)) return
    this.#told.set(connected, text)
    connected.channel.sendAll(listOf(applications))
  }
}

interface Plan {
  readonly applications: readonly WatchedApplication[]
  readonly text: string
  readonly segments: readonly PolicySegment[]
  /** What of uses it knows. */
  readonly mark: number
  /** Uses end by themselves. */
  readonly untilMs: number
}

function isSame(plan: Plan, segments: readonly PolicySegment[], uses: Uses): boolean {
  if (plan.segments.length !== segments.length) return false
  return segments.every((one, at) => one === plan.segments[at] && uses.changed(one.id) <= plan.mark)
}

function listOf(applications: readonly WatchedApplication[]): ControlMessage[] {
  return inParts(applications, MAX_PROBES).map(({ part, items }) => ({
    type: 'probe',
    part,
    applications: items,
  }))
}

function watched({ segment, host, port, everyMs }: PlannedProbe): WatchedApplication {
  return {
    segment: segment.id,
    segmentName: segment.name.slice(0, 128),
    host,
    port,
    networks: meantNetworks(segment, host).slice(0, MAX_NETWORKS),
    everyMs,
  }
}
