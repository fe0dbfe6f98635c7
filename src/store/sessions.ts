import { sql } from 'kysely'
import { asFault, Fault } from '../base/faults.ts'
import { OpenCount } from './open-count.ts'
import type { Page, PageQuery } from './page.ts'
import type { StoreScope } from './scope.ts'
import { SessionAllowance } from './session-allowance.ts'
import { withAttempts } from './session-attempts.ts'
import { type SessionFilter, sessionRows } from './session-list.ts'
import { mergeReport, type RefusedReport } from './session-merge.ts'
import { type Lot, SessionQueue } from './session-queue.ts'
import { type KnownSession, type ReportedSession, recordOf, type SessionRecord } from './session-record.ts'
import { knownSessionOf, type SessionRow, sessionRowOf } from './session-row.ts'
import { loadSessions, saveSessions } from './session-rows.ts'
import { sweepClientOnly, sweepSessions } from './session-sweep.ts'

/** More than this wait: whoever comes now comes again later. */
const MAX_WAITING = 20_000

/** Session records, joined from the reports of both ends. Reads see every report that was acknowledged before them. */
export class Sessions {
  /** What one end alone may put on record. */
  readonly allowance = new SessionAllowance()
  readonly #scope: StoreScope
  readonly #queue = new SessionQueue((lots) => this.#write(lots))
  readonly #open = new OpenCount()
  #revision: number | undefined

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  /** Takes one end's report; resolves when it is durable. @throws {Fault} as joinSession; STORE_FAILED, EDGE_BUSY. */
  async merge(reported: ReportedSession): Promise<void> {
    const [refused] = await this.mergeAll([reported])
    if (refused !== undefined) throw refused.fault
  }

  /**
   * Takes reports of one end; resolves when they are durable, with those that were refused.
   *
   * @throws {Fault} STORE_FAILED; EDGE_BUSY while more wait than are written in seconds.
   */
  mergeAll(reported: readonly ReportedSession[]): Promise<RefusedReport[]> {
    const { size } = this.#queue
    if (size < MAX_WAITING) return this.#queue.add(reported)
    const detail = `${size} session reports are waiting to be written`
    return Promise.reject(new Fault('EDGE_BUSY', detail, { hop: 'control' }))
  }

  /** Writes what waits. Never rejects: each report's own promise does. */
  flush(): Promise<void> {
    return this.#queue.flush()
  }

  async #write(lots: readonly Lot[]): Promise<void> {
    const refused = new Map<Lot, RefusedReport[]>()
    let draft = this.allowance.draft()
    try {
      await this.#scope.atomically(async (scope) => {
        refused.clear()
        draft = this.allowance.draft()
        const ids = new Set(lots.flatMap(({ reported }) => reported.map(({ report }) => report.session)))
        const known = await loadSessions(scope, [...ids])
        const wereOpen = openIn(known)
        const changed = new Set<string>()
        for (const lot of lots) {
          for (const reported of lot.reported) {
            const one = mergeReport(known, draft, reported)
            if (one.changed !== undefined) changed.add(one.changed)
            if (one.refused !== undefined) refused.set(lot, [...(refused.get(lot) ?? []), one.refused])
          }
        }
        await this.#save(
          scope,
          [...changed].map((id) => known.get(id)!),
          wereOpen,
        )
      }, 'later')
      draft.commit()
    } catch (cause) {
      const fault = asFault(cause, 'STORE_FAILED')
      for (const { done } of lots) done.reject(fault)
      return
    }
    for (const lot of lots) lot.done.resolve(refused.get(lot) ?? [])
  }

  /** @param wereOpen Ids of those that the books have as open. */
  async #save(
    scope: StoreScope,
    changed: readonly KnownSession[],
    wereOpen: ReadonlySet<string>,
  ): Promise<void> {
    if (changed.length === 0) return
    const rows: SessionRow[] = []
    for (const known of changed) rows.push(sessionRowOf(known, await this.#nextRevision(scope)))
    const ids = rows.map(({ id }) => id)
    const before = ids.filter((id) => wereOpen.has(id)).length
    await saveSessions(scope, rows)
    const after = rows.filter(({ state }) => state === 'open').length
    scope.committed(() => this.#open.add(after - before))
    scope.publish('session', { ids })
  }

  async #nextRevision({ db, clock }: StoreScope): Promise<number> {
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
    const known = (await loadSessions(this.#scope, [id])).get(id)
    return known && (await withAttempts(this.#scope, [recordOf(known)]))[0]
  }

  /** Newest first. */
  async list(query: PageQuery, filter: SessionFilter = {}): Promise<Page<SessionRecord>> {
    const page = await sessionRows(this.#scope, query, filter)
    const records = page.items.map((row) => recordOf(knownSessionOf(row)))
    return { ...page, items: await withAttempts(this.#scope, records) }
  }

  /**
   * Sessions changed after `revision`, oldest change first, and the revision to go on from.
   *
   * @param revision From an earlier call; 'now' to start at the end.
   */
  async since(revision: number | 'now', limit = 1000): Promise<{ items: SessionRecord[]; revision: number }> {
    if (revision === 'now') {
      const row = await this.#scope.db
        .selectFrom('session')
        .select((select) => select.fn.max('revision').as('revision'))
        .executeTakeFirst()
      return { items: [], revision: row?.revision ?? 0 }
    }
    const rows = await this.#scope.db
      .selectFrom('session')
      .selectAll()
      .where('revision', '>', revision)
      .orderBy('revision')
      .limit(limit)
      .execute()
    return {
      items: await withAttempts(
        this.#scope,
        rows.map((row) => recordOf(knownSessionOf(row))),
      ),
      revision: rows.at(-1)?.revision ?? revision,
    }
  }

  /** Open sessions now. */
  countOpen(): Promise<number> {
    return this.#open.now(this.#scope)
  }

  /** As sweepSessions; and what is too much of the word of one client. */
  async sweep(beforeMs: number): Promise<void> {
    await sweepSessions(this.#scope, beforeMs, this.#open)
    await sweepClientOnly(this.#scope, this.#open)
  }

  /** Sessions that are open in the books, in order of id: those after `after`. */
  async open(limit: number, after = ''): Promise<KnownSession[]> {
    const rows = await this.#scope.db
      .selectFrom('session')
      .selectAll()
      .where('state', '=', sql.lit('open'))
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(knownSessionOf)
  }

  /** Their ends are gone. What one of them has told meanwhile counts. */
  async vanished(found: readonly KnownSession[]): Promise<number> {
    return this.#scope.atomically(async (scope) => {
      const now = await loadSessions(
        scope,
        found.map(({ id }) => id),
      )
      const gone = found.flatMap(({ id, vanished }) => {
        const known = now.get(id)
        return known !== undefined && recordOf(known).state === 'open' ? [{ ...known, vanished }] : []
      })
      await this.#save(scope, gone, openIn(now))
      return gone.length
    }, 'later')
  }
}

function openIn(known: ReadonlyMap<string, KnownSession>): Set<string> {
  const open = new Set<string>()
  for (const [id, { client, connector, vanished }] of known) {
    const isOver = vanished !== undefined || client?.state === 'closed' || connector?.state === 'closed'
    if (!isOver) open.add(id)
  }
  return open
}
