import type { CarriedGrant } from '../../wire/control.ts'
import type { Open } from '../../wire/open.ts'
import type { HeldGrant } from './tunnel-grants.ts'

interface IndexedSession {
  readonly held: HeldGrant | undefined
  readonly open: Pick<Open, 'protocol' | 'host' | 'port'>
}

/** Sessions whose grant is known, findable by it. */
export class SessionIndex<S extends IndexedSession> {
  readonly #byGrant = new Map<string, Set<S>>()
  #count = 0

  get count(): number {
    return this.#count
  }

  add(session: S): void {
    const id = session.held!.grant.id
    const sessions = this.#byGrant.get(id)
    if (sessions === undefined) this.#byGrant.set(id, new Set([session]))
    else sessions.add(session)
    this.#count++
  }

  remove(session: S): void {
    const id = session.held?.grant.id
    const sessions = id === undefined ? undefined : this.#byGrant.get(id)
    if (id === undefined || sessions?.delete(session) !== true) return
    this.#count--
    if (sessions.size === 0) this.#byGrant.delete(id)
  }

  /** Those that rest on these grants. */
  *of(grants: readonly string[]): Iterable<S> {
    for (const id of grants) yield* this.#byGrant.get(id) ?? []
  }

  /** Sessions open now by segment, most first. */
  bySegment(): { segment: string; segmentName: string; sessions: number }[] {
    const found = new Map<string, { segment: string; segmentName: string; sessions: number }>()
    for (const sessions of this.#byGrant.values()) {
      for (const { held } of sessions) {
        const { segment, segmentName } = held!.grant
        const entry = found.get(segment) ?? { segment, segmentName, sessions: 0 }
        found.set(segment, entry)
        entry.sessions += sessions.size
        break
      }
    }
    return [...found.values()].sort((a, b) => b.sessions - a.sessions)
  }

  /** What still rests on grants that have ended by `nowMs`: an entry for each grant, protocol and port. */
  ended(nowMs: number): CarriedGrant[] {
    const entries = new Map<string, CarriedGrant>()
    for (const sessions of this.#byGrant.values()) {
      for (const { held, open } of sessions) {
        const { id, user, device, segment, rule, expiresMs } = held!.grant
        if (expiresMs > nowMs) break
        const { protocol, host, port } = open
        const key = `${id} ${protocol} ${port}`
        entries.set(key, { grant: id, user, device, segment, rule, protocol, host, port })
      }
    }
    return [...entries.values()]
  }
}
