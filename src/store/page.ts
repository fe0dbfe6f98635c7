import { Fault } from '../base/faults.ts'

/** A slice of a list in a fixed order, and where the next one starts. */
export interface Page<T> {
  readonly items: T[]
  /** Opaque; absent on the last page. */
  readonly next?: string
}

export interface PageQuery {
  /** 1 to 1 000. */
  readonly limit: number
  /** From an earlier page of the same list. */
  readonly cursor?: string
}

/** Cuts rows fetched with `limit + 1` into a page. `key` is what the order is by. */
export function pageOf<T>(rows: readonly T[], limit: number, key: (row: T) => string): Page<T> {
  if (rows.length <= limit) return { items: [...rows] }
  const items = rows.slice(0, limit)
  return { items, next: Buffer.from(key(items.at(-1)!)).toString('base64url') }
}

/** @throws {Fault} INVALID if the cursor was not made by `pageOf`. */
export function cursorKey(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const key = Buffer.from(cursor, 'base64url').toString('utf8')
  if (key === '' || Buffer.from(key).toString('base64url') !== cursor) {
    throw new Fault('INVALID', 'cursor: not one that this list gave out', { seen: { pointer: '/cursor' } })
  }
  return key
}
