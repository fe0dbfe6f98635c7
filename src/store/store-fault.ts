import { Fault } from '../base/faults.ts'
import { lockHolder } from '../base/lock-holder.ts'

/** Primary result codes of SQLite: https://sqlite.org/rescode.html */
const BUSY = 5
const FULL = 13
/** The shared memory of the write-ahead log could not be made as long as it must be: no space. */
export const IOERR_SHMSIZE = 4874

/** Extended result code of what node:sqlite threw; undefined if it is something else. */
export function sqliteCode(thrown: unknown): number | undefined {
  const { errcode } = (thrown ?? {}) as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode : undefined
}

export function isBusy(thrown: unknown): boolean {
  return ((sqliteCode(thrown) ?? 0) & 0xff) === BUSY
}

/**
 * What a person is told of a database error: DISK_FULL where there is no space, else STORE_FAILED with what SQLite
 * said; of a lock, who holds it. What is no database error stays itself.
 */
export function storeFault(thrown: unknown, file: string): unknown {
  const code = sqliteCode(thrown)
  if (code === undefined) return thrown
  const cause = thrown as Error
  const seen = { file, said: cause.message }
  if ((code & 0xff) === FULL || code === IOERR_SHMSIZE) {
    return new Fault('DISK_FULL', `${file}: ${cause.message}`, { cause, hop: 'control', seen })
  }
  if (!isBusy(thrown)) return new Fault('STORE_FAILED', `${file}: ${cause.message}`, { cause, seen })
  const holder = lockHolder(file) ?? lockHolder(`${file}-shm`)
  const who = holder === undefined ? 'another process' : `process ${holder.pid} (${holder.name})`
  return new Fault('STORE_FAILED', `${file} is locked by ${who}`, {
    cause,
    seen: { ...seen, pid: holder?.pid ?? 0 },
  })
}
