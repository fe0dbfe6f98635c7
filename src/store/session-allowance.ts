/**
 * How many sessions one end alone may put on record, by device: what both ends tell of has happened, what one tells alone
 * is its word. Each such session takes a token, and gives it back when the other end tells of it, too; so whoever opens a
 * thousand in a second through an honest connector never meets the limit, and who makes them up soon does.
 *
 * @module
 */
import type { SessionReport } from '../wire/control.ts'

type ReportSide = SessionReport['side']

interface Limit {
  readonly most: number
  readonly perSecond: number
}

/**
 * A connector may be cut off while sessions end by the thousand, so there is room for minutes of what one device can do. A
 * connector serves many devices: what it says of one takes nothing from another.
 */
export const ALLOWANCE: Readonly<Record<ReportSide, Limit>> = {
  client: { most: 50_000, perSecond: 20 },
  connector: { most: 250_000, perSecond: 200 },
}
/**
 * The first sessions of each grant are on record whatever else the device does, once the connector tells of them: else a
 * flood of others would hide where it went.
 */
export const FREE_OF_GRANT = 1000
/** Grants whose sessions are counted. */
const MAX_GRANTS = 50_000
/** That a device is over its limit is said this often. */
const SAY_MS = 60_000

interface Bucket {
  level: number
  atMs: number
}

export class SessionAllowance {
  readonly #nowMs: () => number
  /** By side and device; none is full. */
  readonly #buckets = new Map<string, Bucket>()
  readonly #ofGrant = new Map<string, number>()
  /** By device: what was given up, since the start and since it was said last. */
  readonly #shed = new Map<string, { count: number; unsaid: number; saidMs: number }>()

  /** @param nowMs Monotonic. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** For one write: counts when it is durable, and not before. */
  draft(): Draft {
    return new Draft(
      (side, device) => this.#level(side, device),
      (grant) => this.#ofGrant.get(grant) ?? 0,
      (taken, grants) => this.#commit(taken, grants),
    )
  }

  /** @returns how many more to say of this device, or nothing while it was said a moment ago. */
  shed(device: string, count: number): number | undefined {
    const nowMs = this.#nowMs()
    const known = this.#shed.get(device) ?? { count: 0, unsaid: 0, saidMs: Number.NEGATIVE_INFINITY }
    this.#shed.set(device, known)
    known.count += count
    known.unsaid += count
    if (nowMs - known.saidMs < SAY_MS) return undefined
    const { unsaid } = known
    known.unsaid = 0
    known.saidMs = nowMs
    return unsaid
  }

  /** Since the start. */
  shedOf(device: string): number {
    return this.#shed.get(device)?.count ?? 0
  }

  #level(side: ReportSide, device: string): number {
    const { most, perSecond } = ALLOWANCE[side]
    const bucket = this.#buckets.get(`${side} ${device}`)
    if (bucket === undefined) return most
    return Math.min(most, bucket.level + ((this.#nowMs() - bucket.atMs) / 1000) * perSecond)
  }

  #commit(taken: ReadonlyMap<string, Taken>, grants: ReadonlyMap<string, number>): void {
    for (const [key, { side, device, count }] of taken) {
      const level = this.#level(side, device) - count
      if (level >= ALLOWANCE[side].most) this.#buckets.delete(key)
      else this.#buckets.set(key, { level, atMs: this.#nowMs() })
    }
    for (const [grant, count] of grants) {
      this.#ofGrant.set(grant, (this.#ofGrant.get(grant) ?? 0) + count)
      if (this.#ofGrant.size > MAX_GRANTS) this.#ofGrant.delete(this.#ofGrant.keys().next().value!)
    }
  }
}

interface Taken {
  readonly side: ReportSide
  readonly device: string
  count: number
}

export class Draft {
  readonly #level: (side: ReportSide, device: string) => number
  readonly #ofGrant: (grant: string) => number
  readonly #done: (taken: ReadonlyMap<string, Taken>, grants: ReadonlyMap<string, number>) => void
  readonly #taken = new Map<string, Taken>()
  readonly #grants = new Map<string, number>()

  constructor(
    level: (side: ReportSide, device: string) => number,
    ofGrant: (grant: string) => number,
    done: (taken: ReadonlyMap<string, Taken>, grants: ReadonlyMap<string, number>) => void,
  ) {
    this.#level = level
    this.#ofGrant = ofGrant
    this.#done = done
  }

  /** May this end put one more session of the device on record? */
  first(side: ReportSide, device: string, grant: string): boolean {
    if (side === 'connector') {
      const told = this.#grants.get(grant) ?? 0
      this.#grants.set(grant, told + 1)
      if (this.#ofGrant(grant) + told < FREE_OF_GRANT) return true
    }
    const taken = this.#of(side, device)
    if (this.#level(side, device) - taken.count < 1) return false
    taken.count++
    return true
  }

  /** The other end tells of it, too. @param side Who told first. */
  both(side: ReportSide, device: string): void {
    this.#of(side, device).count--
  }

  commit(): void {
    this.#done(this.#taken, this.#grants)
  }

  #of(side: ReportSide, device: string): Taken {
    const key = `${side} ${device}`
    const known = this.#taken.get(key)
    if (known !== undefined) return known
    const taken = { side, device, count: 0 }
    this.#taken.set(key, taken)
    return taken
  }
}
