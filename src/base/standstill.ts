/**
 * Times in which this process did nothing, though it was due: stopped by a signal, halted with its virtual machine,
 * suspended, without a processor, or busy with one step. Whatever it missed meanwhile is its own doing and nobody's
 * silence.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import os from 'node:os'

/** Why, as far as the kernel tells. */
export type StandstillKind = 'suspended' | 'starved' | 'busy' | 'stopped'

export interface Standstill {
  readonly kind: StandstillKind
  /** All that was lost in `recent`'s window, in milliseconds. */
  readonly lostMs: number
  /** When the last of it was over, as performance.now(). */
  readonly endedAtMs: number
  /** In so many pieces that none of them would be noticed: of as long a time, in milliseconds. */
  readonly ofMs?: number
}

/** What the kernel counts of this process. */
export interface ProcessClocks {
  /** Monotonic, in milliseconds; may stand while the machine is suspended. */
  readonly awakeMs: number
  /** Since boot, suspended or not. */
  readonly bootMs: number
  /** What the main thread has computed. */
  readonly cpuMs: number
  /** How long it could have run and had no processor. */
  readonly waitedMs: number
}

const INTERVAL_MS = 1000
/** Less is a busy moment. */
const LATE_MS = 250
/** What others bear without a word: they wait five seconds for a reply to a ping. */
const NOTABLE_MS = 4000
/** A connection that it broke is found broken within this: a ping and the time for a reply, and some. */
const WINDOW_MS = 15_000
/** Who waits so many times as long as it computes gets less than a quarter of what it asks for. */
const STARVED_RATIO = 3

export interface StandstillOptions {
  readonly intervalMs?: number
  readonly notableMs?: number
  readonly read?: () => ProcessClocks
}

interface Gap {
  readonly kind: StandstillKind
  readonly lostMs: number
  readonly endedAtMs: number
}

/**
 * Looks at its clocks once a second: a look that comes late says how long nothing was done here; what the kernel made
 * this process wait says it where all is late by a little.
 */
export class StandstillWatch implements Disposable {
  readonly #intervalMs: number
  readonly #notableMs: number
  readonly #read: () => ProcessClocks
  readonly #timer: NodeJS.Timeout
  #before: ProcessClocks
  #gaps: readonly Gap[] = []
  /** Of the window, oldest first, at least an interval apart. */
  #looks: readonly ProcessClocks[]

  constructor({
    intervalMs = INTERVAL_MS,
    notableMs = NOTABLE_MS,
    read = processClocks,
  }: StandstillOptions = {}) {
    this.#intervalMs = intervalMs
    this.#notableMs = notableMs
    this.#read = read
    this.#before = read()
    this.#looks = [this.#before]
    this.#timer = setInterval(() => this.#look(), intervalMs).unref()
  }

  /** What was lost lately, if others may have noticed; nothing where what went wrong began after it. */
  recent(beganAtMs = Number.NEGATIVE_INFINITY): Standstill | undefined {
    this.#look()
    const found = this.#atOnce() ?? starvedIn([...this.#looks, this.#before], this.#notableMs)
    return found === undefined || beganAtMs > found.endedAtMs ? undefined : found
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  /** By looks that came late. */
  #atOnce(): Standstill | undefined {
    const last = this.#gaps.at(-1)
    const longest = this.#gaps.toSorted((a, b) => b.lostMs - a.lostMs)[0]
    if (last === undefined || longest === undefined) return undefined
    const lostMs = this.#gaps.reduce((sum, gap) => sum + gap.lostMs, 0)
    if (lostMs < this.#notableMs) return undefined
    return { kind: longest.kind, lostMs: Math.round(lostMs), endedAtMs: last.endedAtMs }
  }

  #look(): void {
    const now = this.#read()
    const gap = gapBetween(this.#before, now, this.#intervalMs)
    this.#before = now
    const fromMs = now.awakeMs - WINDOW_MS
    const fresh = this.#gaps.filter(({ endedAtMs }) => endedAtMs > fromMs)
    this.#gaps = gap === undefined ? fresh : [...fresh, gap]
    const looks = this.#looks.filter(({ awakeMs }) => awakeMs > fromMs)
    const lastMs = looks.at(-1)?.awakeMs ?? Number.NEGATIVE_INFINITY
    this.#looks = now.awakeMs - lastMs < this.#intervalMs ? looks : [...looks, now]
  }
}

/** Pure: what is missing between two looks that are `intervalMs` apart at the most. */
export function gapBetween(before: ProcessClocks, now: ProcessClocks, intervalMs: number): Gap | undefined {
  const awakeMs = now.awakeMs - before.awakeMs
  const asleepMs = now.bootMs - before.bootMs - awakeMs
  const lateMs = awakeMs - intervalMs
  const lostMs = Math.max(0, lateMs) + (asleepMs > LATE_MS ? asleepMs : 0)
  if (lostMs < LATE_MS) return undefined
  return { kind: kindOf(before, now, { asleepMs, lateMs }), lostMs, endedAtMs: now.awakeMs }
}

/**
 * Pure: a process that is let run for a moment many times a second comes late to no look, and is late with all it does:
 * under a limit of a few percent, or behind others at the lowest priority.
 *
 * @param looks Oldest first.
 */
export function starvedIn(looks: readonly ProcessClocks[], notableMs: number): Standstill | undefined {
  const [first, last] = [looks[0], looks.at(-1)]
  if (first === undefined || last === undefined) return undefined
  const lostMs = last.waitedMs - first.waitedMs
  if (lostMs < notableMs || lostMs < (last.cpuMs - first.cpuMs) * STARVED_RATIO) return undefined
  const waited = looks.findLast((look, at) => at > 0 && isStarved(looks[at - 1]!, look)) ?? last
  return {
    ...{ kind: 'starved', lostMs: Math.round(lostMs), endedAtMs: waited.awakeMs },
    ofMs: Math.round(last.awakeMs - first.awakeMs),
  }
}

function isStarved(before: ProcessClocks, now: ProcessClocks): boolean {
  const waitedMs = now.waitedMs - before.waitedMs
  return waitedMs > (now.awakeMs - before.awakeMs) / 4
}

function kindOf(
  before: ProcessClocks,
  now: ProcessClocks,
  { asleepMs, lateMs }: { asleepMs: number; lateMs: number },
): StandstillKind {
  if (asleepMs > lateMs) return 'suspended'
  if (now.waitedMs - before.waitedMs > lateMs / 2) return 'starved'
  return now.cpuMs - before.cpuMs > lateMs / 2 ? 'busy' : 'stopped'
}

/** For people: what was the matter with `who`. */
export function standstillText({ kind, lostMs, ofMs }: Standstill, who = 'this process'): string {
  const time = `${(lostMs / 1000).toFixed(1)} s${ofMs === undefined ? '' : ` of ${(ofMs / 1000).toFixed(1)} s`}`
  if (kind === 'suspended') return `the machine of ${who} was suspended for ${time}`
  if (kind === 'starved') return `${who} got no processor time for ${time}`
  if (kind === 'busy') return `${who} was busy with a single step for ${time}`
  return `${who} was paused for ${time}: stopped by a signal, or halted with its virtual machine`
}

function processClocks(): ProcessClocks {
  const { user, system } = process.threadCpuUsage()
  return {
    awakeMs: performance.now(),
    bootMs: os.uptime() * 1000,
    cpuMs: (user + system) / 1000,
    waitedMs: waitedMs(),
  }
}

/** Where the kernel does not say it, nobody waited. */
function waitedMs(): number {
  try {
    const [, waitedNs = '0'] = readFileSync('/proc/self/schedstat', 'latin1').split(' ')
    return Number(waitedNs) / 1e6
  } catch {
    return 0
  }
}
