import type { FaultMessage } from '../wire/control.ts'
import { cursorKey, type Page, type PageQuery, pageOf } from './page.ts'
import type { StoreScope } from './scope.ts'
import { sweepTable } from './sweep-table.ts'

/** One refusal of control to let a device reach something. */
export interface DenialRecord {
  readonly id: string
  readonly atMs: number
  readonly deviceId: string
  readonly deviceName?: string
  /** Absent where the device is of no user any more. */
  readonly userId?: string
  readonly userName?: string
  readonly host: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  /** Address that the device asked from. */
  readonly from: string
  readonly fault: FaultMessage
  /** Where the same was refused again within a minute: how often, the first included, and when for the last time. */
  readonly times?: number
  readonly lastMs?: number
}

/** Of one device; over it the oldest go, so that a program that tries again and again fills nothing. */
const MAX_OF_DEVICE = 500

export class Denials {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  async keep(denial: DenialRecord): Promise<void> {
    await this.#scope.atomically(async ({ db }) => {
      const { id, deviceId, userId = null, atMs } = denial
      await db
        .insertInto('denial')
        .values({ id, deviceId, userId, atMs, record: JSON.stringify(denial) })
        .execute()
      const last = await db
        .selectFrom('denial')
        .select('id')
        .where('deviceId', '=', deviceId)
        .orderBy('id', 'desc')
        .offset(MAX_OF_DEVICE)
        .limit(1)
        .executeTakeFirst()
      if (last === undefined) return
      await db.deleteFrom('denial').where('deviceId', '=', deviceId).where('id', '<=', last.id).execute()
    })
  }

  /** @returns the record, unless it is gone. */
  async repeated(id: string, more: { times: number; lastMs: number }): Promise<DenialRecord | undefined> {
    return this.#scope.atomically(async ({ db }) => {
      const row = await db.selectFrom('denial').select('record').where('id', '=', id).executeTakeFirst()
      if (row === undefined) return undefined
      const denial = { ...(JSON.parse(row.record) as DenialRecord), ...more }
      await db
        .updateTable('denial')
        .set({ record: JSON.stringify(denial) })
        .where('id', '=', id)
        .execute()
      return denial
    })
  }

  async get(id: string): Promise<DenialRecord | undefined> {
    const row = await this.#scope.db
      .selectFrom('denial')
      .select('record')
      .where('id', '=', id)
      .executeTakeFirst()
    return row && (JSON.parse(row.record) as DenialRecord)
  }

  /** Newest first. */
  async list({ limit, cursor }: PageQuery, { user }: { user?: string } = {}): Promise<Page<DenialRecord>> {
    const before = cursorKey(cursor)
    let query = this.#scope.db.selectFrom('denial').select(['id', 'record'])
    if (before !== undefined) query = query.where('id', '<', before)
    if (user !== undefined) query = query.where('userId', '=', user)
    const rows = await query
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute()
    const page = pageOf(rows, limit, (row) => row.id)
    return { ...page, items: page.items.map((row) => JSON.parse(row.record) as DenialRecord) }
  }

  /** Forgets what was refused before `beforeMs`. */
  sweep(beforeMs: number): Promise<void> {
    return sweepTable(this.#scope, { table: 'denial', key: 'id', time: 'atMs', beforeMs: beforeMs - 1 })
  }
}
