import { rfc3339 } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import type { LivePresence } from './deps.ts'

/** For a look-up that found nothing: of an agent that was deleted, whether it still comes. */
export function stillKnocks(presence: Pick<LivePresence, 'absence'>): (error: unknown) => never {
  return (error) => {
    const { code, detail, seen } = asFault(error)
    const refused = typeof seen.id === 'string' ? presence.absence(seen.id).refused : undefined
    if (code !== 'NOT_FOUND' || refused === undefined) throw error
    const { times, atMs, address } = refused
    const knocks = `${times === 1 ? 'once' : `${times} times`}, last at ${rfc3339(atMs)} from ${address}`
    throw new Fault(code, `${detail}; it still knocks: ${knocks}`, { seen: { ...seen, knocks } })
  }
}
