/** Chance that a number gives again. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to 1, without it (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296
  }

  /** From 0 up to `end`, without it. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  one<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }

  /** Some of them, each once, in their order. */
  some<Item>(items: readonly Item[], share = 0.4): Item[] {
    return items.filter(() => this.chance(share))
  }

  /** At least one of them. */
  few<Item>(items: readonly Item[], share = 0.4): Item[] {
    const found = this.some(items, share)
    return found.length > 0 ? found : [this.one(items)]
  }
}
