/**
 * The health of this process over the last five minutes: samples its figures, judges them, and says in the log when it
 * is overloaded, when that is over, and when its memory only grows.
 *
 * @module
 */
import { rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import type { FiguresSample } from '../../base/figures.ts'
import type { Log } from '../../base/log.ts'
import { type Leak, suspectLeak } from '../../policy/leak.ts'
import {
  figureText,
  firstToFill,
  judgeOverload,
  loadOf,
  megabytes,
  type Overload,
} from '../../policy/overload.ts'
import { MAX_SAMPLES } from '../../wire/control.ts'
import { FiguresReader } from './figures-reader.ts'

export const SAMPLE_MS = 5000
/** A load that has changed by so much, 0…1, is news. */
const TOLD_LOAD_STEP = 0.15

export interface VitalsOptions {
  readonly log: Log
  readonly sessions: () => number
  /** Names of segments with the sessions open to each, most first. */
  readonly sessionsBy: () => readonly { readonly segmentName: string; readonly sessions: number }[]
  readonly reader?: Pick<FiguresReader, 'read'>
  /** Dates. */
  readonly nowMs?: () => number
  /** All that is measured. */
  readonly monotonicMs?: () => number
}

export class Vitals implements Disposable {
  /** A judgement began or ended. */
  onChange: (() => void) | undefined
  /** After each sample. */
  onSample: (() => void) | undefined
  readonly #o: VitalsOptions
  readonly #reader: Pick<FiguresReader, 'read'>
  readonly #nowMs: () => number
  readonly #monotonicMs: () => number
  readonly #timer: NodeJS.Timeout
  /** Their moments are monotonic, as that of the overload is. */
  #samples: readonly FiguresSample[] = []
  #overload: Overload | undefined
  #leak: Leak | undefined
  #filling: string | undefined
  #sampling: Promise<void> | undefined
  /** As of when control was last told because of it. */
  #toldLoad = 0

  constructor(o: VitalsOptions) {
    this.#o = o
    this.#reader = o.reader ?? new FiguresReader()
    this.#nowMs = o.nowMs ?? Date.now
    this.#monotonicMs = o.monotonicMs ?? (() => performance.now())
    this.#timer = setInterval(() => void this.sample(), SAMPLE_MS).unref()
  }

  /** Five minutes at most, oldest first, dated by the clock as it is now. */
  get history(): readonly FiguresSample[] {
    return this.#samples.map((sample) => ({ ...sample, atMs: this.#dateOf(sample.atMs) }))
  }

  get last(): FiguresSample | undefined {
    return this.history.at(-1)
  }

  /** Of the last sample; monotonic. */
  get mark(): number {
    return this.#samples.at(-1)?.atMs ?? 0
  }

  /** Those that came behind a mark, each with its age. */
  since(mark: number): (Omit<FiguresSample, 'atMs'> & { agoMs: number })[] {
    const nowMs = this.#monotonicMs()
    return this.#samples
      .filter(({ atMs }) => atMs > mark)
      .map(({ atMs, ...sample }) => ({ agoMs: Math.round(nowMs - atMs), ...sample }))
  }

  /** CONNECTOR_OVERLOADED while it is. */
  get overload(): Fault | undefined {
    const last = this.#samples.at(-1)
    if (this.#overload === undefined || last === undefined) return undefined
    const { figures, sinceMs } = this.#overload
    const seen = figures.map((name) => figureText(name, last))
    const since = rfc3339(this.#dateOf(sinceMs))
    const by = this.#o.sessionsBy().map(({ segmentName, sessions }) => `${segmentName} ${sessions}`)
    const sessions = `${last.sessions} sessions${by.length === 0 ? '' : ` (${by.join(', ')})`}`
    return new Fault('CONNECTOR_OVERLOADED', `${seen.join('; ')}; since ${since}; ${sessions}`, {
      seen: { figures: [...figures], since, sessions: last.sessions, sessionsBy: by },
    })
  }

  /** MEMORY_LEAK_SUSPECTED while it looks so. */
  get leak(): Fault | undefined {
    if (this.#leak === undefined) return undefined
    const { fromBytes, toBytes, perMinuteBytes, sessionsBefore, sessionsNow, minutesLeft } = this.#leak
    const left =
      minutesLeft === undefined ? '' : `; at this rate it is exhausted in ${Math.round(minutesLeft)} min`
    const grew = `resident memory grew from ${megabytes(fromBytes)} to ${megabytes(toBytes)} in 5 min, ${megabytes(perMinuteBytes)} a minute`
    return new Fault('MEMORY_LEAK_SUSPECTED', `${grew}; sessions ${sessionsBefore} → ${sessionsNow}${left}`, {
      seen: { fromBytes, toBytes, perMinuteBytes: Math.round(perMinuteBytes), sessionsNow },
    })
  }

  /** What is wrong, as notes. */
  get notes(): Fault[] {
    return [this.overload, this.leak].filter((fault) => fault !== undefined)
  }

  /** One sample now; one at a time. */
  sample(): Promise<void> {
    this.#sampling ??= this.#sample().finally(() => {
      this.#sampling = undefined
    })
    return this.#sampling
  }

  async #sample(): Promise<void> {
    const figures = await this.#reader.read()
    const sample = { ...figures, atMs: this.#monotonicMs(), sessions: this.#o.sessions() }
    this.#samples = [...this.#samples, sample].slice(-MAX_SAMPLES)
    const [overload, leak] = [this.#overload, this.#leak]
    this.#overload = judgeOverload(this.#samples, overload)
    this.#leak = suspectLeak(this.#samples)
    this.#sayOverload(overload)
    this.#sayLeak(leak)
    this.#sayFilling()
    const changed = `${overload?.figures}` !== `${this.#overload?.figures}` || !leak !== !this.#leak
    if (this.#isOtherLoad(loadOf(figures)) || changed) this.onChange?.()
    this.onSample?.()
  }

  /** Who is chosen goes by it: a load that has come or gone is told before the next turn. */
  #isOtherLoad(load: number): boolean {
    if (Math.abs(load - this.#toldLoad) < TOLD_LOAD_STEP) return false
    this.#toldLoad = load
    return true
  }

  #sayOverload(before: Overload | undefined): void {
    const { log } = this.#o
    const now = this.overload
    // Also when another figure is full as well: each has a cause and a cure of its own.
    const more = this.#overload?.figures.some((name) => !before?.figures.includes(name))
    if (now !== undefined && more) {
      log.warn({ event: 'connector.overloaded', code: now.code, hop: now.hop, seen: now.seen }, now.message)
    } else if (now === undefined && before !== undefined) {
      const durationMs = Math.round(this.#monotonicMs() - before.sinceMs)
      const text = `No longer overloaded after ${Math.round(durationMs / 1000)} s: it was ${before.figures.join(', ')}`
      log.info({ event: 'connector.relieved', durationMs, figures: before.figures }, text)
    }
  }

  #sayLeak(before: Leak | undefined): void {
    const now = this.leak
    if (now === undefined || before !== undefined) return
    this.#o.log.warn({ event: 'connector.leak', code: now.code, hop: now.hop, seen: now.seen }, now.message)
  }

  /** Once for each figure, until its line is broken. */
  #sayFilling(): void {
    const soon = this.#overload === undefined ? firstToFill(this.#samples) : undefined
    if (soon?.figure === this.#filling) return
    this.#filling = soon?.figure
    if (soon === undefined) return
    const { figure, minutes } = soon
    const text = `At this rate ${figure} is exhausted in ${Math.round(minutes)} min: ${figureText(figure, this.#samples.at(-1)!)}`
    this.#o.log.warn({ event: 'connector.filling', figure, minutes: Math.round(minutes) }, text)
  }

  #dateOf(atMs: number): number {
    return Math.round(this.#nowMs() - (this.#monotonicMs() - atMs))
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
