/**
 * Figures as Prometheus text (exposition format 0.0.4), written by hand: agents keep them as plain numbers, so that
 * counting costs a session nothing and a command that asks nothing loads nothing.
 *
 * @module
 */

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Upper bounds in seconds, from a warm path on one machine to the deadlines. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

/** Durations as one process tells them to another. */
export interface ToldDurations {
  readonly counts: readonly number[]
  readonly seconds: number
}

/** How long things took, in buckets. */
export class Durations {
  readonly #counts: number[] = new Array(SECONDS.length + 1).fill(0)
  #seconds = 0

  get told(): ToldDurations {
    return { counts: [...this.#counts], seconds: this.#seconds }
  }

  addAll({ counts, seconds }: ToldDurations): void {
    for (const [bucket, count] of counts.entries()) this.#counts[bucket]! += count
    this.#seconds += seconds
  }

  observe(tookUs: number): void {
    const seconds = tookUs / 1e6
    let bucket = 0
    while (bucket < SECONDS.length && seconds > SECONDS[bucket]!) bucket++
    this.#counts[bucket]!++
    this.#seconds += seconds
  }

  samples(): [suffix: string, value: number][] {
    let below = 0
    const buckets = this.#counts.map((count, i): [string, number] => {
      below += count
      return [`_bucket{le="${SECONDS[i] ?? '+Inf'}"}`, below]
    })
    return [...buckets, ['_sum', this.#seconds], ['_count', below]]
  }
}

/** How often, by a word of a closed list: a fault code, never what a peer sent. */
export class Counts<Word extends string> {
  readonly #counts = new Map<Word, number>()

  get told(): readonly (readonly [Word, number])[] {
    return [...this.#counts]
  }

  add(word: Word, times = 1): void {
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + times)
  }

  samples(label: string): [labels: string, value: number][] {
    return [...this.#counts].map(([word, count]) => [`{${label}="${word}"}`, count])
  }
}

export class MetricsText {
  readonly #prefix: string
  readonly #lines: string[] = []

  /** @param prefix Of every name, `backstitch_ROLE`. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** Left out where nothing is known. */
  gauge(name: string, help: string, value: number | undefined): void {
    if (value !== undefined) this.#add(name, 'gauge', help, [['', value]])
  }

  /** The same of several. Left out where there is none. */
  gauges(name: string, help: string, samples: readonly [labels: string, value: number][]): void {
    if (samples.length > 0) this.#add(name, 'gauge', help, samples)
  }

  /** One of `words` holds: 1 for it and 0 for the others. */
  oneOf(name: string, help: string, label: string, words: readonly string[], held: string): void {
    const samples = words.map((word): [string, number] => [`{${label}="${word}"}`, word === held ? 1 : 0])
    this.#add(name, 'gauge', help, samples)
  }

  counter(name: string, help: string, samples: number | readonly [labels: string, value: number][]): void {
    this.#add(name, 'counter', help, typeof samples === 'number' ? [['', samples]] : samples)
  }

  durations(name: string, help: string, durations: Durations): void {
    this.#add(name, 'histogram', help, durations.samples())
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`
  }

  #add(name: string, type: string, help: string, samples: readonly [labels: string, value: number][]): void {
    const full = `${this.#prefix}_${name}`
    this.#lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`)
    for (const [labels, value] of samples) this.#lines.push(`${full}${labels} ${value}`)
  }
}
