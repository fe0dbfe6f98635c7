/**
 * One process to a state directory. The lock is the kernel's, on a file that stays empty: it ends with the process
 * however that ends, and holds for whoever shares the directory, in containers of their own, too. SQLite is how Node
 * comes to such locks.
 *
 * @module
 */
import { statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { removeLeftReplacements, writeFault } from './durable-file.ts'
import { Fault, type Hop } from './faults.ts'
import { lockHolder } from './lock-holder.ts'
import { ownHop } from './own-hop.ts'

const LOCK_FILE = '.lock'
const SQLITE_BUSY = 5

/** @throws {Fault} STATE_IN_USE naming the process that holds it; STATE_UNWRITABLE, DISK_FULL. */
export async function lockState(dir: string, hop: Hop = ownHop()): Promise<Disposable> {
  const file = path.join(dir, LOCK_FILE)
  await makeIfAbsent(file, hop)
  let held: DatabaseSync | undefined
  try {
    held = new DatabaseSync(file, { timeout: 0 })
    // Nothing is ever written, so that a full disk is no obstacle.
    held.exec('PRAGMA locking_mode = exclusive; PRAGMA journal_mode = memory; BEGIN EXCLUSIVE')
  } catch (cause) {
    held?.close()
    const { errcode, message } = cause as Error & { errcode?: number }
    if (errcode !== SQLITE_BUSY) throw new Fault('STATE_UNWRITABLE', `${file}: ${message}`, { cause, hop })
    const holder = lockHolder(file)
    const who = holder === undefined ? 'another process' : `process ${holder.pid} (${holder.name})`
    throw new Fault('STATE_IN_USE', `${dir}: ${who}`, { cause, hop, seen: { dir, pid: holder?.pid ?? 0 } })
  }
  await removeLeftReplacements(dir)
  return { [Symbol.dispose]: () => held.close() }
}

/** Never opened where it is there: closing it again would give up the lock of this process. */
async function makeIfAbsent(file: string, hop: Hop): Promise<void> {
  try {
    await using made = await open(file, 'wx', 0o600)
    const { uid, gid } = statSync(path.dirname(file))
    if (process.getuid?.() === 0) await made.chown(uid, gid) // of the service, whoever comes first
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw writeFault(error, path.dirname(file), hop)
  }
}
