import { Deadlines } from './deadlines.ts'

/** How long one line stands for all that are like it. */
const COUNT_MS = 60_000
const MAX_KEYS = 1000

/**
 * Lines of a log for what happens by the thousand: the first of a kind is said at once, and those of the minute that follows
 * are counted into one more. Memory is bounded: kinds beyond that are not told apart.
 */
export class CountedLines implements Disposable {
  readonly #open = new Map<string, { times: number; say: (times: number) => void }>()
  readonly #ends = new Deadlines<string>(COUNT_MS, (key) => this.#end(key))

  /** @param say Writes the line: with 1 for the first, else with how many came since. */
  note(what: string, say: (times: number) => void): void {
    const key = this.#open.size < MAX_KEYS || this.#open.has(what) ? what : ''
    const known = this.#open.get(key)
    if (known !== undefined) {
      known.times++
      known.say = say
      return
    }
    this.#open.set(key, { times: 0, say })
    this.#ends.add(key)
    say(1)
  }

  #end(key: string): void {
    const { times = 0, say } = this.#open.get(key) ?? {}
    this.#open.delete(key)
    if (times > 0) say?.(times)
  }

  /** What was counted so far is said. */
  [Symbol.dispose](): void {
    for (const key of [...this.#open.keys()]) this.#end(key)
    this.#ends[Symbol.dispose]()
  }
}
