import { closeSync, fsyncSync, openSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { CamelCasePlugin, Kysely, SqliteAdapter, SqliteDialect } from 'kysely'
import { Fault } from '../base/faults.ts'
import type { Tables } from './tables.ts'

/** How long a statement waits for another process that holds the file. */
const BUSY_TIMEOUT_MS = 5000

/** DDL is transactional in SQLite; kysely's own adapter says otherwise, which would split a migration. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

class NodeSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }
}

/**
 * Opens the file with the settings that durability rests on, and refuses to run without them: an
 * acknowledged write must survive a power cut.
 *
 * @throws {Fault} STORE_FAILED.
 */
export async function openSqlite(file: string): Promise<{ raw: DatabaseSync; db: Kysely<Tables> }> {
  let raw: DatabaseSync | undefined
  try {
    raw = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
    if (file !== ':memory:') {
      await chmod(file, 0o600)
      setting(raw, 'journal_mode', 'wal')
      syncDirectory(path.dirname(file))
    }
    setting(raw, 'synchronous', 'full', 2)
    setting(raw, 'foreign_keys', 'on', 1)
    return { raw, db: kyselyOver(raw) }
  } catch (cause) {
    raw?.close()
    if (cause instanceof Fault) throw cause
    throw new Fault('STORE_FAILED', `${file}: ${String(cause)}`, { cause, seen: { file } })
  }
}

function setting(raw: DatabaseSync, name: string, value: string, reads: string | number = value): void {
  raw.exec(`PRAGMA ${name} = ${value}`)
  const got = Object.values(raw.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  if (got === reads) return
  throw new Fault('STORE_FAILED', `the database does not take ${name} = ${value}: it stays at ${String(got)}`)
}

/** A new file is only there after a power cut when its directory is on disk too. */
function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

const STATEMENTS_KEPT = 256

/** kysely over node:sqlite. Statements are kept by their text: preparing costs more than most of them. */
function kyselyOver(raw: DatabaseSync): Kysely<Tables> {
  const kept = new Map<string, ReturnType<typeof adapt>>()
  const prepare = (text: string) => {
    let statement = kept.get(text)
    if (statement === undefined) {
      // Taking the write lock at once: upgrading a read lock later can fail instead of wait.
      statement = adapt(raw.prepare(text === 'begin' ? 'begin immediate' : text))
      if (kept.size >= STATEMENTS_KEPT) kept.delete(kept.keys().next().value!)
      kept.set(text, statement)
    }
    return statement
  }
  return new Kysely<Tables>({
    dialect: new NodeSqliteDialect({ database: { prepare, close: () => raw.close() } }),
    plugins: [new CamelCasePlugin()],
  })
}

function adapt(statement: StatementSync) {
  return {
    reader: statement.columns().length > 0,
    all: (parameters: readonly unknown[]) => statement.all(...(parameters as never[])),
    run: (parameters: readonly unknown[]) => statement.run(...(parameters as never[])),
    iterate: (parameters: readonly unknown[]) => statement.iterate(...(parameters as never[])),
  }
}
