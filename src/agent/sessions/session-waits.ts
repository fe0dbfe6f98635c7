/**
 * Which of the sessions of an application have asked, are open, and have had no byte at all: whoever uses them waits. At a
 * client one counts only once the way to the other end of its stream is known to stand; without that way nobody could be
 * answered.
 *
 * @module
 */
import type { WaitingSession } from '../../policy/long-waits.ts'
import { movedIn, programEnded, type Side, type Watched, type WatchedSession } from './watched-session.ts'

export class SessionWaits<S extends WatchedSession> {
  readonly #side: Side
  readonly #stands: ((session: S) => Promise<unknown>) | undefined

  constructor({ side, stands }: { side: Side; stands?: (session: S) => Promise<unknown> }) {
    this.#side = side
    this.#stands = stands
  }

  /** @param leastMs Whoever has waited for less does not wait yet. */
  look(watched: Watched<S>, nowMs: number, leastMs: number): void {
    const waiting = this.#in(watched)
    if (waiting === undefined) watched.waits = 'no'
    else if (watched.waits === 'no' && nowMs - waiting.askedMs >= leastMs) {
      watched.waits = this.#stands === undefined ? 'yes' : 'unsure'
      const is = (waits: 'yes' | 'no') => () => {
        if (watched.waits === 'unsure') watched.waits = waits
      }
      this.#stands?.(watched.session).then(is('yes'), is('no'))
    }
  }

  /** Whoever asked first, first. */
  of(sessions: Iterable<Watched<S>>): WaitingSession[] {
    const all: WaitingSession[] = []
    for (const watched of sessions) {
      const waiting = watched.waits === 'yes' || watched.waits === 'told' ? this.#in(watched) : undefined
      if (waiting !== undefined) all.push(waiting)
    }
    return all.sort((a, b) => a.askedMs - b.askedMs)
  }

  /** Of those that have waited for `long` the ones that were not given before. */
  *untold(sessions: Iterable<Watched<S>>, long: readonly WaitingSession[]): Iterable<S> {
    const lastMs = long.at(-1)?.askedMs ?? Number.NEGATIVE_INFINITY
    for (const watched of sessions) {
      const waiting = watched.waits === 'yes' ? this.#in(watched) : undefined
      if (waiting === undefined || waiting.askedMs > lastMs) continue
      watched.waits = 'told'
      yield watched.session
    }
  }

  #in({ flow, exchange: { askedMs }, session, stream, counted }: Watched<S>): WaitingSession | undefined {
    if (flow !== undefined || askedMs === undefined || counted || programEnded(stream, this.#side))
      return undefined
    const { up, down } = movedIn(stream, this.#side)
    return down > 0 ? undefined : { user: session.user, askedMs, upBytes: up }
  }
}
