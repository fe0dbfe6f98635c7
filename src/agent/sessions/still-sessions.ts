import { hostPort } from '../../base/host-port.ts'
import type { Exchange } from '../../policy/exchange.ts'
import type { WaitingSession } from '../../policy/long-waits.ts'

/** Shorter pauses are those of whoever reads a page. */
const STILL_MS = 30_000
const MAX_STILL = 5

/**
 * Sessions of one application in which nothing moves: something had come, and then nothing, which is idle or stands in the
 * middle, and nobody here knows; or they wait for their first byte.
 */
export interface StillSessions {
  readonly application: string
  readonly sessions: number
  readonly users: number
  /** The shortest and the longest time since a byte moved. */
  readonly stillS: readonly [number, number]
}

interface ApplicationAt {
  readonly application: { readonly host: string; readonly port: number }
}

interface WatchedExchange {
  readonly session: { readonly user: string }
  readonly exchange: Pick<Exchange, 'isQuiet' | 'movedMs'>
}

/** Where most sessions stand still, first. */
export function stillSessions(
  entries: Iterable<ApplicationAt & { readonly sessions: Iterable<WatchedExchange> }>,
  nowMs: number,
): StillSessions[] {
  return mostFirst(
    [...entries].flatMap(({ application, sessions }) => {
      const quiet = [...sessions].filter(
        ({ exchange }) => exchange.isQuiet && nowMs - exchange.movedMs >= STILL_MS,
      )
      const since = quiet.map(({ session: { user }, exchange: { movedMs } }) => ({ user, sinceMs: movedMs }))
      return stillOf(application, since, nowMs)
    }),
  )
}

/** Where most wait for their first byte, first. */
export function waitingSessions(
  entries: readonly (ApplicationAt & { readonly waiting: readonly WaitingSession[] })[],
  nowMs: number,
): StillSessions[] {
  return mostFirst(
    entries.flatMap(({ application, waiting }) => {
      const since = waiting.map(({ user, askedMs }) => ({ user, sinceMs: askedMs }))
      return stillOf(application, since, nowMs)
    }),
  )
}

function mostFirst(all: StillSessions[]): StillSessions[] {
  return all.sort((a, b) => b.sessions - a.sessions).slice(0, MAX_STILL)
}

function stillOf(
  application: ApplicationAt['application'],
  sessions: readonly { readonly user: string; readonly sinceMs: number }[],
  nowMs: number,
): StillSessions[] {
  if (sessions.length === 0) return []
  const stillS = sessions.map(({ sinceMs }) => Math.floor((nowMs - sinceMs) / 1000))
  const [least, most] = [stillS.reduce((a, b) => Math.min(a, b)), stillS.reduce((a, b) => Math.max(a, b))]
  const users = new Set(sessions.map(({ user }) => user)).size
  return [{ application: hostPort(application), sessions: sessions.length, users, stillS: [least, most] }]
}
