/** Where the vault's key comes from: the environment, else a file that only its owner can read, made on the first run. */

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, link, open, rm } from 'node:fs/promises'
import path from 'node:path'
import { syncFolder, writeFault } from '../base/durable-file.ts'
import { Fault } from '../base/faults.ts'
import { refuseStrangers } from '../base/strangers.ts'
import { writtenIn, writtenText } from '../base/written-text.ts'
import { MASTER_KEY_BYTES } from './vault.ts'

export const MASTER_KEY_VARIABLE = 'BACKSTITCH_MASTER_KEY'
const GROUP_AND_OTHER = 0o077
const MAX_FILE_BYTES = 256
const EXPECTED = `base64 of ${MASTER_KEY_BYTES} bytes`

/**
 * @param o.env Value of BACKSTITCH_MASTER_KEY, base64 of 32 bytes; wins over the file when it is set.
 * @param o.sealed What is sealed with the key and is there already: a new key could not open it, so none is made.
 * @returns `created` is true once, on the run that made the file.
 * @throws {Fault} MASTER_KEY if the key is malformed, the file can be read by group or other, or it is gone and `sealed`
 * is not; STATE_UNWRITABLE, DISK_FULL if it cannot be made.
 */
export async function loadMasterKey(o: {
  file: string
  env?: string
  sealed?: string
}): Promise<{ key: Buffer; created: boolean }> {
  if (o.env !== undefined) return { key: decodeMasterKey(o.env, MASTER_KEY_VARIABLE), created: false }
  const existing = await readKey(o.file)
  if (existing !== undefined) return { key: existing, created: false }
  if (o.sealed !== undefined) {
    const how = `restore it from its backup, or set ${MASTER_KEY_VARIABLE}`
    throw new Fault('MASTER_KEY', `${o.file} is missing, and ${o.sealed} cannot be read without it: ${how}`, {
      seen: { file: o.file, sealed: o.sealed },
    })
  }
  const created = await createKey(o.file)
  // Two first runs side by side: one file wins, and both use it.
  const key = await readKey(o.file)
  if (key === undefined) throw new Fault('MASTER_KEY', `${o.file} disappeared while it was being created`)
  return { key, created }
}

async function readKey(file: string): Promise<Buffer | undefined> {
  if (!(await refuseStrangers(file, { code: 'MASTER_KEY' }))) return undefined
  let handle: FileHandle
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (thrown) {
    if (errno(thrown) === 'ENOENT') return undefined
    throw new Fault('MASTER_KEY', `${file} cannot be opened: ${errno(thrown)}`, { cause: thrown })
  }
  try {
    const stat = await handle.stat() // of the open file: a swap after the check changes nothing
    if (!stat.isFile()) throw new Fault('MASTER_KEY', `${file} is not a regular file`)
    if ((stat.mode & GROUP_AND_OTHER) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
      throw new Fault('MASTER_KEY', `${file} has mode ${mode}, so others can read it: chmod 0600 ${file}`, {
        seen: { file, mode, uid: stat.uid },
      })
    }
    if (stat.size > MAX_FILE_BYTES)
      throw new Fault('MASTER_KEY', `${file} has ${stat.size} bytes, but must contain ${EXPECTED}`)
    const bytes = await handle.readFile()
    if (writtenIn(bytes) !== 'utf-8') {
      const how = 'as written by PowerShell and some Windows editors: save it as plain text (ASCII or UTF-8)'
      throw new Fault('MASTER_KEY', `${file} is encoded as UTF-16, ${how}`, {
        seen: { file, problem: 'UTF-16' },
      })
    }
    return decodeMasterKey(writtenText(bytes), file)
  } finally {
    await handle.close()
  }
}

/** Written whole and durable under another name, then linked: a crash leaves either no key or the key. */
async function createKey(file: string): Promise<boolean> {
  const part = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const handle = await open(part, 'wx', 0o600)
    try {
      await handle.chmod(0o600) // whatever the umask
      await handle.writeFile(`${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(part, file)
    await syncFolder(path.dirname(file))
    return true
  } catch (thrown) {
    if (errno(thrown) === 'EEXIST') return false
    throw writeFault(thrown, file, 'control')
  } finally {
    await rm(part, { force: true })
  }
}

/** @throws {Fault} MASTER_KEY naming where the text is from. */
export function decodeMasterKey(text: string, from: string): Buffer {
  const trimmed = text.replace(/\r?\n$/, '')
  const key = Buffer.from(trimmed, 'base64')
  const canonical = key.toString('base64')
  if (key.length !== MASTER_KEY_BYTES || (canonical !== trimmed && canonical.replace(/=$/, '') !== trimmed)) {
    throw new Fault('MASTER_KEY', `${from} does not contain ${EXPECTED}: ${whatIs(trimmed, key.length)}`)
  }
  return key
}

/** What came, without a word of it: it may be most of a key. */
function whatIs(text: string, bytes: number): string {
  if (text === '') return 'it is empty'
  const at = text.search(/[^A-Za-z0-9+/=]/)
  if (at !== -1) {
    const codePoint = text.codePointAt(at)!.toString(16).toUpperCase().padStart(4, '0')
    return `character ${at + 1} of ${text.length} is U+${codePoint}`
  }
  return bytes === MASTER_KEY_BYTES
    ? 'its end is not base64'
    : `${text.length} characters, for ${bytes} bytes`
}

function errno(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException).code ?? 'unknown error'
}
