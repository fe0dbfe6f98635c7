/**
 * Lists with filters, newest first, however much there is. Each filter has an index but for what nearly everything has
 * in common; of several filters the one that leaves least leads, and what it leads to is looked through.
 *
 * @module
 */
import { type RawBuilder, sql } from 'kysely'
import { cursorKey, type Page, type PageQuery, pageOf, pageThrough, WINDOW_ROWS } from './page.ts'
import type { StoreScope } from './scope.ts'

export interface LedCondition {
  readonly is: RawBuilder<unknown>
  /** An index finds those that pass. */
  readonly found: boolean
}

export interface LedList<Row> {
  readonly table: 'session' | 'audit'
  /** What the order is by: unique, and the last column of each index. */
  readonly key: keyof Row & string
  readonly conditions: readonly LedCondition[]
  /** Nearly every row has it, so that no index is of use. */
  readonly always?: RawBuilder<unknown>
  /** The key is a number. */
  readonly isNumber?: boolean
}

/** Rows that pass every condition. A page that looked for long ends with what it has, and says where to go on. */
export async function ledPage<Row>(
  scope: StoreScope,
  query: PageQuery,
  list: LedList<Row>,
): Promise<Page<Row>> {
  const { db } = scope
  const { table, key, conditions, always, isNumber = false } = list
  const start = cursorKey(query.cursor, { isNumber })
  const lead = await fewest(scope, list)
  const rest = conditions.filter((one) => one !== lead)
  const keyOf = (row: Row) => String(row[key])
  const order = sql.raw(key)
  const value = (text: string) => (isNumber ? Number(text) : text)
  /** From behind one key on, to another. */
  const range = (before: string | undefined, from?: string) => {
    const all = [lead?.is, always].filter((one) => one !== undefined)
    if (before !== undefined) all.push(sql`${order} < ${value(before)}`)
    if (from !== undefined) all.push(sql`${order} >= ${value(from)}`)
    return where(all)
  }
  const from = sql.raw(`from ${table}`)
  if (rest.length === 0) {
    const inRange = range(start)
    const page = sql<Row>`select * ${from} ${inRange} order by ${order} desc limit ${query.limit + 1}`
    return pageOf((await page.execute(db)).rows, query.limit, keyOf)
  }
  return pageThrough(query, {
    key: keyOf,
    async end(before, rows) {
      const behind = sql<Row>`select ${order} ${from} ${range(before)} order by ${order} desc limit 1 offset ${rows - 1}`
      const [row] = (await behind.execute(db)).rows
      return row && keyOf(row)
    },
    async matching(before, end, limit) {
      const window = sql`select ${order} as key_within ${from} ${range(before, end)} order by ${order} desc limit ${WINDOW_ROWS}`
      // A cross join keeps its order: what leads is not up to statistics.
      const inWindow = sql`select ${sql.raw(table)}.* from (${window}) cross join ${sql.raw(table)}`
      const passing = where([sql`${order} = key_within`, ...rest.map(({ is }) => is)])
      return (await sql<Row>`${inWindow} ${passing} order by ${order} desc limit ${limit}`.execute(db)).rows
    },
  })
}

/** Of the indexes that could lead there the one with the fewest rows, as far as a window goes. */
async function fewest<Row>(
  { db }: StoreScope,
  { table, conditions }: LedList<Row>,
): Promise<LedCondition | undefined> {
  const ways = conditions.filter(({ found }) => found)
  if (ways.length < 2) return ways[0]
  let best: { way: LedCondition; count: number } | undefined
  for (const way of ways) {
    const some = sql`select 1 from ${sql.raw(table)} ${where([way.is])} limit ${WINDOW_ROWS}`
    const { rows } = await sql<{ count: number }>`select count(*) as count from (${some})`.execute(db)
    const count = Number(rows[0]?.count)
    if (best === undefined || count < best.count) best = { way, count }
  }
  return best?.way
}

function where(all: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return all.length === 0 ? sql`` : sql`where ${sql.join(all, sql` and `)}`
}
