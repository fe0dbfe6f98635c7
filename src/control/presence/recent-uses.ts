import { AFTER_USE_MS, type Use } from '../../policy/probe-plan.ts'

/** Applications; of more the one that was not used for longest is forgotten. */
const MAX_USES = 5000

/** What people used lately, by application. */
export class Uses {
  /** The latest comes last. */
  readonly #byKey = new Map<string, Use>()
  readonly #bySegment = new Map<string, Map<string, Use>>()
  /** Of each segment: when something came to it, or was forgotten, counted. */
  readonly #changed = new Map<string, number>()
  #mark = 0
  /** The last mark of those of which nothing is remembered. */
  #forgotten = 0

  /** How many changes there were. */
  get mark(): number {
    return this.#mark
  }

  /** The mark of the last change of a segment: an application that was not in use before, or is no more. */
  changed(segment: string): number {
    return this.#changed.get(segment) ?? this.#forgotten
  }

  /** @returns false if it was in use already. */
  add(what: Omit<Use, 'atMs'>, nowMs: number): boolean {
    const key = `${what.segment} ${what.host} ${what.port}`
    const before = this.#byKey.get(key)
    const use = { ...what, atMs: nowMs }
    this.#byKey.delete(key)
    this.#byKey.set(key, use)
    const ofSegment = this.#bySegment.get(use.segment) ?? new Map<string, Use>()
    this.#bySegment.set(use.segment, ofSegment.set(key, use))
    if (this.#byKey.size > MAX_USES) this.#forget(this.#byKey.keys().next().value!)
    if (before !== undefined && before.atMs > nowMs - AFTER_USE_MS) return false
    this.#touch(use.segment)
    return true
  }

  /** Those of a segment; forgets what was not used for a while. */
  of(segment: string, nowMs: number): Use[] {
    for (const [key, { atMs }] of this.#bySegment.get(segment) ?? []) {
      if (atMs <= nowMs - AFTER_USE_MS) this.#forget(key)
    }
    return [...(this.#bySegment.get(segment)?.values() ?? [])]
  }

  /** When something of a segment was used last, if that is known. */
  lastMs(segment: string, nowMs: number): number | undefined {
    const times = this.of(segment, nowMs).map(({ atMs }) => atMs)
    return times.length === 0 ? undefined : Math.max(...times)
  }

  #forget(key: string): void {
    const use = this.#byKey.get(key)
    if (use === undefined) return
    this.#byKey.delete(key)
    const ofSegment = this.#bySegment.get(use.segment)
    ofSegment?.delete(key)
    if (ofSegment?.size === 0) this.#bySegment.delete(use.segment)
    this.#touch(use.segment)
  }

  #touch(segment: string): void {
    if (this.#changed.size >= MAX_USES) {
      this.#changed.clear()
      this.#forgotten = this.#mark
    }
    this.#changed.set(segment, ++this.#mark)
  }
}
