/**
 * Tells each connector which applications to try by itself: by the health mode of segments, and by what was used
 * lately.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { AFTER_USE_MS, type Planned, planProbes, type Use } from '../../policy/probe-plan.ts'
import type { WatchedApplication } from '../../wire/control.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import type { Connected, Presence } from './presence.ts'

const MAX_USES = 5000
const MAX_NETWORKS = 32

export interface ProbingDeps {
  readonly presence: Presence
  readonly policy: () => Promise<PolicySnapshot>
  readonly clock: Clock
  readonly log: Log
}

export class Probing {
  readonly #deps: ProbingDeps
  readonly #uses = new Map<string, Use>()
  /** What each connection was told last, as text. */
  readonly #told = new WeakMap<Connected, string>()

  constructor(deps: ProbingDeps) {
    this.#deps = deps
  }

  /** Policy let somebody through. What is new is watched at once. */
  used(use: Omit<Use, 'atMs'>): void {
    const key = `${use.segment} ${use.host} ${use.port}`
    const nowMs = this.#deps.clock.nowMs()
    const before = this.#uses.get(key)
    this.#uses.delete(key)
    this.#uses.set(key, { ...use, atMs: nowMs })
    if (this.#uses.size > MAX_USES) this.#uses.delete(this.#uses.keys().next().value!)
    if (before === undefined || before.atMs <= nowMs - AFTER_USE_MS) void this.refresh()
  }

  /** When it was used last, if that is known. */
  usedMs(segment: string): number | undefined {
    const times = [...this.#uses.values()].filter((use) => use.segment === segment).map(({ atMs }) => atMs)
    return times.length === 0 ? undefined : Math.max(...times)
  }

  /** Connectors hear of their lists where those have changed. */
  async refresh(who: Iterable<Connected> = this.#deps.presence.connectors()): Promise<void> {
    const { policy, clock, log } = this.#deps
    try {
      const snapshot = await policy()
      const nowMs = clock.nowMs()
      for (const [key, use] of this.#uses) if (use.atMs <= nowMs - AFTER_USE_MS) this.#uses.delete(key)
      const uses = [...this.#uses.values()]
      for (const connected of who) {
        const id = connected.peer.identity.id
        const segments = snapshot.segments.filter((segment) =>
          snapshot.members(snapshot.connectorGroupsOf(segment)).some((member) => member.id === id),
        )
        const applications = planProbes(segments, uses, nowMs).map(watched)
        const text = JSON.stringify(applications)
        // A connection is told once at least: what its connector watched before may be nobody's wish any more.
        if (text === this.#told.get(connected)) continue
        this.#told.set(connected, text)
        connected.channel.send({ type: 'probe', applications })
      }
    } catch (error) {
      log.warn({ event: 'probes.refresh-failed', err: error }, 'connectors were not told what to watch')
    }
  }
}

function watched({ segment, host, port, everyMs }: Planned): WatchedApplication {
  return {
    segment: segment.id,
    segmentName: segment.name.slice(0, 128),
    host,
    port,
    // An address that the segment names is meant, special or not.
    networks: [...segment.addressCidrs, ...segment.cidrs].slice(0, MAX_NETWORKS),
    everyMs,
  }
}
