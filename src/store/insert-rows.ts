import type { CompiledQuery } from 'kysely'
import { nextTurn, turnIsOver } from '../base/slices.ts'
import type { Scope } from './scope.ts'

/** Rows to a statement. */
const ROWS = 32

/**
 * Inserts rows with one statement for each part of them. The statement is made once: that takes longer than running it.
 *
 * @param rows All with the same fields in the same order, none absent.
 * @returns each part when it is written, with a turn for others between.
 */
export async function* insertRows<Row extends object>(
  db: Scope['db'],
  rows: readonly Row[],
  insert: (some: readonly Row[]) => { compile(): CompiledQuery },
): AsyncGenerator<readonly Row[]> {
  let whole: CompiledQuery | undefined
  for (const some of inParts(rows)) {
    if (whole === undefined || some.length < ROWS) whole = insert(some).compile()
    const parameters = some.flatMap((row): unknown[] => Object.values(row))
    if (parameters.length !== whole.parameters.length)
      throw new TypeError('rows of one statement differ in their fields')
    await db.executeQuery({ ...whole, parameters })
    yield some
    if (turnIsOver()) await nextTurn()
  }
}

/** As many as one statement takes. */
export function* inParts<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += ROWS) yield all.slice(at, at + ROWS)
}
