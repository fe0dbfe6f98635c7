/**
 * Grants that clients brought into their tunnels, verified once each; and those that were revoked since.
 *
 * @module
 */

import type { KnownKeys } from '../../agent/identity/known-keys.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { type Grant, verifyGrant } from '../../pki/grant.ts'
import { grantReference } from '../../wire/open.ts'
import { GrantScope } from '../dial/grant-scope.ts'
import { GrantTotals } from './connector-session-totals.ts'
import { NumbersOfGrants, type SessionNumbers } from './session-numbers.ts'

/** Grants one tunnel may hold; the oldest makes room. */
const MAX_PER_TUNNEL = 1024
/** Above this the revoked ids are pruned of those whose grants have ended by themselves. */
const MAX_REVOKED = 20_000
/** Longer than any grant lives. */
const REVOKED_KEEP_MS = 3_600_000

/** What the control plane says about grants: replaced as a whole on each welcome, added to in between. */
export class GrantAuthority {
  /** Of all tunnels. */
  readonly totals = new GrantTotals()
  readonly #numbers = new NumbersOfGrants()
  readonly #madeMs = performance.now()
  /** When this process began, by the clock of control; not known before the first welcome. */
  #startedMs: number | undefined
  readonly known: KnownKeys
  readonly #revoked = new Map<string, number>()

  constructor(known: KnownKeys) {
    this.known = known
  }

  /** @param serverTimeMs Of a welcome: the first says when this process began. */
  welcomed(serverTimeMs: number): void {
    this.#startedMs ??= serverTimeMs - (performance.now() - this.#madeMs)
  }

  /** What an earlier process has opened with a grant from before the start is not known here. */
  numbersOf(grant: Grant, nowMs: number): SessionNumbers {
    return this.#numbers.of(grant, nowMs, this.#startedMs !== undefined && grant.issuedMs < this.#startedMs)
  }

  replaceRevoked(ids: readonly string[], nowMs: number): void {
    this.#revoked.clear()
    this.revoke(ids, nowMs)
  }

  revoke(ids: readonly string[], nowMs: number): void {
    for (const id of ids) this.#revoked.set(id, nowMs + REVOKED_KEEP_MS)
    if (this.#revoked.size <= MAX_REVOKED) return
    for (const [id, untilMs] of this.#revoked) if (untilMs < nowMs) this.#revoked.delete(id)
  }

  get revoked(): readonly string[] {
    return [...this.#revoked.keys()]
  }

  isRevoked(id: string): boolean {
    return this.#revoked.has(id)
  }
}

export interface HeldGrant {
  readonly grant: Grant
  readonly scope: GrantScope
  readonly numbers: SessionNumbers
}

/** The grants of one tunnel. A grant is bound to the certificate of the client, so to its tunnels. */
export class TunnelGrants {
  readonly #authority: GrantAuthority
  readonly #expect: { tenant: string; connector: string; thumbprint: string }
  readonly #held = new Map<string, HeldGrant | Fault | Promise<HeldGrant>>()

  constructor(authority: GrantAuthority, expect: { tenant: string; connector: string; thumbprint: string }) {
    this.#authority = authority
    this.#expect = expect
  }

  /** Begins to verify; sessions that name the grant meanwhile wait for it. */
  receive(jws: string, nowMs: number): void {
    const reference = grantReference(jws)
    if (this.#held.has(reference) && !(this.#held.get(reference) instanceof Fault)) return
    if (this.#held.size >= MAX_PER_TUNNEL) this.#held.delete(this.#held.keys().next().value!)
    const verified = verifyGrant(this.#authority.known.keys, jws, { ...this.#expect, nowMs }).then(
      (grant) => {
        return { grant, scope: new GrantScope(grant), numbers: this.#authority.numbersOf(grant, nowMs) }
      },
    )
    this.#held.set(reference, verified)
    const settle = (result: HeldGrant | Fault) => {
      if (this.#held.get(reference) === verified) this.#held.set(reference, result)
    }
    const { totals } = this.#authority
    verified.then(
      (held) => {
        totals.verified++
        settle(held)
      },
      (error: unknown) => {
        const fault = asFault(error, 'GRANT_INVALID')
        totals.refusedBy.add(fault.code)
        settle(fault)
      },
    )
  }

  /**
   * The grant that an OPEN names, at once unless it is being verified.
   *
   * @throws {Fault} GRANT_INVALID, also by rejection.
   */
  find(reference: string): HeldGrant | Promise<HeldGrant> {
    const found = this.#held.get(reference)
    if (found === undefined) throw new Fault('GRANT_INVALID', 'no such grant was presented in this tunnel')
    if (found instanceof Fault) throw found
    return found
  }

  /** @throws {Fault} GRANT_EXPIRED or GRANT_REVOKED: asked for each session, as time goes on. */
  checkNow({ grant }: HeldGrant, nowMs: number): void {
    if (nowMs >= grant.expiresMs) {
      throw new Fault('GRANT_EXPIRED', `it expired ${nowMs - grant.expiresMs} ms ago`, {
        seen: { grantId: grant.id, expiresMs: grant.expiresMs, nowMs },
      })
    }
    if (this.#authority.isRevoked(grant.id)) {
      throw new Fault('GRANT_REVOKED', `grant for segment ${grant.segmentName}`, {
        seen: { grantId: grant.id },
      })
    }
  }
}
