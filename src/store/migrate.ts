import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { Fault } from '../base/faults.ts'
import { copyDatabase } from './copy-database.ts'
import { up as start } from './migrations/0001-start.ts'
import { up as grantPorts } from './migrations/0002-grant-ports.ts'
import { up as edges } from './migrations/0003-edges.ts'
import { up as outages } from './migrations/0004-outages.ts'
import { up as denials } from './migrations/0005-denials.ts'
import { up as deletedKeys } from './migrations/0006-deleted-keys.ts'
import { up as openSessions } from './migrations/0007-open-sessions.ts'
import { up as signIns } from './migrations/0008-sign-ins.ts'
import { up as sessionsOfGrants } from './migrations/0009-sessions-of-grants.ts'
import { up as atSize } from './migrations/0010-at-size.ts'
import { up as failover } from './migrations/0011-failover.ts'
import { up as deletedKeysFor } from './migrations/0012-deleted-keys-for.ts'
import type { Tables } from './tables.ts'

/** In order; a migration that was released never changes. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-start': { up: start as Migration['up'] },
  '0002-grant-ports': { up: grantPorts as Migration['up'] },
  '0003-edges': { up: edges as Migration['up'] },
  '0004-outages': { up: outages as Migration['up'] },
  '0005-denials': { up: denials as Migration['up'] },
  '0006-deleted-keys': { up: deletedKeys as Migration['up'] },
  '0007-open-sessions': { up: openSessions as Migration['up'] },
  '0008-sign-ins': { up: signIns as Migration['up'] },
  '0009-sessions-of-grants': { up: sessionsOfGrants as Migration['up'] },
  '0010-at-size': { up: atSize as Migration['up'] },
  '0011-failover': { up: failover as Migration['up'] },
  '0012-deleted-keys-for': { up: deletedKeysFor as Migration['up'] },
}

/** Names, in order. */
export const knownMigrations: readonly string[] = Object.keys(MIGRATIONS)

const MIGRATION_TABLE = 'schema_migration'

/** Where a database stands towards this version of the program. */
export interface SchemaState {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
  /** Applied by a newer program: this one must not write. */
  readonly unknown: readonly string[]
}

/** Looks, changes nothing. */
export async function schemaState(
  db: Kysely<Tables>,
  migrations: Readonly<Record<string, Migration>> = MIGRATIONS,
): Promise<SchemaState> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  const has = tables.some((table) => table.name === MIGRATION_TABLE)
  const { rows } = has
    ? await sql<{ name: string }>`select name from ${sql.table(MIGRATION_TABLE)}`.execute(db)
    : { rows: [] }
  const applied = rows.map((row) => row.name).sort()
  return {
    applied,
    pending: Object.keys(migrations).filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !Object.hasOwn(migrations, name)),
  }
}

/**
 * Brings the schema up to date, all of it or nothing, with a copy of the file beside it first.
 *
 * @returns The names applied now, and where the copy is.
 * @throws {Fault} STORE_FAILED if a newer program wrote this file, or a migration fails.
 */
export async function migrate(
  raw: DatabaseSync,
  db: Kysely<Tables>,
  file: string,
  migrations: Readonly<Record<string, Migration>> = MIGRATIONS,
): Promise<{ applied: readonly string[]; backup?: string }> {
  const state = await schemaState(db, migrations)
  if (state.unknown.length > 0) {
    const detail = `${file} was written by a newer version: it has ${state.unknown.join(', ')}`
    throw new Fault('STORE_FAILED', detail, { seen: { file, unknown: state.unknown } })
  }
  if (state.pending.length === 0) return { applied: [] }
  const copy = state.applied.length === 0 || file === ':memory:' ? undefined : copyName(file, state.applied)
  if (copy !== undefined) await copyDatabase(raw, copy)
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: MIGRATION_TABLE,
    migrationLockTableName: `${MIGRATION_TABLE}_lock`,
  })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return { applied: state.pending, backup: copy }
  const kept = copy === undefined ? '' : `; the file as it was is ${copy}`
  throw new Fault('STORE_FAILED', `cannot migrate ${file}: ${String(error)}${kept}`, { cause: error })
}

function copyName(file: string, applied: readonly string[]): string {
  return path.join(path.dirname(file), `${path.basename(file)}.before-${applied.at(-1)}.${Date.now()}`)
}
