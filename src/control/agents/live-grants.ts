import type { IssuedGrant } from '../../store/revocations.ts'
import type { CarriedGrant } from '../../wire/control.ts'

/** A connector tells every 30 s what it still carries; what it stops telling is over. */
const CARRIED_MS = 120_000
/** Of one connector: it tells of what it carries, and must not fill this memory with what it does not. */
const MAX_CARRIED = 50_000

/** Sessions of a connector that rest on a grant that has ended, as the connector tells it. */
export interface Carried extends CarriedGrant {
  readonly connector: string
}

/**
 * Grants on which sessions may rest: those given out, until a while after their end, and from then on those that a
 * connector says it still carries. Policy is asked again about each whenever something changes, so that taking away
 * a permission cuts what it once allowed. Filled from the store at the start.
 */
export class LiveGrants {
  readonly #byId = new Map<string, IssuedGrant>()
  /** By connector, then by grant, protocol and port. */
  readonly #carried = new Map<string, Map<string, { entry: Carried; untilMs: number }>>()

  add(grant: IssuedGrant): void {
    this.#byId.set(grant.id, grant)
  }

  remove(id: string): void {
    this.#byId.delete(id)
  }

  /** What `connector` says it carries. What is said of a grant that went through another one counts for nothing. */
  carry(connector: string, ended: readonly CarriedGrant[], nowMs: number): void {
    const held = this.#carried.get(connector) ?? new Map<string, { entry: Carried; untilMs: number }>()
    this.#carried.set(connector, held)
    for (const entry of ended) {
      const issued = this.#byId.get(entry.grant)
      if (issued !== undefined && issued.connectorId !== connector) continue
      const key = `${entry.grant} ${entry.protocol} ${entry.port}`
      if (held.size >= MAX_CARRIED && !held.has(key)) continue
      held.set(key, { entry: { ...entry, connector }, untilMs: nowMs + CARRIED_MS })
    }
  }

  /** The connector cuts what rests on `grant`. */
  dropCarried(connector: string, grant: string): void {
    const held = this.#carried.get(connector)
    for (const [key, { entry }] of held ?? []) if (entry.grant === grant) held!.delete(key)
  }

  /** All given out on which sessions may rest at `nowMs`; forgets the rest. */
  at(nowMs: number): IssuedGrant[] {
    const live: IssuedGrant[] = []
    for (const [id, grant] of this.#byId) {
      if (grant.expiresMs + CARRIED_MS > nowMs) live.push(grant)
      else this.#byId.delete(id)
    }
    return live
  }

  /** All that connectors carry; forgets what they have not told of for a while. */
  carriedAt(nowMs: number): Carried[] {
    const carried: Carried[] = []
    for (const [connector, held] of this.#carried) {
      for (const [key, { entry, untilMs }] of held) {
        if (untilMs > nowMs) carried.push(entry)
        else held.delete(key)
      }
      if (held.size === 0) this.#carried.delete(connector)
    }
    return carried
  }

  /** Does this device hold a way to this connector? */
  between(device: string, connector: string, nowMs: number): boolean {
    for (const grant of this.#byId.values()) {
      if (grant.deviceId === device && grant.connectorId === connector && grant.expiresMs > nowMs) return true
    }
    return false
  }
}
