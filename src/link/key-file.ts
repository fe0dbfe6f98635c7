/**
 * The file that holds the provisioning key: looked at only while this machine is not enrolled.
 *
 * @module
 */
import { open, rm, stat } from 'node:fs/promises'
import os from 'node:os'
import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { type ProvisioningKey, parseProvisioningKey } from '../pki/provisioning-key.ts'

/** Far over any key: a file beyond it is another file. */
const MAX_KEY_BYTES = 4096

/**
 * @throws {Fault} KEY_MISSING (no file, or empty), KEY_UNREADABLE (with uid, owner and mode),
 *   KEY_MALFORMED (with the character and its position).
 */
export async function readKeyFile(file: string, log: Log): Promise<ProvisioningKey> {
  const bytes = Buffer.alloc(MAX_KEY_BYTES + 1)
  let length = 0
  try {
    const handle = await open(file, 'r')
    try {
      const { mode } = await handle.stat()
      if ((mode & 0o004) !== 0) {
        log.warn(
          { event: 'key.world-readable', file, mode: octal(mode) },
          `Provisioning key file can be read by everyone on this machine: chmod 0600 ${file}`,
        )
      }
      while (length < bytes.length) {
        const { bytesRead } = await handle.read(bytes, length, bytes.length - length)
        if (bytesRead === 0) break
        length += bytesRead
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw await unreadable(file, error as NodeJS.ErrnoException)
  }
  if (length > MAX_KEY_BYTES) {
    throw new Fault('KEY_MALFORMED', `${file} is over ${MAX_KEY_BYTES} bytes`, { seen: { file } })
  }
  const text = bytes.toString('utf8', 0, length)
  if (text.trim() === '')
    throw new Fault('KEY_MISSING', `${file} is empty`, { seen: { file, bytes: length } })
  return parseProvisioningKey(text)
}

async function unreadable(file: string, error: NodeJS.ErrnoException): Promise<Fault> {
  const errno = error.code ?? 'unknown'
  if (errno === 'ENOENT') {
    return new Fault('KEY_MISSING', `there is no ${file}`, { cause: error, seen: { file, errno } })
  }
  const seen: Record<string, string | number> = { file, errno, uid: process.getuid?.() ?? -1 }
  const found = await stat(file).catch(() => undefined)
  if (found) Object.assign(seen, { owner: found.uid, mode: octal(found.mode) })
  return new Fault('KEY_UNREADABLE', `${file}: ${errno} as user ${userName()}`, { cause: error, seen })
}

/** After enrolment the key is spent: removed where we may, else a log line says that it can be. */
export async function removeKeyFile(file: string, log: Log): Promise<void> {
  try {
    await rm(file)
    log.info({ event: 'key.removed', file }, 'Provisioning key file removed: it is no longer needed')
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
    if (errno === 'ENOENT') return
    log.info(
      { event: 'key.spent', file, errno },
      `Provisioning key is no longer needed: ${file} can be removed`,
    )
  }
}

function userName(): string {
  try {
    return os.userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown') // a uid without a name, as in many containers
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
