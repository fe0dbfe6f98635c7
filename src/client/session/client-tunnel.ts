import type { Clock } from '../../base/clock.ts'
import type { Mux } from '../../mux/mux.ts'
import type { CachedGrant } from './grant-cache.ts'

/** What a tunnel is asked about each session in it. */
export interface SessionBytes {
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Where a tunnel leads and what bringing it up took. */
export interface ClientTunnelFacts {
  readonly connector: string
  readonly edge: string
  readonly pipe: string
  readonly ticketUs: number
  readonly handoverUs: number
  readonly innerTlsUs: number
  /** Our half stays inside its outer TLS: slower. */
  readonly wrapped: boolean
}

/** Over this much waiting to be sent, a new session would wait behind it. */
const BUSY_QUEUE_BYTES = 131_072
/** Over this rate, either way, a tunnel carries bulk: an interactive session is better off in another. */
const BUSY_BYTES_PER_SECOND = 4_000_000
const MEASURE_EVERY_US = 100_000
/** A session more than this is as bad as none left: another tunnel is opened ahead. */
const CROWDED = 512

/** One tunnel as the pool sees it: how loaded it is, and which grants it has been shown. */
export class ClientTunnel {
  readonly mux: Mux
  readonly facts: ClientTunnelFacts
  readonly sessions = new Set<SessionBytes>()
  /** Takes no new session: the peer drains, or our certificate was renewed. */
  retired = false
  /** Monotonic: when a session last came or left. */
  lastUsedUs: number
  readonly #clock: Clock
  readonly #shown = new Set<string>()
  #endedBytes = 0
  #measuredBytes = 0
  #measuredUs: number
  #bytesPerSecond = 0

  constructor(mux: Mux, facts: ClientTunnelFacts, clock: Clock) {
    this.mux = mux
    this.facts = facts
    this.#clock = clock
    this.lastUsedUs = clock.monotonicUs()
    this.#measuredUs = this.lastUsedUs
  }

  get usable(): boolean {
    return !this.retired && !this.mux.closed
  }

  /** A tunnel in which a new session would not wait for others. */
  get idle(): boolean {
    return this.usable && !this.busy && this.sessions.size < CROWDED
  }

  get busy(): boolean {
    return this.mux.queuedBytes > BUSY_QUEUE_BYTES || this.bytesPerSecond > BUSY_BYTES_PER_SECOND
  }

  /** Both directions; measured when asked, at most ten times a second, so that it costs nothing in between. */
  get bytesPerSecond(): number {
    const nowUs = this.#clock.monotonicUs()
    const elapsedUs = nowUs - this.#measuredUs
    if (elapsedUs < MEASURE_EVERY_US) return this.#bytesPerSecond
    let bytes = this.#endedBytes
    for (const session of this.sessions) bytes += session.bytesIn + session.bytesOut
    this.#bytesPerSecond = ((bytes - this.#measuredBytes) * 1_000_000) / elapsedUs
    this.#measuredBytes = bytes
    this.#measuredUs = nowUs
    return this.#bytesPerSecond
  }

  enter(session: SessionBytes): void {
    this.sessions.add(session)
    this.lastUsedUs = this.#clock.monotonicUs()
  }

  leave(session: SessionBytes): void {
    if (!this.sessions.delete(session)) return
    this.#endedBytes += session.bytesIn + session.bytesOut
    this.lastUsedUs = this.#clock.monotonicUs()
  }

  /** The connector needs a grant once per tunnel; from then on an OPEN names it in 16 bytes. */
  show(grant: CachedGrant): void {
    if (this.#shown.has(grant.reference)) return
    this.mux.sendGrant(grant.granted.grant)
    this.#shown.add(grant.reference)
  }
}
