import { Fault } from '../../base/faults.ts'
import { CONTROL_SHARES } from '../../base/share-table/control.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { CarriedGrant } from '../../wire/control.ts'

/** A connector tells every 30 s what it still carries; what it stops telling is over. */
const CARRIED_MS = 120_000
/** Of one connector, each port of each grant: it must not fill this memory with what it does not carry. */
const MAX_CARRIED = 50_000

/** Of one device that may be given out at once; each is a row, and is looked at whenever policy changes. */
export const MAX_OF_DEVICE = 8192
/** Nobody knows which of them is not renewed: that shows in this time. */
const FULL_RETRY_S = 30

/** Sessions of a connector that rest on a grant that has ended, as the connector tells it. */
export interface EndedGrantSessions extends CarriedGrant {
  readonly connector: string
}

/** What a connector says of one grant, by protocol and port. */
type CarriedOfGrant = Map<string, { readonly entry: EndedGrantSessions; readonly untilMs: number }>

/** What it says of all. */
interface CarriedByOne {
  readonly grants: Map<string, CarriedOfGrant>
  /** Entries of all grants. */
  entries: number
}

/**
 * Grants on which sessions may rest: those given out, until a while after their end, and from then on those that a
 * connector says it still carries. Policy is asked again about each whenever something changes, so that taking away
 * a permission cuts what it once allowed. Filled from the store at the start.
 */
export class LiveGrants {
  readonly #byId = new Map<string, IssuedGrant>()
  /** Ids of the same, by device. */
  readonly #byDevice = new Map<string, Set<string>>()
  /** By connector, then by grant. */
  readonly #carried = new Map<string, CarriedByOne>()

  add(grant: IssuedGrant): void {
    this.#byId.set(grant.id, grant)
    const ofDevice = this.#byDevice.get(grant.deviceId)
    if (ofDevice === undefined) this.#byDevice.set(grant.deviceId, new Set([grant.id]))
    else ofDevice.add(grant.id)
  }

  /** @throws {Fault} RATE_LIMITED: this device holds as many as a device may. */
  requireRoom(device: string): void {
    const held = this.#byDevice.get(device)?.size ?? 0
    if (held < MAX_OF_DEVICE) return
    const resource = CONTROL_SHARES.grants.resource
    throw new Fault('RATE_LIMITED', `${resource}: device ${device} holds ${held} and may not hold more`, {
      seen: { resource, by: 'device', principal: device, held, retryAfterS: FULL_RETRY_S },
    })
  }

  remove(id: string): void {
    const grant = this.#byId.get(id)
    if (grant === undefined) return
    this.#byId.delete(id)
    const ofDevice = this.#byDevice.get(grant.deviceId)
    ofDevice?.delete(id)
    if (ofDevice?.size === 0) this.#byDevice.delete(grant.deviceId)
  }

  /** What `connector` says it carries. What is said of a grant that went through another one counts for nothing. */
  carry(connector: string, ended: readonly CarriedGrant[], nowMs: number): void {
    const held: CarriedByOne = this.#carried.get(connector) ?? { grants: new Map(), entries: 0 }
    this.#carried.set(connector, held)
    for (const entry of ended) {
      const issued = this.#byId.get(entry.grant)
      if (issued !== undefined && issued.connectorId !== connector) continue
      const of: CarriedOfGrant = held.grants.get(entry.grant) ?? new Map()
      const key = `${entry.protocol} ${entry.port}`
      if (!of.has(key)) {
        if (held.entries >= MAX_CARRIED) continue
        held.entries++
        held.grants.set(entry.grant, of)
      }
      of.set(key, { entry: { ...entry, connector }, untilMs: nowMs + CARRIED_MS })
    }
  }

  /** The connector cuts what rests on `grant`. */
  dropCarried(connector: string, grant: string): void {
    const held = this.#carried.get(connector)
    const of = held?.grants.get(grant)
    if (held === undefined || of === undefined) return
    held.grants.delete(grant)
    held.entries -= of.size
  }

  /** All given out on which sessions may rest at `nowMs`; forgets the rest. */
  *at(nowMs: number): Iterable<IssuedGrant> {
    for (const [id, grant] of this.#byId) {
      if (grant.expiresMs + CARRIED_MS > nowMs) yield grant
      else this.remove(id)
    }
  }

  /** All that connectors carry; forgets what they have not told of for a while. */
  *carriedAt(nowMs: number): Iterable<EndedGrantSessions> {
    for (const [connector, held] of this.#carried) {
      for (const [grant, of] of held.grants) {
        for (const [key, { entry, untilMs }] of of) {
          if (untilMs > nowMs) yield entry
          else if (of.delete(key) && held.grants.get(grant) === of) held.entries--
        }
        if (of.size === 0 && held.grants.get(grant) === of) held.grants.delete(grant)
      }
      if (held.grants.size === 0) this.#carried.delete(connector)
    }
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  get(id: string): IssuedGrant | undefined {
    return this.#byId.get(id)
  }

  /** Grants of this device that lead to this connector and have not ended. */
  *between(device: string, connector: string, nowMs: number): Iterable<IssuedGrant> {
    for (const id of this.#byDevice.get(device) ?? []) {
      const grant = this.#byId.get(id)
      if (grant !== undefined && grant.connectorId === connector && grant.expiresMs > nowMs) yield grant
    }
  }
}
