/**
 * When the kernel is asked about the connections of an application, and what its word counts for: what is sent and not
 * acknowledged, and what came behind a gap. One question at a time, for each starts a program.
 *
 * @module
 */
import type { Tally } from '../../policy/silence.ts'
import type { Lossy } from '../../probe/stalls.ts'
import {
  ASK_KERNEL_AFTER_MS,
  hasStopped,
  type Watched,
  type WatchedSession,
  waitsForKernel,
} from './watched-session.ts'

/** Between two such questions about an application: longer each time that nothing is lost. */
const PAUSE_MS = { first: 3000, last: 60_000 } as const
/** Between two questions about what has stopped, of all applications together: most of it is idle and no more. */
const STOPPED_PAUSE_MS = 2000

/** One application. */
export interface KernelQueried<S> {
  readonly port: number
  readonly tally: Tally
  readonly sessions: ReadonlySet<Watched<S>>
  address: string | undefined
  /** Since there was reason to. */
  asks: { notBeforeMs: number; pauseMs: number } | undefined
}

export class KernelQueries {
  readonly #lossy: (address: string, port: number) => Promise<readonly Lossy[]>
  readonly #now: () => number
  #asking = false
  /** When it may be asked again about what has stopped, of whichever application. */
  #stoppedMs = 0

  constructor(lossy: (address: string, port: number) => Promise<readonly Lossy[]>, now: () => number) {
    this.#lossy = lossy
    this.#now = now
  }

  /** @returns Nothing where there is no reason to, or no turn. Never rejects. */
  ask<S extends WatchedSession>(entry: KernelQueried<S>): Promise<void> | undefined {
    const nowMs = this.#now()
    const { address, sessions, asks } = entry
    if (address === undefined || this.#asking) return undefined
    const mayWait = nowMs >= (asks?.notBeforeMs ?? 0)
    const mayStop = nowMs >= this.#stoppedMs
    let stopped = false
    for (const one of sessions) {
      if (mayWait && waitsForKernel(one, nowMs)) return this.#ask(entry, address, 'waits')
      stopped ||= mayStop && hasStopped(one, nowMs)
    }
    return stopped ? this.#ask(entry, address, 'stopped') : undefined
  }

  async #ask<S extends WatchedSession>(
    entry: KernelQueried<S>,
    address: string,
    why: 'waits' | 'stopped',
  ): Promise<void> {
    const askedMs = this.#now()
    this.#asking = true
    try {
      const lossy = await this.#lossy(address, entry.port)
      const lost = new Map(lossy.map((one) => [one.nearPort, one]))
      const nowMs = this.#now()
      for (const watched of entry.sessions) {
        const { session, exchange } = watched
        if (nowMs - exchange.movedMs >= ASK_KERNEL_AFTER_MS) watched.askedAboutMs = exchange.movedMs
        const one = session.nearPort === undefined ? undefined : lost.get(session.nearPort)
        if (one !== undefined) count(entry.tally, watched, one, askedMs)
      }
      if (why === 'stopped') this.#stoppedMs = nowMs + STOPPED_PAUSE_MS
      else {
        const { pauseMs = PAUSE_MS.first } = entry.asks ?? {}
        const next = lost.size > 0 ? PAUSE_MS.first : Math.min(PAUSE_MS.last, pauseMs * 2)
        entry.asks = { pauseMs: next, notBeforeMs: nowMs + next }
      }
    } finally {
      this.#asking = false
    }
  }
}

/** @param atMs When the kernel was asked: what has moved since is not lost. */
function count<S extends WatchedSession>(
  tally: Tally,
  { session, exchange: { askedMs, movedMs, idleMs } }: Watched<S>,
  { is, saw, sentAgoMs = 0 }: Lossy,
  atMs: number,
): void {
  const common = { session: session.id!, user: session.user, saw, atMs }
  if (is === 'gap') {
    if (movedMs <= atMs) tally.lost({ ...common, is: 'gap', sinceMs: movedMs, idleMs: 0 })
  } else if (askedMs !== undefined) tally.lost({ ...common, is: 'lost', idleMs, sentMs: atMs - sentAgoMs })
}
