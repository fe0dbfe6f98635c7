/**
 * A shard of an edge: 0 to 255. The control plane chooses one for each pipe, so that an edge that carries in several
 * processes can give both halves to the same of them before it knows anything else: whoever brings a half names its shard
 * in the ClientHello, and the ticket must say the same. Spec: docs/protocol.md, "Shards".
 *
 * @module
 */
import { z } from 'zod'

export const SHARDS = 256
/** In the `knows` of a hello: takes tickets with a shard. */
export const KNOWS_SHARDS = 'shards'

export const shard = z
  .number()
  .int()
  .min(0)
  .max(SHARDS - 1)

const PREFIX = 'backstitch-shard/'

/** Offered beside `backstitch-pipe/1`; never chosen. */
export function alpnOfShard(number: number): string {
  return `${PREFIX}${number.toString(16).padStart(2, '0')}`
}

/** @returns Nothing where none is named, or one that there is not. */
export function shardIn(alpn: readonly string[]): number | undefined {
  const digits = alpn.find((name) => name.startsWith(PREFIX))?.slice(PREFIX.length)
  return digits !== undefined && /^[0-9a-f]{2}$/.test(digits) ? Number.parseInt(digits, 16) : undefined
}
