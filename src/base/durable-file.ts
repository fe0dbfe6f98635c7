/**
 * Files that are either the old or the new content, also after a power cut.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Fault, type Hop } from './faults.ts'
import { ownHop } from './own-hop.ts'
import { shortageFault } from './shortage.ts'

export interface FileLook {
  /** Whatever the umask; 0600 by default. */
  readonly mode?: number
  /** Whose it is to be; this process's by default. */
  readonly owner?: { readonly uid: number; readonly gid: number }
}

/**
 * Replaces the whole file: temporary file beside it, fsync, rename, fsync of the directory.
 *
 * @throws {Error} the error of the file system; the old content is then there as it was.
 */
export async function replaceFile(
  file: string,
  content: string | Uint8Array,
  { mode = 0o600, owner }: FileLook = {},
): Promise<void> {
  const fresh = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(6).toString('hex')}`)
  try {
    await write(await open(fresh, 'wx', mode), async (handle) => {
      await handle.chmod(mode)
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
      await handle.writeFile(content)
    })
    await rename(fresh, file)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
  await syncFolder(path.dirname(file))
}

async function write(handle: FileHandle, work: (handle: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(handle)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A replacement that is older than this is of a process that was killed: no write of ours takes as long. */
const LEFT_AFTER_MS = 60_000
const REPLACEMENT = /^\..+\.[0-9a-f]{12}$/

/** Removes what killed processes left of `replaceFile` in this folder. Never throws: it only tidies. */
export async function removeLeftReplacements(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter((one) => REPLACEMENT.test(one))) {
    const file = path.join(folder, name)
    const made = await stat(file).catch(() => undefined)
    if (made === undefined || Date.now() - made.mtimeMs < LEFT_AFTER_MS) continue
    await rm(file, { force: true }).catch(() => {})
  }
}

/** What was made in, renamed in or removed from the folder is so after a power cut, too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Owner and mode are right, and still nothing can be written. */
const NO_SPACE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

/** What a person is told of a file that could not be written: DISK_FULL, STATE_UNWRITABLE, or a shortage of this process, with the errno. */
export function writeFault(error: unknown, at: string, hop: Hop = ownHop()): Fault {
  const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
  const short = shortageFault(errno, at, { cause: error, hop, seen: { path: at, errno } })
  if (short !== undefined) return short
  const code = NO_SPACE.has(errno) ? 'DISK_FULL' : 'STATE_UNWRITABLE'
  return new Fault(code, `${at}: ${errno}`, { cause: error, hop, seen: { path: at, errno } })
}
