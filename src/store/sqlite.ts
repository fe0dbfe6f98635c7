import { chmod } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CamelCasePlugin, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { syncFolder } from '../base/durable-file.ts'
import { Fault } from '../base/faults.ts'
import { Checkpoints } from './checkpoints.ts'
import { whenFree } from './sqlite-connection.ts'
import { NodeSqliteDriver } from './sqlite-driver.ts'
import { IOERR_SHMSIZE, sqliteCode, storeFault } from './store-fault.ts'
import type { Tables } from './tables.ts'
import { WriteLock } from './write-lock.ts'

/** A write-ahead log that one burst has made longer is cut back to this. */
const LOG_BYTES = 64 * 2 ** 20

/** Pages that each connection keeps, as SQLite takes it: kibibytes, negative. */
const CACHE_KIB = -16_384

/** What SQLite can do and kysely's own adapter does not know. */
class Adapter extends SqliteAdapter {
  /** The driver has one that writes and others that read. */
  override get supportsMultipleConnections(): boolean {
    return true
  }

  /** Otherwise a migration would be split. */
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/**
 * Opens the file with the settings that durability rests on, and refuses to run without them: an
 * acknowledged write must survive a power cut.
 *
 * @throws {Fault} STORE_FAILED, DISK_FULL.
 */
export async function openSqlite(
  file: string,
  lock = new WriteLock(),
): Promise<{ raw: DatabaseSync; db: Kysely<Tables> }> {
  let raw: DatabaseSync | undefined
  try {
    const connected = await connect(file)
    raw = connected.raw
    setting(raw, 'synchronous', 'full', 2)
    setting(raw, 'foreign_keys', 'on', 1)
    setting(raw, 'journal_size_limit', String(LOG_BYTES), LOG_BYTES)
    setting(raw, 'cache_size', String(CACHE_KIB), CACHE_KIB)
    const others = connected.shared
      ? { openReader: () => reader(file), checkpoints: new Checkpoints(raw, file) }
      : {}
    return { raw, db: kyselyOver(new NodeSqliteDriver(raw, file, { lock, ...others })) }
  } catch (thrown) {
    raw?.close()
    const fault = storeFault(thrown, file)
    if (fault instanceof Fault) throw fault
    throw new Fault('STORE_FAILED', `${file}: ${String(thrown)}`, { cause: thrown, seen: { file } })
  }
}

/** @returns shared: further connections to it can be opened. */
async function connect(file: string): Promise<{ raw: DatabaseSync; shared: boolean }> {
  try {
    return { raw: await connectAs(file, 'normal'), shared: file !== ':memory:' }
  } catch (error) {
    if (sqliteCode(error) !== IOERR_SHMSIZE) throw error
    // There is no space for the memory that processes share: this one shares the file with nobody until it ends, and
    // can read; it can write when there is space again.
    return { raw: await connectAs(file, 'exclusive'), shared: false }
  }
}

function reader(file: string): DatabaseSync {
  const raw = new DatabaseSync(file, { timeout: 0, readOnly: true })
  raw.exec(`PRAGMA cache_size = ${CACHE_KIB}`)
  return raw
}

async function connectAs(file: string, locking: 'normal' | 'exclusive'): Promise<DatabaseSync> {
  const raw = new DatabaseSync(file, { timeout: 0 })
  if (file === ':memory:') return raw
  try {
    await chmod(file, 0o600)
    setting(raw, 'locking_mode', locking)
    await whenFree(raw, () => setting(raw, 'journal_mode', 'wal'))
    await syncFolder(path.dirname(file))
    return raw
  } catch (error) {
    raw.close()
    throw error
  }
}

function setting(raw: DatabaseSync, name: string, value: string, reads: string | number = value): void {
  raw.exec(`PRAGMA ${name} = ${value}`)
  const got = Object.values(raw.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  if (got === reads) return
  throw new Fault(
    'STORE_FAILED',
    `the database does not accept ${name} = ${value}: it stays at ${String(got)}`,
  )
}

function kyselyOver(driver: NodeSqliteDriver): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createDriver: () => driver,
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createAdapter: () => new Adapter(),
      createIntrospector: (db) => new SqliteIntrospector(db),
    },
    plugins: [new CamelCasePlugin()],
  })
}
