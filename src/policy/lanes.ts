/**
 * Two lanes: through a tunnel to a private application, or straight to the internet. The most specific name decides,
 * as it does among segments; where both lanes name a host alike, the private one wins, for what was meant to stay
 * inside must not leave by a slip.
 *
 * @module
 */
import { patternRank } from './segment.ts'

/** What decides, of one configuration. */
export interface LaneRules {
  /** Host patterns that internet rules name, and the rule that names each. */
  readonly bypass: readonly { readonly pattern: string; readonly rule: string }[]
  /** Host patterns of segments that are as specific as one of `bypass`, or more. */
  readonly claimed: readonly string[]
}

export type Lane =
  /** No internet rule has a say. */
  | { readonly is: 'private' }
  | { readonly is: 'bypass'; readonly pattern: string; readonly rule: string }
  /** Named alike by both: private. */
  | { readonly is: 'both'; readonly pattern: string; readonly rule: string }

export const NO_LANES: LaneRules = { bypass: [], claimed: [] }

/** @param host Canonical. An address is in no internet rule. */
export function laneOf(host: string, { bypass, claimed }: LaneRules): Lane {
  let best = 0
  let by: { pattern: string; rule: string } | undefined
  for (const one of bypass) {
    const rank = patternRank(one.pattern, host)
    if (rank <= best) continue
    best = rank
    by = one
  }
  if (by === undefined) return PRIVATE
  const { pattern, rule } = by
  let is: Lane['is'] = 'bypass'
  for (const other of claimed) {
    const rank = patternRank(other, host)
    if (rank > best) return PRIVATE
    if (rank === best) is = 'both'
  }
  return { is, pattern, rule }
}

const PRIVATE: Lane = { is: 'private' }

/** Wildcards that cover a pattern and more, nearest first: of `a.b.example` `*.b.example` and `*.example`. */
export function widerPatterns(pattern: string): string[] {
  const wider: string[] = []
  const start = pattern.startsWith('*.') ? 2 : 0
  for (let dot = pattern.indexOf('.', start); dot >= 0; dot = pattern.indexOf('.', dot + 1)) {
    wider.push(`*${pattern.slice(dot)}`)
  }
  return wider
}
