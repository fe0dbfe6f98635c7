import { sql } from 'kysely'
import { type LedCondition, ledPage } from './led-list.ts'
import type { Page, PageQuery } from './page.ts'
import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'

export interface AuditFilter {
  readonly actor?: string
  readonly object?: string
  readonly action?: string
}

/** Most of what happens; for every other action there is an index. */
const USUAL = 'grant.issue'

/** Records, newest first. */
export function auditRows(scope: StoreScope, query: PageQuery & AuditFilter): Promise<Page<Tables['audit']>> {
  return ledPage(scope, query, {
    table: 'audit',
    key: 'seq',
    isNumber: true,
    conditions: conditionsOf(query),
  })
}

function conditionsOf({ actor, object, action }: AuditFilter): LedCondition[] {
  const conditions: LedCondition[] = []
  if (object !== undefined) conditions.push({ is: sql`object = ${object}`, found: true })
  if (actor !== undefined) conditions.push({ is: sql`actor = ${actor}`, found: true })
  if (action === USUAL) conditions.push({ is: sql`action = ${action}`, found: false })
  else if (action !== undefined) {
    // A literal: only so the database knows that the index has them.
    conditions.push({ is: sql`action = ${action} and action <> ${sql.lit(USUAL)}`, found: true })
  }
  return conditions
}
