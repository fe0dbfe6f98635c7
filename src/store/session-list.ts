import { type RawBuilder, sql } from 'kysely'
import { type LedCondition, ledPage } from './led-list.ts'
import type { Page, PageQuery } from './page.ts'
import type { StoreScope } from './scope.ts'
import { STANDS_ALONE } from './session-attempts.ts'
import type { Tables } from './tables.ts'

export interface SessionFilter {
  readonly state?: 'open' | 'closed'
  readonly user?: string
  readonly device?: string
  readonly connector?: string
  readonly segment?: string
  readonly rule?: string
  readonly host?: string
  readonly closeReason?: string
}

/** Nearly all end so. */
const USUAL = 'done'

type FilterConditions = { readonly [Key in keyof SessionFilter]-?: (wanted: string) => LedCondition }

/** Literals: only so the database knows that an index of some has them. */
const CONDITIONS: FilterConditions = {
  state: (wanted) => ({ is: sql`state = ${sql.lit(wanted)}`, found: wanted === 'open' }),
  closeReason: (wanted) =>
    wanted === USUAL
      ? { is: sql`close_reason = ${wanted}`, found: false }
      : { is: sql`close_reason = ${wanted} and close_reason <> ${sql.lit(USUAL)}`, found: true },
  user: (wanted) => indexed(sql`user_id = ${wanted}`),
  device: (wanted) => indexed(sql`device_id = ${wanted}`),
  connector: (wanted) => indexed(sql`connector_id = ${wanted}`),
  segment: (wanted) => indexed(sql`segment_id = ${wanted}`),
  rule: (wanted) => indexed(sql`rule_id = ${wanted}`),
  host: (wanted) => indexed(sql`host = ${wanted}`),
}

/** Rows of a list, newest first. Whoever asks about one connector gets what failed there, too, though it went on elsewhere. */
export function sessionRows(
  scope: StoreScope,
  query: PageQuery,
  filter: SessionFilter,
): Promise<Page<Tables['session']>> {
  const conditions = Object.entries(CONDITIONS).flatMap(([key, condition]) => {
    const wanted = filter[key as keyof SessionFilter]
    return wanted === undefined ? [] : condition(wanted)
  })
  const always = filter.connector === undefined ? STANDS_ALONE : undefined
  return ledPage(scope, query, { table: 'session', key: 'id', conditions, always })
}

function indexed(is: RawBuilder<unknown>): LedCondition {
  return { is, found: true }
}
