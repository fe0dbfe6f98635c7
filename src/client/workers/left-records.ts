import { appendFile, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { RecordFile } from '../../agent/sessions/record-file.ts'
import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'

/** Where the records of each worker wait: behind the name of those of the main process. */
export function recordsOfWorker(main: string, worker: number): string {
  return `${main}-${worker}`
}

/**
 * What workers of a run before have left waits with the records of the main process from here on: there may be no worker
 * for days. Said twice, should this break off in between, is said once to the control plane. Never rejects.
 *
 * @param main The file of the main process, which nobody has open.
 */
export async function gatherLeftRecords(main: string, log: Log): Promise<void> {
  const prefix = `${path.basename(main)}-`
  const names = await readdir(path.dirname(main)).catch(() => [])
  for (const name of names.sort()) {
    if (!name.startsWith(prefix) || !/^\d+$/.test(name.slice(prefix.length))) continue
    const file = path.join(path.dirname(main), name)
    try {
      const lines = await RecordFile.read(file)
      if (lines.length > 0)
        await appendFile(main, lines.map((line) => `${line}\n`).join(''), { mode: 0o600, flush: true })
      await rm(file)
    } catch (error) {
      log.warn({ event: 'session-report.unread', file }, asFault(error).message)
    }
  }
}
