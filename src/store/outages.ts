import type { OutageRecord } from '../wire/control.ts'
import type { Scope } from './scope.ts'

/** Of one connector; over it the oldest go. */
const MAX_OF_CONNECTOR = 200

/** What connectors have told of the times when they were away. */
export class OutageRecords {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  /** Told twice is kept once. Of a connector that is no more nothing is kept. */
  async keep(connectorId: string, outages: readonly OutageRecord[]): Promise<void> {
    await this.#scope.atomically(async ({ db }) => {
      const known = await db
        .selectFrom('connector')
        .select('id')
        .where('id', '=', connectorId)
        .executeTakeFirst()
      if (known === undefined || outages.length === 0) return
      await db
        .insertInto('outage')
        .values(
          outages.map((one) => ({
            id: one.id,
            connectorId,
            sinceMs: one.sinceMs,
            record: JSON.stringify(one),
          })),
        )
        .onConflict((conflict) => conflict.columns(['connectorId', 'id']).doNothing())
        .execute()
      const last = await db
        .selectFrom('outage')
        .select('sinceMs')
        .where('connectorId', '=', connectorId)
        .orderBy('sinceMs', 'desc')
        .offset(MAX_OF_CONNECTOR)
        .limit(1)
        .executeTakeFirst()
      if (last === undefined) return
      await db
        .deleteFrom('outage')
        .where('connectorId', '=', connectorId)
        .where('sinceMs', '<=', last.sinceMs)
        .execute()
    })
  }

  /** Newest first. */
  async of(connectorId: string, limit = MAX_OF_CONNECTOR): Promise<OutageRecord[]> {
    const rows = await this.#scope.db
      .selectFrom('outage')
      .select('record')
      .where('connectorId', '=', connectorId)
      .orderBy('sinceMs', 'desc')
      .limit(limit)
      .execute()
    return rows.map((row) => JSON.parse(row.record) as OutageRecord)
  }

  /** With the connector go its outages. */
  async forget(connectorId: string): Promise<void> {
    await this.#scope.db.deleteFrom('outage').where('connectorId', '=', connectorId).execute()
  }
}
