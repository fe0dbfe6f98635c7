/** Names that clients send straight to the internet, without a tunnel. The same for every client. */
import { z } from 'zod'
import { MAX_HOST_CHARS } from './limits.ts'

export const MAX_LANE_PATTERNS = 2000
const pattern = z.string().min(1).max(MAX_HOST_CHARS)

export const lanes = z.strictObject({
  /** Patterns of internet rules, with the name of the rule. */
  bypass: z.array(z.strictObject({ pattern, rule: z.string().max(128) })).max(MAX_LANE_PATTERNS),
  /** Patterns of segments that are at least as specific as one of them: those stay private. */
  claimed: z.array(pattern).max(MAX_LANE_PATTERNS),
})
export type Lanes = z.infer<typeof lanes>

/** To clients, when it changes. */
export const lanesChanged = z.strictObject({ type: z.literal('lanes'), lanes })
