import { existsSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { syncFolder, writeFault } from '../base/durable-file.ts'
import { Fault } from '../base/faults.ts'
import { writtenText } from '../base/written-text.ts'
import { addFiles, type BackupContent, checkBackup, DATABASE, FILES, MASTER_KEY } from './backup-file.ts'
import { copyDatabase } from './copy-database.ts'
import { whenFree } from './sqlite-connection.ts'
import { storeFault } from './store-fault.ts'

export interface BackupOptions {
  readonly stateDir: string
  readonly file: string
  /** False where the key is kept elsewhere: the backup alone is then of no use to anybody. */
  readonly withMasterKey: boolean
  /** Value of BACKSTITCH_MASTER_KEY, which wins over the file. */
  readonly masterKey?: string
}

/**
 * Writes what a server needs to be itself again into one file of mode 0600, while it runs and is written to; then opens
 * that file and checks all of it.
 *
 * @throws {Fault} CONFLICT if there is such a file; NOT_FOUND if there is no store; MASTER_KEY, STORE_FAILED,
 * STATE_UNWRITABLE, DISK_FULL.
 */
export async function backUp({
  stateDir,
  file,
  withMasterKey,
  masterKey,
}: BackupOptions): Promise<BackupContent> {
  if (existsSync(file)) throw new Fault('CONFLICT', `${file} already exists`, { hop: 'control' })
  const database = path.join(stateDir, DATABASE)
  if (!existsSync(database)) throw new Fault('NOT_FOUND', `there is no ${database}`, { hop: 'control' })
  const part = path.join(path.dirname(file), `.${path.basename(file)}.unchecked`)
  try {
    await copyFrom(database, part)
    const files = await filesOf(stateDir)
    const own = files.get(MASTER_KEY)
    if (!withMasterKey || masterKey !== undefined) files.delete(MASTER_KEY)
    addFiles(part, files)
    const content = checkBackup(part, { masterKey: masterKey ?? (own && writtenText(own)) })
    await rename(part, file)
    await syncFolder(path.dirname(file))
    return content
  } catch (error) {
    const fault = storeFault(error, file)
    throw fault instanceof Fault ? fault : writeFault(error, file, 'control')
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm']) await rm(part + suffix, { force: true })
  }
}

async function copyFrom(database: string, to: string): Promise<void> {
  using source = new DatabaseSync(database, { timeout: 0 })
  // A first read finds a lock, or damage, before anything is written.
  await whenFree(source, () => source.prepare('SELECT count(*) FROM sqlite_master').get()).catch((error) => {
    throw storeFault(error, database)
  })
  await copyDatabase(source, to)
}

async function filesOf(stateDir: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  for (const name of Object.keys(FILES)) {
    const content = await readFile(path.join(stateDir, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
    if (content !== undefined) found.set(name, content)
  }
  return found
}
