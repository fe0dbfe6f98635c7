/**
 * The file that holds the provisioning key: looked at only while this machine is not enrolled.
 *
 * @module
 */
import { lstat, open, rm, stat } from 'node:fs/promises'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { userName } from '../../base/own-user.ts'
import { shortageFault } from '../../base/shortage.ts'
import { refuseStrangers } from '../../base/strangers.ts'
import { writtenIn } from '../../base/written-text.ts'
import { type ProvisioningKey, parseProvisioningKey } from '../../pki/provisioning-key.ts'

/** Far over any key: a file beyond it is another file. */
const MAX_KEY_BYTES = 4096

/**
 * @throws {Fault} KEY_MISSING (no file, or empty), KEY_UNREADABLE (with uid, owner and mode; or who else could change
 *   it),
 *   KEY_MALFORMED (with the character and its position).
 */
export async function readKeyFile(file: string, log: Log): Promise<ProvisioningKey> {
  const isThere = await refuseStrangers(file, { code: 'KEY_UNREADABLE' })
  if (!isThere) throw await unreadable(file, { code: 'ENOENT' })
  const bytes = Buffer.alloc(MAX_KEY_BYTES + 1)
  let length = 0
  try {
    const handle = await open(file, 'r')
    try {
      const { mode } = await handle.stat()
      if ((mode & 0o004) !== 0) {
        log.warn(
          { event: 'key.world-readable', file, mode: octal(mode) },
          `Provisioning key file is readable by every user of this machine: chmod 0600 ${file}`,
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
  const encoding = writtenIn(bytes.subarray(0, length))
  if (encoding !== 'utf-8') {
    const detail = `${file} is encoded as UTF-16, as written by PowerShell and some Windows editors: save it as plain text (ASCII or UTF-8)`
    throw new Fault('KEY_MALFORMED', detail, { seen: { file, problem: 'UTF-16', position: 1 } })
  }
  const text = bytes.toString('utf8', 0, length)
  if (text.trim() === '')
    throw new Fault('KEY_MISSING', `${file} is empty`, { seen: { file, bytes: length } })
  return parseProvisioningKey(text)
}

/**
 * Is a key there that somebody brought after an admin had deleted this agent? One that lay there before is no answer to
 * that: it would undo what they did.
 *
 * @param fault How it is refused; its evidence says when it was deleted, by the clock of the control plane.
 * @param skewMs How slow the clock of this machine is against that one.
 */
export async function keyAfterDeletion(
  { code, seen }: Pick<Fault, 'code' | 'seen'>,
  file: string,
  skewMs: number,
): Promise<boolean> {
  // Nobody deleted what a restored copy does not know, and any key that is there is meant.
  const sinceMs = Date.parse(String(seen.deleted ?? seen.enrolled))
  if (code !== 'IDENTITY_REVOKED' || Number.isNaN(sinceMs)) return false
  const found = await stat(file).catch(() => undefined)
  return found !== undefined && found.ctimeMs + skewMs > sinceMs
}

async function unreadable(file: string, error: Pick<NodeJS.ErrnoException, 'code'>): Promise<Fault> {
  const errno = error.code ?? 'unknown'
  if (errno === 'ENOENT') {
    return new Fault('KEY_MISSING', `there is no ${file}`, { cause: error, seen: { file, errno } })
  }
  const short = shortageFault(errno, `${file} was not read`, { cause: error, seen: { file, errno } })
  if (short !== undefined) return short
  const seen: Record<string, string | number> = { file, errno, uid: process.getuid?.() ?? -1 }
  const found = await stat(file).catch(() => undefined)
  if (found) Object.assign(seen, { owner: found.uid, mode: octal(found.mode) })
  return new Fault('KEY_UNREADABLE', `${file}: ${errno} as user ${userName()}`, { cause: error, seen })
}

/** After enrolment the key is spent: removed where we may, else a log line says that it can be. */
export async function removeKeyFile(file: string, log: Log): Promise<void> {
  const why = await removed(file).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown')
  if (why === undefined) {
    log.info({ event: 'key.removed', file }, 'Provisioning key file removed: it is no longer needed')
  } else if (why !== 'ENOENT') {
    const fields = { event: 'key.spent', file, errno: why }
    log.info(fields, `Provisioning key is no longer needed: ${file} can be removed`)
  }
}

/** @returns Why it was not: a link leads to a secret that somebody else keeps, and would be there without it, too. */
async function removed(file: string): Promise<'link' | undefined> {
  if ((await lstat(file)).isSymbolicLink()) return 'link'
  await rm(file)
  return undefined
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
