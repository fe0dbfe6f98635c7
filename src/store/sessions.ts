import { Fault } from '../base/faults.ts'
import type { SessionReport } from '../wire/control.ts'
import { cursorKey, type Page, type PageQuery, pageOf } from './page.ts'
import type { Scope } from './scope.ts'
import { joinSession, type SessionFacts, type SessionRecord } from './session-record.ts'
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

/** Reports wait this long: for others, so that thousands a second cost few writes, and for the other end of the same session. */
const BATCH_MS = 400
/** A batch this large goes at once. */
const BATCH_MAX = 2000

interface Waiting {
  readonly report: SessionReport
  readonly facts: SessionFacts
  readonly done: PromiseWithResolvers<void>
}

const FILTER_COLUMNS = {
  state: 'state',
  user: 'userId',
  device: 'deviceId',
  connector: 'connectorId',
  segment: 'segmentId',
  rule: 'ruleId',
  host: 'host',
  closeReason: 'closeReason',
} as const satisfies Record<keyof SessionFilter, keyof Tables['session']>

/** Session records, joined from the reports of both ends. Reads see every report merged before them. */
export class Sessions {
  readonly #scope: Scope
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()
  #revision: number | undefined

  constructor(scope: Scope) {
    this.#scope = scope
  }

  /**
   * Takes one end's report; resolves when it is durable.
   *
   * @throws {Fault} FORBIDDEN if the session belongs to another agent; STORE_FAILED.
   */
  merge(report: SessionReport, facts: SessionFacts = {}): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ report, facts, done })
    if (this.#waiting.length >= BATCH_MAX) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), BATCH_MS).unref()
    return done.promise
  }

  /** Writes what waits. Never rejects: each report's own promise does. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length > 0) this.#flushing = this.#flushing.then(() => this.#write(batch))
    return this.#flushing
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const refused = new Map<Waiting, unknown>()
    try {
      await this.#scope.atomically(async (scope) => {
        refused.clear()
        const ids = [...new Set(batch.map((one) => one.report.session))]
        const records = await load(scope, ids)
        const changed = new Set<string>()
        for (const one of batch) {
          const id = one.report.session
          try {
            records.set(id, joinSession(records.get(id), one.report, one.facts))
            changed.add(id)
          } catch (fault) {
            refused.set(one, fault)
          }
        }
        const rows: Tables['session'][] = []
        for (const id of changed) rows.push(rowOf(records.get(id)!, await this.#nextRevision(scope)))
        await save(scope, rows)
        scope.publish('session', { ids: [...changed] })
      })
    } catch (cause) {
      const fault = new Fault('STORE_FAILED', `session records: ${String(cause)}`, { cause })
      for (const one of batch) one.done.reject(fault)
      return
    }
    for (const one of batch) {
      if (refused.has(one)) one.done.reject(refused.get(one))
      else one.done.resolve()
    }
  }

  async #nextRevision({ db, clock }: Scope): Promise<number> {
    if (this.#revision === undefined) {
      const row = await db
        .selectFrom('session')
        .select((select) => select.fn.max('revision').as('revision'))
        .executeTakeFirst()
      this.#revision = row?.revision ?? 0
    }
    this.#revision = Math.max(this.#revision + 1, clock.nowMs())
    return this.#revision
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    await this.flush()
    return (await load(this.#scope, [id])).get(id)
  }

  /** Newest first. */
  async list({ limit, cursor }: PageQuery, filter: SessionFilter = {}): Promise<Page<SessionRecord>> {
    await this.flush()
    const before = cursorKey(cursor)
    let query = this.#scope.db.selectFrom('session').select(['id', 'record'])
    if (before !== undefined) query = query.where('id', '<', before)
    for (const [key, column] of Object.entries(FILTER_COLUMNS) as [keyof SessionFilter, never][]) {
      const wanted = filter[key]
      if (wanted !== undefined) query = query.where(column, '=', wanted as never)
    }
    const rows = await query
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute()
    const page = pageOf(rows, limit, (row) => row.id)
    return { ...page, items: page.items.map((row) => JSON.parse(row.record) as SessionRecord) }
  }

  /**
   * Sessions changed after `revision`, oldest change first, and the revision to go on from.
   *
   * @param revision From an earlier call; 'now' to start at the end.
   */
  async since(revision: number | 'now', limit = 1000): Promise<{ items: SessionRecord[]; revision: number }> {
    await this.flush()
    if (revision === 'now') {
      const row = await this.#scope.db
        .selectFrom('session')
        .select((select) => select.fn.max('revision').as('revision'))
        .executeTakeFirst()
      return { items: [], revision: row?.revision ?? 0 }
    }
    const rows = await this.#scope.db
      .selectFrom('session')
      .select(['record', 'revision'])
      .where('revision', '>', revision)
      .orderBy('revision')
      .limit(limit)
      .execute()
    return {
      items: rows.map((row) => JSON.parse(row.record) as SessionRecord),
      revision: rows.at(-1)?.revision ?? revision,
    }
  }

  /** Open sessions now. */
  async countOpen(): Promise<number> {
    await this.flush()
    const row = await this.#scope.db
      .selectFrom('session')
      .select((select) => select.fn.countAll<number>().as('count'))
      .where('state', '=', 'open')
      .executeTakeFirstOrThrow()
    return Number(row.count)
  }

  /** Forgets closed sessions that ended before `beforeMs`. */
  async sweep(beforeMs: number): Promise<void> {
    await this.#scope.db
      .deleteFrom('session')
      .where('state', '=', 'closed')
      .where('endedMs', '<', beforeMs)
      .execute()
  }
}

async function load(scope: Scope, ids: readonly string[]): Promise<Map<string, SessionRecord>> {
  const found = new Map<string, SessionRecord>()
  for (let at = 0; at < ids.length; at += 500) {
    const rows = await scope.db
      .selectFrom('session')
      .select(['id', 'record'])
      .where('id', 'in', ids.slice(at, at + 500))
      .execute()
    for (const row of rows) found.set(row.id, JSON.parse(row.record) as SessionRecord)
  }
  return found
}

const CHANGING = [
  ...(['state', 'startedMs', 'endedMs', 'userId', 'deviceId', 'connectorId', 'edgeId', 'segmentId'] as const),
  ...(['ruleId', 'host', 'port', 'closeReason', 'record', 'revision'] as const),
] satisfies (keyof Tables['session'])[]

/** As many rows to a statement: building a statement costs more than most of what it does. */
const SAVE_ROWS = 20

async function save(scope: Scope, rows: readonly Tables['session'][]): Promise<void> {
  for (let at = 0; at < rows.length; at += SAVE_ROWS) {
    await scope.db
      .insertInto('session')
      .values(rows.slice(at, at + SAVE_ROWS))
      .onConflict((conflict) =>
        conflict
          .column('id')
          .doUpdateSet((set) =>
            Object.fromEntries(CHANGING.map((name) => [name, set.ref(`excluded.${name}`)])),
          ),
      )
      .execute()
  }
}

function rowOf(record: SessionRecord, revision: number): Tables['session'] {
  return {
    id: record.id,
    state: record.state,
    startedMs: record.startedMs,
    endedMs: record.endedMs ?? null,
    userId: record.user ?? null,
    deviceId: record.device ?? null,
    connectorId: record.connector ?? null,
    edgeId: record.edge ?? null,
    segmentId: record.segment ?? null,
    ruleId: record.rule ?? null,
    host: record.host,
    port: record.port,
    closeReason: record.closeReason ?? null,
    record: JSON.stringify(record),
    revision,
  }
}
