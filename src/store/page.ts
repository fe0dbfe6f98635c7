import { Fault } from '../base/faults.ts'
import { nextTurn, turnIsOver } from '../base/slices.ts'

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
  return { items, next: cursorAfter(key(items.at(-1)!)) }
}

export interface PageRows<Row, Item> {
  /** Rows in the order of the list, behind the one with the key `after`. */
  read(after: string | undefined, limit: number): Promise<Row[]>
  /** What the order is by. */
  key(row: Row): string
  item(row: Row): Item
}

/** A page of a list that is read in its order. @throws {Fault} INVALID if the cursor was not made by one. */
export async function listPage<Row, Item>(
  { limit, cursor }: PageQuery,
  { read, key, item }: PageRows<Row, Item>,
): Promise<Page<Item>> {
  const page = pageOf(await read(cursorKey(cursor), limit + 1), limit, key)
  return { ...page, items: page.items.map(item) }
}

/** Where a list goes on behind the row with this key. */
export function cursorAfter(key: string): string {
  return Buffer.from(key).toString('base64url')
}

/** @throws {Fault} INVALID if the cursor was not made by `pageOf`, or its key is not a number where one is needed. */
export function cursorKey(cursor: string | undefined, { isNumber = false } = {}): string | undefined {
  if (cursor === undefined) return undefined
  const key = Buffer.from(cursor, 'base64url').toString('utf8')
  const isOurs = key !== '' && Buffer.from(key).toString('base64url') === cursor
  if (!isOurs || (isNumber && !/^\d+$/.test(key))) {
    throw new Fault('INVALID', 'cursor: not one from this list', { seen: { pointer: '/cursor' } })
  }
  return key
}

/** As many rows are read in one turn of the event loop. */
const ROWS_AT_ONCE = 64

/** All rows of a table, page after page: others have a turn between. `read` gives rows in order, after `last`. */
export async function allRows<Row>(
  read: (last: Row | undefined, limit: number) => Promise<Row[]>,
): Promise<Row[]> {
  const all: Row[] = []
  for (;;) {
    const rows = await read(all.at(-1), ROWS_AT_ONCE)
    for (const row of rows) all.push(row)
    if (rows.length < ROWS_AT_ONCE) return all
    if (turnIsOver()) await nextTurn()
  }
}

/**
 * Ids for a condition `in`, each once, the last repeated up to a power of two: statements are kept by their text, and
 * one for each number of ids would push the others out.
 *
 * @param ids At least one, at most some hundred.
 */
export function inList(ids: readonly string[]): string[] {
  const unique = [...new Set(ids)]
  const size = 2 ** Math.ceil(Math.log2(unique.length))
  return [...unique, ...Array<string>(size - unique.length).fill(unique.at(-1)!)]
}

/** However many ids, each once, in lists that one statement takes. */
export function* idsAtOnce(ids: readonly string[]): Generator<string[]> {
  const unique = [...new Set(ids)]
  for (let at = 0; at < unique.length; at += ROWS_AT_ONCE) yield inList(unique.slice(at, at + ROWS_AT_ONCE))
}

/** As many rows are looked at in one turn for what no index finds. */
export const WINDOW_ROWS = 2048
/** A page ends here, with what was found and where to go on. */
const LOOK_MS = 20

export interface Windows<Row> {
  /** Key of the row that is `WINDOW_ROWS` behind the one with the key `after`; nothing if there are not so many. */
  end(after: string | undefined, rows: number): Promise<string | undefined>
  /** Rows that pass the filter, from behind `after` to `end`, both in the order of the list. */
  matching(after: string | undefined, end: string | undefined, limit: number): Promise<Row[]>
  key(row: Row): string
}

/**
 * A page of what passes a filter that no index answers: looked for from window to window, with turns of the event
 * loop between. It ends after a while however many rows there are, and then may have few items or none, and a next.
 */
export async function pageThrough<Row>(
  { limit, cursor }: PageQuery,
  o: Windows<Row>,
  nowMs: () => number = () => performance.now(),
): Promise<Page<Row>> {
  const found: Row[] = []
  let after = cursorKey(cursor)
  const untilMs = nowMs() + LOOK_MS
  do {
    if (turnIsOver()) await nextTurn()
    const end = await o.end(after, WINDOW_ROWS)
    for (const row of await o.matching(after, end, limit + 1 - found.length)) found.push(row)
    if (found.length > limit || end === undefined) return pageOf(found, limit, o.key)
    after = end
  } while (nowMs() < untilMs)
  return { items: found, next: cursorAfter(after!) }
}

/** As many rows are deleted in one turn. */
export const DELETED_AT_ONCE = 64

/** Deletes some after some, until there are none. @param some Deletes at most DELETED_AT_ONCE; tells how many it did. */
export async function deleteAll(some: () => Promise<bigint>): Promise<void> {
  while ((await some()) > 0n) await nextTurn()
}
