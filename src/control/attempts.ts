import net from 'node:net'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/faults.ts'

export interface AttemptsOptions {
  readonly clock: Clock
  /** Failures before anything is slowed down. */
  readonly free: number
  /** Longest wait. */
  readonly maxWaitMs: number
}

interface Entry {
  failures: number
  untilMs: number
  lastMs: number
}

/** A key without failures for this long is forgotten. */
const FORGET_MS = 15 * 60_000
/** Attackers choose keys: there is an end to how many are kept. */
const MAX_KEYS = 10_000

/** Counts failed attempts by key, and makes those who fail often wait: 1 s, 2 s, 4 s… up to a limit. */
export class Attempts {
  readonly #entries = new Map<string, Entry>()
  readonly #options: AttemptsOptions

  constructor(options: AttemptsOptions) {
    this.#options = options
  }

  /** @throws {Fault} RATE_LIMITED with `seen.retryAfterS`. */
  check(key: string): void {
    const waitMs = (this.#entries.get(key)?.untilMs ?? 0) - this.#options.clock.nowMs()
    if (waitMs <= 0) return
    const retryAfterS = Math.ceil(waitMs / 1000)
    throw new Fault('RATE_LIMITED', `too many failed attempts: wait ${retryAfterS} s`, {
      seen: { retryAfterS },
    })
  }

  failed(key: string): void {
    const { clock, free, maxWaitMs } = this.#options
    const nowMs = clock.nowMs()
    const before = this.#entries.get(key)
    const failures = (before !== undefined && nowMs - before.lastMs < FORGET_MS ? before.failures : 0) + 1
    const waitMs = failures <= free ? 0 : Math.min(maxWaitMs, 1000 * 2 ** Math.min(20, failures - free - 1))
    this.#entries.delete(key) // To the end: the map is in order of the last failure.
    this.#entries.set(key, { failures, untilMs: nowMs + waitMs, lastMs: nowMs })
    if (this.#entries.size > MAX_KEYS) this.#entries.delete(this.#entries.keys().next().value!)
  }

  succeeded(key: string): void {
    this.#entries.delete(key)
  }
}

/** What counts as one place: an IPv4 address, or the /64 that one IPv6 customer holds. */
export function placeOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!net.isIPv6(plain)) return plain
  const [head = '', tail = ''] = plain.split('%')[0]!.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const groups = plain.includes('::')
    ? [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
    : left
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
