/**
 * A backup is one file: the database as of one moment, and in a table of its own the files that belong to it. Whoever
 * reads it can do what the server can.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../base/faults.ts'
import { writtenText } from '../base/written-text.ts'
import { decodeMasterKey } from '../pki/master-key.ts'
import { Vault } from '../pki/vault.ts'
import { knownMigrations } from './migrate.ts'

/** In the state directory of a server. */
export const DATABASE = 'backstitch.db'
export const MASTER_KEY = 'master.key'
/** What a backup holds beside the database, where it is there, and the mode it is put back with. */
export const FILES: Readonly<Record<string, number>> = {
  [MASTER_KEY]: 0o600,
  'public/public.key': 0o600,
  'public/public.crt': 0o644,
}

const TABLE = 'backup_file'
/** Any secret that is always there: what the tenant's authority is sealed in. */
const SEALED = 'tenant'

/** What a look at a backup found. */
export interface BackupContent {
  /** Names of the files in it. */
  readonly files: readonly string[]
  /** Of the audit chain: how far it goes. */
  readonly auditRecords: number
}

/** Puts the files into a copy of the database, which is one file from then on. */
export function addFiles(copy: string, files: ReadonlyMap<string, Uint8Array>): void {
  using db = new DatabaseSync(copy)
  db.exec('PRAGMA journal_mode = delete; PRAGMA synchronous = full')
  db.exec(`CREATE TABLE ${TABLE} (name TEXT PRIMARY KEY, content BLOB NOT NULL)`)
  const insert = db.prepare(`INSERT INTO ${TABLE} VALUES (?, ?)`)
  for (const [name, content] of files) insert.run(name, content)
}

/** Takes them out again: what remains is the database, and no trace of a key in it. */
export function takeFiles(copy: string): Map<string, Uint8Array> {
  using db = new DatabaseSync(copy)
  db.exec('PRAGMA journal_mode = delete; PRAGMA synchronous = full; PRAGMA secure_delete = on')
  const rows = db.prepare(`SELECT name, content FROM ${TABLE}`).all()
  db.exec(`DROP TABLE ${TABLE}`)
  return new Map(rows.map(({ name, content }) => [String(name), content as Uint8Array]))
}

/**
 * Opens it and looks at all of it: every page, the schema, and whether the key opens what is sealed.
 *
 * @param o.masterKey Text of the master key where the backup has none.
 * @throws {Fault} INVALID if it is no backup; STORE_FAILED if it is damaged or of a newer version; MASTER_KEY.
 */
export function checkBackup(file: string, o: { masterKey?: string }): BackupContent {
  if (!existsSync(file)) throw new Fault('NOT_FOUND', `there is no file ${file}`, { hop: 'control' })
  try {
    using db = new DatabaseSync(file, { readOnly: true })
    requireBackup(db, file)
    requireSound(db, file)
    const files = db.prepare(`SELECT name, content FROM ${TABLE}`).all()
    const own = files.find(({ name }) => name === MASTER_KEY)?.content as Uint8Array | undefined
    requireKey(db, file, own === undefined ? o.masterKey : writtenText(own))
    const audit = db.prepare('SELECT max(seq) AS last FROM audit').get()
    return { files: files.map(({ name }) => String(name)), auditRecords: Number(audit?.last ?? 0) }
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    const detail = `${file} cannot be read as a backup: ${(cause as Error).message}`
    throw new Fault('STORE_FAILED', detail, { cause, seen: { file } })
  }
}

function requireBackup(db: DatabaseSync, file: string): void {
  if (db.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(TABLE) !== undefined) return
  const what = `${file} was not made by "backstitch store backup": a copied database lacks the latest writes`
  throw new Fault('INVALID', what, { hop: 'control', seen: { file } })
}

function requireSound(db: DatabaseSync, file: string): void {
  const found = Object.values(db.prepare('PRAGMA integrity_check(1)').get() ?? {})[0]
  if (found !== 'ok') throw new Fault('STORE_FAILED', `${file} is damaged: ${found}`, { seen: { file } })
  const unknown = db
    .prepare('SELECT name FROM schema_migration')
    .all()
    .map(({ name }) => String(name))
    .filter((name) => !knownMigrations.includes(name))
  if (unknown.length === 0) return
  const detail = `${file} was written by a newer version: it has ${unknown.join(', ')}`
  throw new Fault('STORE_FAILED', detail, { seen: { file, unknown } })
}

function requireKey(db: DatabaseSync, file: string, text: string | undefined): void {
  if (text === undefined) {
    throw new Fault('MASTER_KEY', `${file} contains no master key, and there is none here`, {
      seen: { file },
    })
  }
  const sealed = db.prepare('SELECT sealed FROM secret WHERE name = ?').get(SEALED)?.sealed
  if (sealed !== undefined) new Vault(decodeMasterKey(text, file)).open(SEALED, String(sealed))
}
