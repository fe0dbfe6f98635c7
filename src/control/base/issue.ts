/**
 * Leaf certificates: how long they live.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import type { Authority, SignedCertificate } from '../../pki/authority.ts'
import type { Identity, IdentityRole } from '../../pki/identity.ts'

const DAY_MS = 86_400_000
/**
 * A connector may be off for a weekend; a person signs in every day. Agents renew at 2/3. Under the 24 days that a
 * timer can wait: the end of a certificate is one.
 */
const LIFE_MS: Record<IdentityRole, number> = {
  connector: 7 * DAY_MS,
  client: DAY_MS,
  edge: 21 * DAY_MS,
  control: 21 * DAY_MS,
}

/** What certificates count in. */
const SECOND_MS = 1000

interface IssueForOptions {
  readonly names?: string[]
  /** It does not outlive this. */
  readonly untilMs?: number
  /** It takes the place of one that ends then, and is known for the newer one by ending later. */
  readonly afterMs?: number
}

export function issueFor(
  deps: { readonly authority: Authority; readonly clock: Clock },
  identity: Identity,
  csrPem: string,
  { names = [], untilMs = Number.POSITIVE_INFINITY, afterMs = 0 }: IssueForOptions = {},
): Promise<SignedCertificate> {
  const nowMs = deps.clock.nowMs()
  const lifeMs = Math.min(Math.max(LIFE_MS[identity.role], afterMs + SECOND_MS - nowMs), untilMs - nowMs)
  return deps.authority.issue({ csrPem, identity, lifeMs, nowMs, names })
}
