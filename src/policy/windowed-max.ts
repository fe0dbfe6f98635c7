/** The longest of what was seen lately. Pure. */

/** What happens regularly is seen again by then; how long an outage lasted says little of an ordinary day. */
const LATELY_MS = 1_800_000

export class WindowedMax {
  #ms = 0
  #atMs = 0

  get ms(): number {
    return this.#ms
  }

  note(ms: number, nowMs: number): void {
    if (ms < this.#ms && nowMs - this.#atMs < LATELY_MS) return
    this.#ms = ms
    this.#atMs = nowMs
  }
}
