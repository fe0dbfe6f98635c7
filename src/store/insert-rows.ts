/**
 * One statement run for part after part of many rows. It is made once: that takes longer than running it.
 *
 * @module
 */
import type { CompiledQuery, QueryResult } from 'kysely'
import { nextTurn, turnIsOver } from '../base/slices.ts'
import { inList } from './page.ts'
import type { StoreScope } from './scope.ts'

/** Rows to a statement. */
const ROWS = 64

interface InsertPart<Item, Row> {
  readonly some: readonly Item[]
  readonly rows: Row[]
}

/**
 * Inserts rows with one statement for each part of them.
 *
 * @param rows All with the same fields in the same order, none absent.
 * @returns each part when it is written, with a turn for others between.
 */
export function insertRows<Row extends object>(
  db: StoreScope['db'],
  rows: readonly Row[],
  insert: (some: readonly Row[]) => { compile(): CompiledQuery },
): AsyncGenerator<InsertPart<Row, unknown>> {
  return inParts(db, rows, insert, (some) => some.flatMap((row): unknown[] => Object.values(row)))
}

/** The same of a statement that takes a list of ids, and of nothing else. @returns what it selects for each part. */
export function forIds<Row>(
  db: StoreScope['db'],
  ids: readonly string[],
  make: (some: readonly string[]) => { compile(): CompiledQuery<Row> },
): AsyncGenerator<InsertPart<string, Row>> {
  return inParts(db, ids, (some) => make(inList(some)), inList)
}

async function* inParts<Item, Row>(
  db: StoreScope['db'],
  all: readonly Item[],
  make: (some: readonly Item[]) => { compile(): CompiledQuery<Row> },
  parametersOf: (some: readonly Item[]) => unknown[],
): AsyncGenerator<InsertPart<Item, Row>> {
  let whole: CompiledQuery<Row> | undefined
  for (let at = 0; at < all.length; at += ROWS) {
    const some = all.slice(at, at + ROWS)
    if (whole === undefined || some.length < ROWS) whole = make(some).compile()
    const parameters = parametersOf(some)
    if (parameters.length !== whole.parameters.length)
      throw new TypeError('rows of one statement differ in their fields')
    const { rows }: QueryResult<Row> = await db.executeQuery({ ...whole, parameters })
    yield { some, rows }
    if (turnIsOver()) await nextTurn()
  }
}
