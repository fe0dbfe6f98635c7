import type { OutageRecord } from '../wire/control.ts'
import type { StoreScope } from './scope.ts'

/** Of one agent; over it the oldest go. */
const MAX_OF_AGENT = 200

/** What connectors, client devices and edges have told of the times when they were away. */
export class OutageRecords {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  /** Told twice is kept once. Of an agent that is no more nothing is kept. */
  async keep(agentId: string, outages: readonly OutageRecord[]): Promise<void> {
    await this.#scope.atomically(async ({ db }) => {
      const known = await db
        .selectFrom('connector')
        .select('id')
        .where('id', '=', agentId)
        .union(db.selectFrom('device').select('id').where('id', '=', agentId))
        .union(db.selectFrom('edgeIdentity').select('id').where('id', '=', agentId))
        .executeTakeFirst()
      if (known === undefined || outages.length === 0) return
      await db
        .insertInto('outage')
        .values(
          outages.map((one) => ({
            id: one.id,
            agentId,
            sinceMs: one.sinceMs,
            record: JSON.stringify(one),
          })),
        )
        .onConflict((conflict) => conflict.columns(['agentId', 'id']).doNothing())
        .execute()
      const last = await db
        .selectFrom('outage')
        .select('sinceMs')
        .where('agentId', '=', agentId)
        .orderBy('sinceMs', 'desc')
        .offset(MAX_OF_AGENT)
        .limit(1)
        .executeTakeFirst()
      if (last === undefined) return
      await db
        .deleteFrom('outage')
        .where('agentId', '=', agentId)
        .where('sinceMs', '<=', last.sinceMs)
        .execute()
    })
  }

  /** Newest first. */
  async of(agentId: string, limit = MAX_OF_AGENT): Promise<OutageRecord[]> {
    const rows = await this.#scope.db
      .selectFrom('outage')
      .select('record')
      .where('agentId', '=', agentId)
      .orderBy('sinceMs', 'desc')
      .limit(limit)
      .execute()
    return rows.map((row) => JSON.parse(row.record) as OutageRecord)
  }

  /** With the agent go its outages. */
  async forget(agentId: string): Promise<void> {
    await this.#scope.db.deleteFrom('outage').where('agentId', '=', agentId).execute()
  }
}
