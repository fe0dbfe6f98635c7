/**
 * Audit records that the database keeps no longer: files of JSON lines, `audit-FIRST.jsonl`, each a part of the chain.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { replaceFile, writeFault } from '../base/durable-file.ts'
import { Fault } from '../base/faults.ts'
import { linesOf } from '../base/lines.ts'
import { type ChainEnd, type ChainRow, whyBroken } from './audit-chain.ts'
import type { Store } from './store.ts'

/** To a file, and to a step of the store. */
const FILE_RECORDS = 2000

/**
 * Moves records from before `beforeMs` into files of mode 0600 in `dir`. They are durable there before they are gone
 * from the database; one cut off between the two is written anew.
 *
 * @returns how many. @throws {Fault} STATE_UNWRITABLE, DISK_FULL, STORE_FAILED.
 */
export async function archiveAudit(
  store: Pick<Store, 'audit'>,
  { beforeMs, dir }: { beforeMs: number; dir: string },
): Promise<number> {
  let moved = 0
  for (;;) {
    const rows = await store.audit.oldest(FILE_RECORDS, beforeMs)
    const [first, last] = [rows[0], rows.at(-1)]
    if (first === undefined || last === undefined) return moved
    const file = path.join(dir, `audit-${String(first.seq).padStart(12, '0')}.jsonl`)
    const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      await keepOther(file, text)
      await replaceFile(file, text)
    } catch (error) {
      throw writeFault(error, file, 'control')
    }
    await store.audit.forget(last)
    moved += rows.length
    await setImmediate()
  }
}

/**
 * What lies there already and goes on otherwise is of a time that a backup put back has undone: evidence of it, kept
 * under another name.
 */
async function keepOther(file: string, text: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch(unless('ENOENT'))
  if (before === undefined || text.startsWith(before)) return
  const hash = createHash('sha256').update(before).digest('hex').slice(0, 8)
  await link(file, `${file}.undone-${hash}`).catch(unless('EEXIST'))
}

function unless(code: string) {
  return (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error
  }
}

/** What a check of archive files found. */
export interface ArchiveVerdict {
  readonly from: number
  readonly last: ChainEnd
}

/**
 * Checks every link of archive files, each following from the one before.
 *
 * @throws {Fault} AUDIT_BROKEN naming the file and the record; INVALID for what cannot be read.
 */
export async function verifyArchive(files: readonly string[]): Promise<ArchiveVerdict> {
  let before: ChainEnd | undefined
  let from: number | undefined
  for (const file of files) {
    for await (const row of rowsOf(file)) {
      before ??= { seq: row.seq - 1, hash: row.prevHash }
      from ??= row.seq
      const because = whyBroken(row, before.seq + 1, before.hash)
      if (because !== undefined) {
        throw new Fault('AUDIT_BROKEN', `${file}, record ${row.seq}: ${because}`, {
          seen: { file, seq: row.seq },
        })
      }
      before = { seq: row.seq, hash: row.hash }
    }
  }
  if (from === undefined || before === undefined) {
    throw new Fault('INVALID', `there is no record in ${files.join(', ')}`, { hop: 'client' })
  }
  return { from, last: before }
}

/** Far more than any record has. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024

async function* rowsOf(file: string): AsyncIterable<ChainRow> {
  let number = 0
  try {
    const tooLong = () => new Fault('INVALID', `${file}:${number + 1} is not a record`, { hop: 'client' })
    for await (const line of linesOf(createReadStream(file), MAX_RECORD_BYTES, tooLong)) {
      number += 1
      yield JSON.parse(line) as ChainRow
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault('INVALID', `${file}:${number}: ${(cause as Error).message}`, { cause, hop: 'client' })
  }
}
