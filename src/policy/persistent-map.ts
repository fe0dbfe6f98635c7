/**
 * A map of which another is made by a few changes, without a copy of the whole: both go on, and have in common what has
 * not changed.
 */
export class PersistentMap<Key, Value> {
  readonly #whole: Map<Key, Value>
  /** What is not as in the whole; undefined: is not there. */
  readonly #over: ReadonlyMap<Key, Value | undefined>

  constructor(whole = new Map<Key, Value>(), over: ReadonlyMap<Key, Value | undefined> = new Map()) {
    this.#whole = whole
    this.#over = over
  }

  /** For whoever makes it, before another is made of it. */
  set(key: Key, value: Value): void {
    this.#whole.set(key, value)
  }

  /** How much is not in common with the first of all: each further change copies that. */
  get changes(): number {
    return this.#over.size
  }

  get(key: Key): Value | undefined {
    return this.#over.size > 0 && this.#over.has(key) ? this.#over.get(key) : this.#whole.get(key)
  }

  with(changes: ReadonlyMap<Key, Value | undefined>): PersistentMap<Key, Value> {
    return changes.size === 0 ? this : new PersistentMap(this.#whole, new Map([...this.#over, ...changes]))
  }
}
