/**
 * One figure of the table "at size": what is done, how often, and how long it may take.
 *
 * A figure is one file under figures/, and one line in figures.ts. It runs at every size with the same world, which it
 * leaves as it found it.
 *
 * @module
 */
import type { Shape, World } from './world.ts'

export type Statistic = 'p99' | 'median' | 'max'

export interface Figure {
  /** lower-kebab-case; `--only` selects by it. */
  readonly name: string
  readonly title: string
  /** Which of the measured times is the figure. */
  readonly statistic: Statistic
  /** For the figure at every size, in milliseconds; without one it is told only. */
  readonly goalMs?: number
  /** The world it needs; the usual one by default. None: the figure makes what it needs by itself. */
  readonly shape?: Shape | 'none'
  /** May one step of it hold the event loop longer than the budget? Only where it runs in a process of its own. */
  readonly mayHold?: boolean
  run(at: At): Promise<Measured>
}

export interface At {
  /** Segments = rules = users; half as many connectors. */
  readonly size: number
  /** @throws where the figure said that it needs none. */
  readonly world: World
}

export interface Measured {
  /** Each time that was measured, in milliseconds of the clock on the wall. */
  readonly ms: readonly number[]
  /** CPU of this thread for each of them, in milliseconds: the figure where it is given, for other load does not change it. */
  readonly cpuMs?: readonly number[]
  /** Longest step that held the event loop meanwhile, in milliseconds. */
  readonly heldMs?: number
  /** A word on what was measured: how many rows, how many agents. */
  readonly note?: string
}
