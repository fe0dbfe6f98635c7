import type { Exchange } from '../policy/exchange.ts'
import { hostPort } from './egress.ts'

/** Shorter pauses are those of whoever reads a page. */
const STILL_MS = 30_000
const MAX_STILL = 5

/** Sessions of one application in which something had come, and then nothing: idle, or in the middle; nobody here knows. */
export interface StillSessions {
  readonly application: string
  readonly sessions: number
  readonly users: number
  /** The shortest and the longest time since a byte moved. */
  readonly stillS: readonly [number, number]
}

interface Watched {
  readonly session: { readonly user: string }
  readonly exchange: Pick<Exchange, 'isQuiet' | 'movedMs'>
}

interface Entry {
  readonly application: { readonly host: string; readonly port: number }
  readonly sessions: Iterable<Watched>
}

/** Where most sessions stand still, first. */
export function stillSessions(entries: Iterable<Entry>, nowMs: number): StillSessions[] {
  return [...entries]
    .flatMap((entry) => stillOf(entry, nowMs) ?? [])
    .sort((a, b) => b.sessions - a.sessions)
    .slice(0, MAX_STILL)
}

function stillOf({ application, sessions }: Entry, nowMs: number): StillSessions | undefined {
  const quiet = [...sessions].filter(
    ({ exchange }) => exchange.isQuiet && nowMs - exchange.movedMs >= STILL_MS,
  )
  if (quiet.length === 0) return undefined
  const stillS = quiet.map(({ exchange }) => Math.floor((nowMs - exchange.movedMs) / 1000))
  const [least, most] = [stillS.reduce((a, b) => Math.min(a, b)), stillS.reduce((a, b) => Math.max(a, b))]
  const users = new Set(quiet.map(({ session }) => session.user)).size
  return { application: hostPort(application), sessions: quiet.length, users, stillS: [least, most] }
}
