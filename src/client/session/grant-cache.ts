/**
 * Grants the control plane has given, by the exact destination it was asked for.
 *
 * Why exact: which segment owns a destination depends on every segment there is (the most specific one wins, and
 * its ports decide), and the client knows only those it was granted. `*.example.com:443` says nothing of
 * `pay.example.com:443`, which may be a segment of its own, denied to this user. So a grant is used again only for
 * a destination the control plane has answered for; a new one costs one question, then nothing for minutes.
 *
 * A grant ends by the clock of the control plane. It is held against both clocks of this machine: the monotonic
 * one, which a person cannot set back, and the wall clock, which goes on while a laptop sleeps.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import { CLIENT_NUMBERS, sessionId } from '../../base/session-id.ts'
import type { ControlMessage } from '../../wire/control.ts'
import { grantReference } from '../../wire/open.ts'
import type { Destination } from '../address/destination.ts'

export type Granted = Extract<ControlMessage, { type: 'granted' }>

/** What is asked of the session that was begun with a grant last. */
export interface LatestSession {
  readonly start: { readonly to: Destination; readonly startedUs: number }
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface CachedGrant {
  readonly granted: Granted
  /** When it came, by the clock of this machine. */
  readonly atMs: number
  /** How OPEN names it (wire/open.ts). */
  readonly reference: string
  readonly to: Destination
  readonly endUs: number
  readonly endWallMs: number
  readonly renewUs: number
  /** What to add to this machine's clock for the ids of its sessions. */
  readonly skewMs: number
  /** Sessions that have an id of it; the first is that of the answer. */
  sessions: number
  /** Has a session used it since it came: only those are renewed. */
  used: boolean
  renewing: boolean
  /** The session that was begun with it last. */
  latest?: LatestSession
}

/** Destinations held at once: a port scan through the proxy must not grow the client. */
const MAX_GRANTS = 4096
/** A grant this close to its end is not begun with: the frame has yet to travel. */
const MARGIN_MS = 2000
const RENEW_AT = 2 / 3
/** A difference that the way to the control plane may have made: two clocks that are set are not told apart by it. */
const SAME_CLOCK_MS = 1000

export class GrantCache {
  readonly #clock: Clock
  readonly #byDestination = new Map<string, CachedGrant>()
  readonly #connectorNames = new Map<string, string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#byDestination.size
  }

  /** What people call it, where the control plane has said so. */
  connectorName(id: string): string | undefined {
    return this.#connectorNames.get(id)
  }

  values(): Iterable<CachedGrant> {
    return this.#byDestination.values()
  }

  /** The live grant for exactly this destination. */
  find(key: string): CachedGrant | undefined {
    const grant = this.#byDestination.get(key)
    if (grant === undefined) return undefined
    const ended = this.#clock.monotonicUs() >= grant.endUs || this.#clock.nowMs() >= grant.endWallMs
    if (ended || grant.sessions >= CLIENT_NUMBERS) {
      this.#byDestination.delete(key)
      return undefined
    }
    grant.used = true
    return grant
  }

  /** An id for one more session of this grant, that no other session has. */
  nextSession(grant: CachedGrant): string {
    const { granted, skewMs } = grant
    const of = { id: granted.grantId, expiresMs: granted.expiresMs }
    return sessionId(of, grant.sessions++, this.#clock.nowMs() + skewMs)
  }

  /** @param skewMs What to add to this machine's clock to have the control plane's. */
  put(to: Destination, granted: Granted, skewMs: number): CachedGrant {
    const { connector, connectorName } = granted
    if (connectorName !== undefined) this.#connectorNames.set(connector, connectorName)
    const nowMs = this.#clock.nowMs()
    const nowUs = this.#clock.monotonicUs()
    const lifeMs = Math.max(0, granted.expiresMs - (nowMs + skewMs))
    const grant: CachedGrant = {
      granted,
      atMs: nowMs,
      reference: grantReference(granted.grant),
      to,
      endUs: nowUs + (lifeMs - MARGIN_MS) * 1000,
      endWallMs: nowMs + lifeMs - MARGIN_MS,
      renewUs: nowUs + lifeMs * RENEW_AT * 1000,
      skewMs: Math.abs(skewMs) < SAME_CLOCK_MS ? 0 : skewMs,
      sessions: 1,
      used: false,
      renewing: false,
    }
    this.#byDestination.delete(to.key)
    this.#byDestination.set(to.key, grant)
    if (this.#byDestination.size > MAX_GRANTS) this.#evict()
    return grant
  }

  /** Forgets this grant, unless a newer one has taken its place. */
  drop(grant: CachedGrant): void {
    if (this.#byDestination.get(grant.to.key) === grant) this.#byDestination.delete(grant.to.key)
  }

  /** Forgets what was revoked. */
  revoke(ids: readonly string[]): void {
    const gone = new Set(ids)
    for (const grant of this.#byDestination.values()) if (gone.has(grant.granted.grantId)) this.drop(grant)
  }

  /**
   * Forgets every way to this connector, so that the next session asks which one to take.
   *
   * @returns A destination in use that led there, if there is one.
   */
  dropConnector(connector: string): Destination | undefined {
    let inUse: Destination | undefined
    for (const grant of this.#byDestination.values()) {
      if (grant.granted.connector !== connector) continue
      if (grant.used) inUse = grant.to
      this.drop(grant)
    }
    return inUse
  }

  clear(): void {
    this.#byDestination.clear()
  }

  /** Those in use that have lived two thirds, each once; forgets those that have ended. */
  dueForRenewal(): CachedGrant[] {
    const nowUs = this.#clock.monotonicUs()
    const nowMs = this.#clock.nowMs()
    const due: CachedGrant[] = []
    for (const grant of this.#byDestination.values()) {
      if (nowUs >= grant.endUs || nowMs >= grant.endWallMs) this.drop(grant)
      else if (nowUs >= grant.renewUs && grant.used && !grant.renewing) due.push(grant)
    }
    return due
  }

  /** Makes room: an unused one if there is any among the oldest, else the oldest. */
  #evict(): void {
    let looked = 0
    let victim: CachedGrant | undefined
    for (const grant of this.#byDestination.values()) {
      victim ??= grant
      if (!grant.used) victim = grant
      if (!grant.used || ++looked >= 64) break
    }
    if (victim !== undefined) this.drop(victim)
  }
}
