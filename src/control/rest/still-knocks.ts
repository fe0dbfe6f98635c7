import { rfc3339 } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import type { LivePresence } from './deps.ts'

/** For a look-up that found nothing: of an agent that was deleted, whether it still comes. */
export function stillKnocks(presence: Pick<LivePresence, 'absence'>): (error: unknown) => never {
  return withKnocks((id) => {
    const { refused } = presence.absence(id)
    return refused && { what: 'it still tries to connect', ...refused, from: refused.address }
  })
}

/** The same of a provisioning key that was deleted: whether a machine still presents it. */
export function stillComes(presence: Pick<LivePresence, 'keyRefusal'>): (error: unknown) => never {
  return withKnocks((id) => {
    const refused = presence.keyRefusal(id)
    return (
      refused && {
        ...{ what: 'a machine still presents it', ...refused },
        from: `${refused.address} (${refused.host})`,
      }
    )
  })
}

interface Knocks {
  readonly what: string
  readonly times: number
  readonly atMs: number
  readonly from: string
}

function withKnocks(of: (id: string) => Knocks | undefined): (error: unknown) => never {
  return (error) => {
    const { code, detail, seen } = asFault(error)
    const found = typeof seen.id === 'string' ? of(seen.id) : undefined
    if (code !== 'NOT_FOUND' || found === undefined) throw error
    const { what, times, atMs, from } = found
    const knocks = `${times === 1 ? 'once' : `${times} times`}, last at ${rfc3339(atMs)} from ${from}`
    throw new Fault(code, `${detail}; ${what}: ${knocks}`, { seen: { ...seen, knocks } })
  }
}
