import { existsSync } from 'node:fs'
import { chown, copyFile, link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { rfc3339 } from '../base/clock.ts'
import { replaceFile, syncFolder, writeFault } from '../base/durable-file.ts'
import { Fault } from '../base/faults.ts'
import { StateDir } from '../base/state-dir.ts'
import { lockState } from '../base/state-lock.ts'
import { writtenText } from '../base/written-text.ts'
import { type BackupContent, checkBackup, DATABASE, FILES, MASTER_KEY, takeFiles } from './backup-file.ts'
import { openStore } from './store.ts'

export interface RestoreOptions {
  readonly stateDir: string
  readonly file: string
  /** Value of BACKSTITCH_MASTER_KEY, where the server has it from there. */
  readonly masterKey?: string
  readonly nowMs?: number
}

export interface Restored extends BackupContent {
  /** Where what was there before lies now; absent where there was nothing. */
  readonly formerly?: string
}

const WRITE_AHEAD = ['-wal', '-shm'] as const

/**
 * Puts a backup in the place of a server's state, and what was there into a folder beside it. Whenever the power goes,
 * there is a database; the state directory is held meanwhile, so that no server runs on it.
 *
 * @throws {Fault} STATE_IN_USE; INVALID, STORE_FAILED, MASTER_KEY for a backup that cannot be used: nothing is changed
 * then; STATE_UNWRITABLE, DISK_FULL.
 */
export async function restore(o: RestoreOptions): Promise<Restored> {
  const { stateDir, file, nowMs = Date.now() } = o
  await StateDir.open(stateDir, 'control')
  using _held = await lockState(stateDir, 'control')
  const at = (name: string) => path.join(stateDir, name)
  const ownKey = await readFile(at(MASTER_KEY)).then(writtenText, () => undefined)
  const content = checkBackup(file, { masterKey: o.masterKey ?? ownKey })
  const fresh = at(`.${DATABASE}.restored`)
  try {
    await copyFile(file, fresh)
    await own(fresh, stateDir, 0o600)
    const files = takeFiles(fresh)
    await sync(fresh)
    const formerly = await keepFormer(stateDir, nowMs)
    for (const [name, bytes] of files) {
      const mode = FILES[name]
      if (mode === undefined) continue // of a newer version: nothing that this one would read
      await mkdir(path.dirname(at(name)), { recursive: true, mode: 0o700 })
      await own(path.dirname(at(name)), stateDir, 0o700)
      await replaceFile(at(name), bytes, { mode, owner: await ownerOf(stateDir) })
    }
    await rename(fresh, at(DATABASE))
    await syncFolder(stateDir)
    await say(at(DATABASE), path.basename(file))
    return { ...content, formerly }
  } catch (error) {
    throw error instanceof Fault ? error : writeFault(error, stateDir, 'control')
  } finally {
    await rm(fresh, { force: true })
  }
}

/** Links what is there into a folder of its own; a write-ahead log would be taken for one of the restored database. */
async function keepFormer(stateDir: string, nowMs: number): Promise<string | undefined> {
  const at = (name: string) => path.join(stateDir, name)
  if (!existsSync(at(DATABASE))) return undefined
  mergeWriteAhead(at(DATABASE))
  const folder = at(`before-restore-${rfc3339(nowMs).replace(/[:.]/g, '-')}`)
  await mkdir(path.join(folder, 'public'), { recursive: true, mode: 0o700 })
  for (const name of [DATABASE, ...Object.keys(FILES)]) {
    if (existsSync(at(name))) await link(at(name), path.join(folder, name))
  }
  for (const suffix of WRITE_AHEAD) {
    const left = at(DATABASE + suffix)
    if (existsSync(left)) await rename(left, path.join(folder, DATABASE + suffix))
  }
  await own(folder, stateDir, 0o700)
  await syncFolder(folder)
  await syncFolder(stateDir)
  return folder
}

/** The former database becomes one file, if it can still be opened. */
function mergeWriteAhead(database: string): void {
  try {
    using db = new DatabaseSync(database)
    db.exec('PRAGMA wal_checkpoint(truncate)')
  } catch {}
}

/** Opened as the server opens it, brought up to date, and in the chain: who reads it later sees where it goes back. */
async function say(database: string, from: string): Promise<void> {
  await using store = await openStore({ file: database })
  await store.audit.append({ actor: 'system', action: 'store.restore', object: '', detail: { from } })
}

async function ownerOf(stateDir: string): Promise<{ uid: number; gid: number } | undefined> {
  return process.getuid?.() === 0 ? stat(stateDir) : undefined
}

/** As root: the service's, as the directory is. */
async function own(file: string, stateDir: string, mode: number): Promise<void> {
  const owner = await ownerOf(stateDir)
  if (owner !== undefined) await chown(file, owner.uid, owner.gid)
  await using handle = await open(file, 'r')
  await handle.chmod(mode)
}

async function sync(file: string): Promise<void> {
  await using handle = await open(file, 'r')
  await handle.sync()
}
