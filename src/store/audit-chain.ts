/**
 * The chain of audit records: each holds the hash of the one before, in the database as in archives.
 *
 * @module
 */
import { hash } from 'node:crypto'
import type { Tables } from './tables.ts'

/** A record as it is hashed: `detail` is JSON text. */
export type ChainRow = Tables['audit']

/** Number and hash of a last record: what the next follows from. */
export interface ChainEnd {
  readonly seq: number
  readonly hash: string
}

export const CHAIN_START: ChainEnd = { seq: 0, hash: '0'.repeat(64) }

/** Why `row` is not the next link of a chain; undefined if it is. */
export function whyBroken(row: ChainRow, expectedSeq: number, prevHash: string): string | undefined {
  if (row.seq !== expectedSeq) return `record ${expectedSeq} is missing`
  if (row.prevHash !== prevHash) return 'it does not follow from the previous record'
  if (row.hash !== hashOf(row)) return 'its content was changed'
  return undefined
}

/** Over a JSON list, so that no two different records can give the same bytes. */
export function hashOf(row: Omit<ChainRow, 'hash'>): string {
  return linkHash(row, hashedText(row))
}

/** The end of that list: all that is known of a record before its place in the chain is. */
export function hashedText({
  action,
  object,
  detail,
}: Pick<ChainRow, 'action' | 'object' | 'detail'>): string {
  return JSON.stringify([action, object, detail]).slice(1)
}

/** @param text Of hashedText. */
export function linkHash(
  { prevHash, seq, timeMs, actor }: Pick<ChainRow, 'prevHash' | 'seq' | 'timeMs' | 'actor'>,
  text: string,
): string {
  return hash('sha256', `${JSON.stringify([prevHash, seq, timeMs, actor]).slice(0, -1)},${text}`)
}
