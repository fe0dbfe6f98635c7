import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { backup, type DatabaseSync } from 'node:sqlite'
import { syncFolder } from '../base/durable-file.ts'

/** All in one step: SQLite begins anew whenever somebody writes between two, and so might never end. Nobody waits for it. */
const ALL_PAGES = 2 ** 31 - 1

/**
 * Copies a database as of one moment into a file of its own, mode 0600, durable when this resolves; others may write
 * meanwhile. Nothing is left where it fails.
 *
 * @throws {Error} of the file system or the database.
 */
export async function copyDatabase(from: DatabaseSync, file: string): Promise<void> {
  const part = path.join(path.dirname(file), `.${path.basename(file)}.part`)
  try {
    // Made before SQLite makes it: what is in it is nobody else's from the first byte on.
    await (await open(part, 'w', 0o600)).close()
    await backup(from, part, { rate: ALL_PAGES })
    const handle = await open(part, 'r+')
    await handle.sync().finally(() => handle.close())
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  await syncFolder(path.dirname(file))
}
