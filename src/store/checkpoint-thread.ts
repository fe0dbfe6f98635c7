/**
 * A thread that brings what was committed from the write-ahead log into the database file: after ten thousand objects
 * were written at once that is thousands of pages and two flushes of the disk, which nobody who asks should wait for.
 *
 * @module
 */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

export type ToCheckpoints = 'now' | 'end'

const raw = new DatabaseSync(workerData as string, { timeout: 0 })
// The log is begun anew as soon as all of it is in the file: by then the file must be on the disk.
raw.exec('PRAGMA synchronous = full')

parentPort!.on('message', (told: ToCheckpoints) => {
  if (told === 'end') {
    raw.close()
    parentPort!.close()
    return
  }
  try {
    // Waits for nobody, and nobody for it. What cannot be brought over now stays in the log, where it is durable.
    raw.exec('PRAGMA wal_checkpoint(passive)')
  } catch {}
  parentPort!.postMessage('done')
})
