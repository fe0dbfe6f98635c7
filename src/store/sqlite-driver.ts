import type { DatabaseSync } from 'node:sqlite'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely'
import type { Checkpoints } from './checkpoints.ts'
import { SqliteConnection } from './sqlite-connection.ts'
import type { WriteLock } from './write-lock.ts'

/** Taking the write lock at once: upgrading a read lock later can fail instead of wait. */
const BEGIN = CompiledQuery.raw('begin immediate')
/** What is read from here on is as of one moment, whatever others write. */
const BEGIN_READING = CompiledQuery.raw('begin')
const FIX = CompiledQuery.raw('select 1 from sqlite_schema limit 1')
const COMMIT = CompiledQuery.raw('commit')
const ROLLBACK = CompiledQuery.raw('rollback')

const READS = /^\s*select\b/i

/** Connections for reading transactions that are kept open while nobody needs them. */
const IDLE_MAX = 2

/**
 * kysely over node:sqlite. One connection writes; others read what is committed, and wait for nobody. Whoever begins a
 * transaction that writes holds the lock; what is a statement by itself takes it for that. Faults of the database are
 * Faults from here on.
 */
export class NodeSqliteDriver implements Driver {
  readonly #file: string
  readonly #writer: SqliteConnection
  readonly #openReader: (() => DatabaseSync) | undefined
  readonly #lock: WriteLock
  readonly #checkpoints: Checkpoints | undefined
  /** Reads outside transactions. */
  #reader: SqliteConnection | undefined
  readonly #idle: SqliteConnection[] = []
  #closed = false

  /** @param openReader Opens the file once more; absent, as checkpoints, where one connection alone can have it. */
  constructor(
    raw: DatabaseSync,
    file: string,
    o: { lock: WriteLock; openReader?: () => DatabaseSync; checkpoints?: Checkpoints },
  ) {
    this.#file = file
    this.#lock = o.lock
    this.#openReader = o.openReader
    this.#checkpoints = o.checkpoints
    this.#writer = new SqliteConnection(raw, file)
  }

  async init(): Promise<void> {
    this.#reader = this.#openOne()
  }

  async acquireConnection(): Promise<Lease> {
    const written = () => this.#checkpoints?.committed()
    return new Lease({ writer: this.#writer, reader: this.#reader, lock: this.#lock, written })
  }

  async beginTransaction(lease: Lease, { accessMode }: TransactionSettings): Promise<void> {
    if (accessMode === 'read only') {
      const reader = this.#idle.pop() ?? this.#openOne()
      if (reader !== undefined) {
        lease.transaction = reader
        await reader.executeQuery(BEGIN_READING)
        await reader.executeQuery(FIX)
        return
      }
    }
    lease.transaction = this.#writer
    await this.#writer.executeQuery(BEGIN)
  }

  async commitTransaction({ transaction }: Lease): Promise<void> {
    await transaction!.executeQuery(COMMIT)
    if (transaction === this.#writer) this.#checkpoints?.committed()
  }

  async rollbackTransaction({ transaction }: Lease): Promise<void> {
    // Without space SQLite has undone it by itself; saying so would take the place of the reason.
    if (transaction!.isTransaction) await transaction!.executeQuery(ROLLBACK)
  }

  async releaseConnection(lease: Lease): Promise<void> {
    const { transaction } = lease
    if (transaction === undefined || transaction === this.#writer) return
    if (this.#closed || transaction.isTransaction || this.#idle.length >= IDLE_MAX) transaction.close()
    else this.#idle.push(transaction)
  }

  async destroy(): Promise<void> {
    this.#closed = true
    await this.#checkpoints?.close()
    for (const one of this.#idle.splice(0)) one.close()
    this.#reader?.close()
    this.#writer.close()
  }

  #openOne(): SqliteConnection | undefined {
    const raw = this.#openReader?.()
    return raw && new SqliteConnection(raw, this.#file)
  }
}

/** What one caller of kysely has while it works: the transaction that it began, or a place for each statement. */
class Lease implements DatabaseConnection {
  /** The connection that its transaction is open on. */
  transaction: SqliteConnection | undefined
  readonly #o: LeaseOptions

  constructor(o: LeaseOptions) {
    this.#o = o
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { reader, writer, lock, written } = this.#o
    if (this.transaction !== undefined) return this.transaction.executeQuery(query)
    if (reader !== undefined && READS.test(query.sql)) return reader.executeQuery(query)
    await lock.take()
    try {
      const result = await writer.executeQuery<R>(query)
      written()
      return result
    } finally {
      lock.give()
    }
  }

  // biome-ignore lint/correctness/useYield: kysely asks for it; nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new TypeError('the store reads page by page')
  }
}

interface LeaseOptions {
  readonly writer: SqliteConnection
  readonly reader: SqliteConnection | undefined
  readonly lock: WriteLock
  /** What is a statement by itself is committed. */
  readonly written: () => void
}
