/**
 * What becomes of each frame in one direction of a wire: pure but for its own memory, so one seed gives one story.
 *
 * @module
 */
import { type Impairment, OVERTAKEN_MS } from './impairment.ts'

export interface Figures {
  frames: number
  lost: number
  duplicated: number
  reordered: number
}

/** A slow line keeps so much waiting and loses the rest, as routers do. */
const LONGEST_QUEUE_MS = 200

export class Direction {
  readonly figures: Figures = { frames: 0, lost: 0, duplicated: 0, reordered: 0 }
  readonly #random: () => number
  /** The last of those in order leaves then: no other passes it. */
  #lastMs = 0
  /** The line is busy until then. */
  #freeMs = 0

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  /** @returns When each copy of it leaves, in ms of the same clock as `nowMs`; none for a lost one. */
  plan(bytes: number, nowMs: number, o: Impairment): number[] {
    const { figures } = this
    figures.frames++
    // As many numbers for each frame whatever it meets: what one frame suffers does not change the fate of the next.
    const [loss, overtaken, twice, jitter] = Array.from({ length: 4 }, this.#random) as [
      ...[number, number],
      ...[number, number],
    ]
    const sentMs = this.#transmit(bytes, nowMs, o.rateKbit)
    if (sentMs === undefined || loss * 100 < (o.lossPercent ?? 0)) {
      figures.lost++
      return []
    }
    const delayMs = Math.max(0, (o.delayMs ?? 0) + (jitter * 2 - 1) * (o.jitterMs ?? 0))
    let leavesMs = Math.max(sentMs + delayMs, this.#lastMs)
    if (overtaken * 100 < (o.reorderPercent ?? 0)) {
      figures.reordered++
      leavesMs += OVERTAKEN_MS
    } else this.#lastMs = leavesMs
    if (twice * 100 >= (o.duplicatePercent ?? 0)) return [leavesMs]
    figures.duplicated++
    return [leavesMs, leavesMs]
  }

  #transmit(bytes: number, nowMs: number, rateKbit = 0): number | undefined {
    if (rateKbit === 0) return nowMs
    const startsMs = Math.max(nowMs, this.#freeMs)
    if (startsMs - nowMs > LONGEST_QUEUE_MS) return undefined
    this.#freeMs = startsMs + (bytes * 8) / rateKbit
    return this.#freeMs
  }
}

/** Uniform in [0, 1): Marsaglia's xorshift of 32 bits ("Xorshift RNGs", 2003), which a seed of 0 would stop. */
function seeded(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0 || 1 // small seeds begin with small numbers, otherwise
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  for (let at = 0; at < 8; at++) next()
  return next
}
