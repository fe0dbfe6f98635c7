import type { IssuedGrant } from '../../store/revocations.ts'

/**
 * Grants that have been given out and have not ended. Policy is asked again about each whenever something
 * changes, so that taking away a permission cuts what it once allowed. Filled from the store at the start.
 */
export class LiveGrants {
  readonly #byId = new Map<string, IssuedGrant>()

  add(grant: IssuedGrant): void {
    this.#byId.set(grant.id, grant)
  }

  remove(id: string): void {
    this.#byId.delete(id)
  }

  /** All that live at `nowMs`; forgets the rest. */
  at(nowMs: number): IssuedGrant[] {
    const live: IssuedGrant[] = []
    for (const [id, grant] of this.#byId) {
      if (grant.expiresMs > nowMs) live.push(grant)
      else this.#byId.delete(id)
    }
    return live
  }

  /** Does this device hold a way to this connector? */
  between(device: string, connector: string, nowMs: number): boolean {
    for (const grant of this.#byId.values()) {
      if (grant.deviceId === device && grant.connectorId === connector && grant.expiresMs > nowMs) return true
    }
    return false
  }
}
