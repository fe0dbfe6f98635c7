/** What waits, by whom it is for: those of each key take turns with those of other keys. */
export class Turns<Item> {
  readonly #waiting = new Map<string, Item[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  waitingOf(key: string): number {
    return this.#waiting.get(key)?.length ?? 0
  }

  add(key: string, item: Item): void {
    this.#size++
    const own = this.#waiting.get(key)
    if (own === undefined) this.#waiting.set(key, [item])
    else own.push(item)
  }

  /** What nobody waits for any more takes no place. */
  remove(key: string, item: Item): void {
    const own = this.#waiting.get(key)
    const at = own?.indexOf(item) ?? -1
    if (own === undefined || at === -1) return
    own.splice(at, 1)
    this.#size--
    if (own.length === 0) this.#waiting.delete(key)
  }

  /** The first of the key whose turn it is, among those that may go now; the key goes to the end. */
  next(mayGo: (key: string) => boolean = () => true): Item | undefined {
    for (const [key, own] of this.#waiting) {
      if (!mayGo(key)) continue
      const item = own.shift()!
      this.#size--
      this.#waiting.delete(key)
      if (own.length > 0) this.#waiting.set(key, own)
      return item
    }
    return undefined
  }

  /** Forgets all that waits. */
  clear(): void {
    this.#waiting.clear()
    this.#size = 0
  }
}
