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

/** Looks at its clocks once a second: a look that comes late says how long nothing was done here. */
export class StandstillWatch implements Disposable {
  readonly #intervalMs: number
  readonly #notableMs: number
  readonly #read: () => ProcessClocks
  readonly #timer: NodeJS.Timeout
  #before: ProcessClocks
  #gaps: readonly Gap[] = []

  constructor({
    intervalMs = INTERVAL_MS,
    notableMs = NOTABLE_MS,
    read = processClocks,
  }: StandstillOptions = {}) {
    this.#intervalMs = intervalMs
    this.#notableMs = notableMs
    this.#read = read
    this.#before = read()
    this.#timer = setInterval(() => this.#look(), intervalMs).unref()
  }

  /** What was lost lately, if others may have noticed; nothing where what went wrong began after it. */
  recent(beganAtMs = Number.NEGATIVE_INFINITY): Standstill | undefined {
    this.#look()
    const last = this.#gaps.at(-1)
    const longest = this.#gaps.toSorted((a, b) => b.lostMs - a.lostMs)[0]
    if (last === undefined || longest === undefined || beganAtMs > last.endedAtMs) return undefined
    const lostMs = this.#gaps.reduce((sum, gap) => sum + gap.lostMs, 0)
    if (lostMs < this.#notableMs) return undefined
    return { kind: longest.kind, lostMs: Math.round(lostMs), endedAtMs: last.endedAtMs }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = this.#read()
    const gap = gapBetween(this.#before, now, this.#intervalMs)
    this.#before = now
    const fresh = this.#gaps.filter(({ endedAtMs }) => endedAtMs > now.awakeMs - WINDOW_MS)
    this.#gaps = gap === undefined ? fresh : [...fresh, gap]
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
export function standstillText({ kind, lostMs }: Standstill, who = 'this process'): string {
  const time = `${(lostMs / 1000).toFixed(1)} s`
  if (kind === 'suspended') return `the machine of ${who} was suspended for ${time}`
  if (kind === 'starved') return `${who} had no processor for ${time}`
  if (kind === 'busy') return `${who} was busy with one step for ${time}`
  return `${who} stood still for ${time}: stopped by a signal, or halted with its virtual machine`
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
