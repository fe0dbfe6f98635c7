import type net from 'node:net'
import { asFault, Fault } from '../../base/faults.ts'
import { SLOW_MS } from '../../base/patience.ts'
import { DIRECT, type Egress } from '../../link/dial/egress.ts'
import { cutSocket } from '../../mux/cut-socket.ts'
import { type Lane, type LaneRules, laneOf, NO_LANES } from '../../policy/lanes.ts'
import type { Destination } from '../address/destination.ts'
import type { Decisions, EntryKind } from './decisions.ts'
import { dialDirect } from './direct.ts'

/** What the entry that asked for a connection is told: one of the two. */
export interface BypassEvents {
  opened(remote: net.Socket): void
  failed(fault: Fault): void
}

/**
 * Names that need no tunnel, as the control plane has told them. What programs send for those to the local proxy
 * leaves this device straight, and the client says that it did.
 */
export class Bypass {
  /** How this device gets out; set before anybody asks. */
  egress: Egress = DIRECT
  /** Connections that were made. */
  opened = 0
  readonly #decisions: Decisions
  #lanes: LaneRules = NO_LANES

  constructor(decisions: Decisions) {
    this.#decisions = decisions
  }

  get lanes(): LaneRules {
    return this.#lanes
  }

  /** From now on these. */
  set(lanes: LaneRules): void {
    this.#lanes = lanes
  }

  laneOf(host: string): Lane {
    return this.#lanes.bypass.length === 0 ? PRIVATE : laneOf(host, this.#lanes)
  }

  /** Names that both lanes claim: what is private stays so, and an admin should know. */
  get note(): Fault | undefined {
    const claimed = new Set(this.#lanes.claimed)
    const both = this.#lanes.bypass.filter(({ pattern }) => claimed.has(pattern))
    if (both.length === 0) return undefined
    const names = both.map(({ pattern, rule }) => `${pattern} (internet rule ${rule})`)
    return new Fault('NAME_IN_TWO_LANES', `a segment claims ${names.join(', ')}, too: it stays private`, {
      seen: { names: both.map(({ pattern }) => pattern) },
    })
  }

  /**
   * Dials from this device. Never throws: `events` is told.
   *
   * @returns What ends the attempt, when the local program has gone.
   */
  open(
    to: Destination,
    lane: Lane & { is: 'bypass' },
    entry: EntryKind,
    events: BypassEvents,
  ): AbortController {
    const gone = new AbortController()
    const startedAt = performance.now()
    dialDirect(to, this.egress, gone.signal).then(
      (remote) => {
        if (gone.signal.aborted) return cutSocket(remote)
        this.opened++
        const proxy = this.egress.proxy === undefined ? '' : ', through the proxy of this network'
        this.#decisions.bypassed(
          entry,
          to,
          `internet rule ${lane.rule} names ${lane.pattern}${proxy}${slowText(performance.now() - startedAt)}`,
        )
        events.opened(remote)
      },
      (error: unknown) => {
        if (gone.signal.aborted) return
        const fault = asFault(error)
        this.#decisions.refused(entry, to.key, fault)
        events.failed(fault)
      },
    )
    return gone
  }
}

function slowText(tookMs: number): string {
  return tookMs < SLOW_MS ? '' : `; slow: connected after ${(tookMs / 1000).toFixed(1)} s`
}

const PRIVATE: Lane = { is: 'private' }
