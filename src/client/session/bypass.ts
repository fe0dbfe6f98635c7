import type net from 'node:net'
import { asFault, type Fault } from '../../base/faults.ts'
import { SLOW_MS } from '../../base/patience.ts'
import { DIRECT, type Egress } from '../../link/dial/egress.ts'
import { cutSocket } from '../../mux/cut-socket.ts'
import type { Decisions } from './decisions.ts'
import { dialDirect } from './direct.ts'
import type { InternetLane } from './lane-chooser.ts'

/** What the entry that asked for a connection is told: one of the two. */
export interface BypassEvents {
  opened(remote: net.Socket): void
  failed(fault: Fault): void
}

/** The internet lane: connections that leave this device straight, and the client says that they did. */
export class Bypass {
  /** How this device gets out; set before anybody asks. */
  egress: Egress = DIRECT
  /** Connections that were made. */
  opened = 0
  readonly #decisions: Decisions

  constructor(decisions: Decisions) {
    this.#decisions = decisions
  }

  /**
   * Dials from this device. Never throws: `events` is told.
   *
   * @returns What ends the attempt, when the local program has gone.
   */
  open({ to, entry, pattern, rule }: InternetLane, events: BypassEvents): AbortController {
    const gone = new AbortController()
    const startedAt = performance.now()
    dialDirect(to, this.egress, gone.signal).then(
      (remote) => {
        if (gone.signal.aborted) return cutSocket(remote)
        this.opened++
        const proxy = this.egress.proxy === undefined ? '' : ", through this network's proxy"
        this.#decisions.bypassed(
          entry,
          to,
          `internet rule ${rule} matches ${pattern}${proxy}${slowText(performance.now() - startedAt)}`,
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
