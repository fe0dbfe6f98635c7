/**
 * Rotation of signing keys, so that no verifier ever meets a token whose key it has not been told of.
 *
 *     made ──ahead──▶ signs ──signFor──▶ successor signs ──verifyFor──▶ gone
 *     └─────────────── published to every verifier ───────────────────┘
 *
 * A key is published before it signs, because verifiers learn of it over their own connections, later than the client
 * that brings a token; and it is published after it signed, until the last token it signed has ended.
 *
 * @module
 */
import { newSigningKey, type SigningKey } from './signing-keys.ts'

export interface RingKey {
  readonly key: SigningKey
  /** Unix milliseconds. */
  readonly madeMs: number
}

/** Newest first, never empty after the first rotateKeys. */
export type KeyRing = readonly RingKey[]

export interface RotationTimes {
  /** How long a key signs. */
  readonly signForMs: number
  /** How long it is published before it signs: longer than a verifier may be without news. */
  readonly aheadMs: number
  /** How long it is published after it signed: longer than any token lives. */
  readonly verifyForMs: number
}

const DAY_MS = 86_400_000
export const ROTATION: RotationTimes = { signForMs: 7 * DAY_MS, aheadMs: 3_600_000, verifyForMs: 3_600_000 }

/** The ring as it should be at `nowMs`: the same object if nothing is due. The caller stores and publishes a changed one. */
export function rotateKeys(ring: KeyRing, nowMs: number, times: RotationTimes = ROTATION): KeyRing {
  const newest = ring[0]
  const due = newest === undefined || nowMs >= newest.madeMs + times.signForMs
  const kept = ring.filter((_, i) => i === 0 || !isOver(ring[i - 1]!, nowMs, times))
  if (!due) return kept.length === ring.length ? ring : kept
  return [{ key: newSigningKey(nowMs), madeMs: nowMs }, ...kept]
}

/** The newest key that has been published long enough; the only one, if there is one only. */
export function signerOf(ring: KeyRing, nowMs: number, times: RotationTimes = ROTATION): SigningKey {
  const ready = ring.find(({ madeMs }) => nowMs >= madeMs + times.aheadMs) ?? ring.at(-1)
  if (ready === undefined) throw new RangeError('Cannot sign as the key ring must have a key: got none')
  return ready.key
}

/** True once `successor` has signed for so long that no token of the key before it can live. */
function isOver(successor: RingKey, nowMs: number, times: RotationTimes): boolean {
  return nowMs >= successor.madeMs + times.aheadMs + times.verifyForMs
}
