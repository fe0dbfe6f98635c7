import { access, constants, readFile, stat } from 'node:fs/promises'
import { userName } from '../base/own-user.ts'
import { type Stranger, strangerOn } from '../base/strangers.ts'
import { othersListenBelow } from './port-holder.ts'

/** What this user may do with a file or folder, told apart as a person must: not there, or not allowed. */
export interface FileAccess {
  readonly path: string
  readonly is: 'readable' | 'missing' | 'denied' | 'failed'
  /** errno of the failure. */
  readonly errno?: string
  /** Who looks. */
  readonly uid: number
  readonly user: string
  /** Of the file, where it can be seen. */
  readonly owner?: number
  /** Four octal digits. */
  readonly mode?: string
  /** Only asked for folders: who else could change what is in it. */
  readonly stranger?: Stranger
  /** Only asked for folders: may files be made in it? */
  readonly writable?: boolean
  /** Of a folder that may not be written to: another process listens in it, so to somebody it is as it should be. */
  readonly served?: boolean
}

/** Looks as the user of this process. Never throws. */
export async function lookAtFile(path: string): Promise<FileAccess> {
  return look(path, () => access(path, constants.R_OK))
}

export async function lookAtFolder(path: string): Promise<FileAccess> {
  const found = await look(path, () => access(path, constants.R_OK | constants.X_OK))
  if (found.is === 'missing') return found
  const stranger = await strangerOn(path)
  try {
    await access(path, constants.W_OK | constants.X_OK)
    return { ...found, stranger, writable: true }
  } catch (error) {
    return { ...found, stranger, writable: false, served: othersListenBelow(path), errno: errnoOf(error) }
  }
}

async function look(path: string, read: () => Promise<void>): Promise<FileAccess> {
  const who = { path, uid: process.getuid?.() ?? -1, user: userName() }
  const found = await stat(path).catch(() => undefined)
  const facts = found ? { ...who, owner: found.uid, mode: octal(found.mode) } : who
  try {
    await read()
    return { ...facts, is: 'readable' }
  } catch (error) {
    return { ...facts, is: kindOf(errnoOf(error)), errno: errnoOf(error) }
  }
}

function kindOf(errno: string): FileAccess['is'] {
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'missing'
  return errno === 'EACCES' || errno === 'EPERM' ? 'denied' : 'failed'
}

/** Text of a small file of the system, or nothing. */
export async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
