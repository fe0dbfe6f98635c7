import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import type { CompiledQuery, QueryResult } from 'kysely'
import { isBusy, storeFault } from './store-fault.ts'

/** How long a statement waits for another process that holds the file. */
const BUSY_MS = 5000
const BUSY_RETRY_MS = 20
const STATEMENTS_KEPT = 256

/** Statements are kept by their text: preparing costs more than most of them. */
export class SqliteConnection {
  readonly #raw: DatabaseSync
  readonly #file: string
  readonly #kept = new Map<string, { statement: StatementSync; reads: boolean }>()

  constructor(raw: DatabaseSync, file: string) {
    this.#raw = raw
    this.#file = file
  }

  get isTransaction(): boolean {
    return this.#raw.isTransaction
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    try {
      return await whenFree(this.#raw, () => this.#execute<R>(sql, parameters as never[]))
    } catch (error) {
      throw storeFault(error, this.#file)
    }
  }

  close(): void {
    this.#raw.close()
  }

  #execute<R>(sql: string, parameters: never[]): QueryResult<R> {
    const { statement, reads } = this.#prepare(sql)
    if (reads) return { rows: statement.all(...parameters) as R[] }
    const { changes, lastInsertRowid } = statement.run(...parameters)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  #prepare(sql: string): { statement: StatementSync; reads: boolean } {
    const before = this.#kept.get(sql)
    if (before !== undefined) return before
    const statement = this.#raw.prepare(sql)
    const made = { statement, reads: statement.columns().length > 0 }
    if (this.#kept.size >= STATEMENTS_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    this.#kept.set(sql, made)
    return made
  }
}

/**
 * Runs `work` on a database that another process may hold. SQLite would wait for it in the only thread of this one,
 * so the file is opened with no time to wait, and the waiting is done here.
 */
export async function whenFree<T>(raw: DatabaseSync, work: () => T): Promise<T> {
  for (const untilMs = performance.now() + BUSY_MS; ; ) {
    try {
      return work()
    } catch (error) {
      // In a transaction the lock is held already: what is busy then stays so.
      if (!isBusy(error) || raw.isTransaction || performance.now() >= untilMs) throw error
    }
    await pause(BUSY_RETRY_MS)
  }
}
