/**
 * Five minutes of figures of every connector that is connected, and when each came and went. In memory: what a control
 * plane that starts anew does not know, connectors tell again.
 *
 * @module
 */

import type { Clock } from '../../base/clock.ts'
import type { FiguresSample } from '../../base/figures.ts'
import { type Drop, type Flapping, flappingOf } from '../../policy/flapping.ts'
import { MAX_SAMPLES, type StatusMessage } from '../../wire/control.ts'

/** A connector came, or went and why. */
export interface Passage {
  readonly atMs: number
  readonly is: 'connected' | 'disconnected'
  readonly address: string
  readonly code?: string
  readonly hop?: string
}

const MAX_PASSAGES = 20
const MAX_CONNECTORS = 20_000

/** Moments of what is known are monotonic: a clock that is set makes nothing older, and hides nothing that comes. */
interface Known {
  history: readonly FiguresSample[]
  passages: readonly Passage[]
}

const NOTHING: Known = { history: [], passages: [] }

export class VitalsOfConnectors {
  readonly #clock: Clock
  readonly #known = new Map<string, Known>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  told(connector: string, { samples = [] }: StatusMessage): void {
    const nowMs = this.#monotonicMs()
    const { history } = this.#of(connector)
    const last = history.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY
    // After a break everything is told again.
    const fresh = samples
      .map(({ agoMs, ...sample }) => ({ ...sample, atMs: nowMs - agoMs }))
      .filter(({ atMs }) => atMs > last + 1000)
    this.#put(connector, { history: [...history, ...fresh].slice(-MAX_SAMPLES) })
  }

  passed(connector: string, passage: Omit<Passage, 'atMs'>): void {
    const { passages } = this.#of(connector)
    const now = { ...passage, atMs: this.#monotonicMs() }
    this.#put(connector, { passages: [...passages, now].slice(-MAX_PASSAGES) })
  }

  /** Oldest first, dated by the clock as it is now. */
  history(connector: string): readonly FiguresSample[] {
    return this.#dated(this.#of(connector).history)
  }

  /** Oldest first, 20 at most, dated by the clock as it is now. */
  passages(connector: string): readonly Passage[] {
    return this.#dated(this.#of(connector).passages)
  }

  flapping(connector: string): Flapping | undefined {
    const drops = this.passages(connector).flatMap(({ is, atMs, code, hop }): Drop[] =>
      is === 'disconnected' && code !== undefined ? [{ atMs, code, hop: hop ?? 'connector' }] : [],
    )
    return flappingOf(drops, this.#clock.nowMs())
  }

  forget(connector: string): void {
    this.#known.delete(connector)
  }

  #monotonicMs(): number {
    return this.#clock.monotonicUs() / 1000
  }

  #dated<Moment extends { readonly atMs: number }>(moments: readonly Moment[]): Moment[] {
    const aheadMs = this.#clock.nowMs() - this.#monotonicMs()
    return moments.map((moment) => ({ ...moment, atMs: Math.round(aheadMs + moment.atMs) }))
  }

  #of(connector: string): Known {
    return this.#known.get(connector) ?? NOTHING
  }

  #put(connector: string, change: Partial<Known>): void {
    const known = { ...this.#of(connector), ...change }
    this.#known.delete(connector)
    this.#known.set(connector, known)
    if (this.#known.size > MAX_CONNECTORS) this.#known.delete(this.#known.keys().next().value!)
  }
}
