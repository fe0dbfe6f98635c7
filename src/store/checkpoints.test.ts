import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { Checkpoints } from './checkpoints.ts'
import { openStore } from './store.ts'

function someFile(t: { after(work: () => void): void }): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-checkpoints-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return path.join(dir, 'a.db')
}

/** A database that commits `pages` to its log with each call. */
function opened(file: string) {
  const raw = new DatabaseSync(file)
  raw.exec('PRAGMA journal_mode = wal; PRAGMA synchronous = full; CREATE TABLE page (bytes BLOB)')
  const insert = raw.prepare('INSERT INTO page VALUES (zeroblob(4000))')
  const commit = (pages: number) => {
    raw.exec('BEGIN')
    for (let n = 0; n < pages; n++) insert.run()
    raw.exec('COMMIT')
  }
  const log = () => raw.prepare('PRAGMA wal_checkpoint(noop)').get() as { log: number; checkpointed: number }
  return { raw, commit, log }
}

test('a long log is brought into the file by the thread, not by who commits, and is begun anew', async (t) => {
  const file = someFile(t)
  const { raw, commit, log } = opened(file)
  const checkpoints = new Checkpoints(raw, file)
  commit(3000)
  assert.ok(log().log > 3000)
  assert.equal(log().checkpointed, 0) // the commit itself brought nothing over
  checkpoints.committed()
  while (log().checkpointed < log().log) await turn()
  commit(1)
  assert.ok(log().log < 100)
  await checkpoints.close()
  raw.close()
  assert.equal(existsSync(`${file}-wal`), false)
})

test('a thread that has nothing to do is ended, and another one does what comes later', async (t) => {
  const file = someFile(t)
  const { raw, commit, log } = opened(file)
  const checkpoints = new Checkpoints(raw, file, { idleMs: 1 })
  for (let round = 0; round < 2; round++) {
    commit(1500)
    const started = once(process, 'worker') as Promise<[Worker]>
    checkpoints.committed()
    const [thread] = await started
    thread.ref()
    await once(thread, 'exit')
    assert.equal(log().checkpointed, log().log)
  }
  await checkpoints.close()
  raw.close()
})

test('a short log is nobody’s work, and one that is very long that of who commits', async (t) => {
  const file = someFile(t)
  const { raw, commit, log } = opened(file)
  const checkpoints = new Checkpoints(raw, file)
  commit(10)
  checkpoints.committed()
  await checkpoints.close()
  assert.equal(log().checkpointed, 0)
  commit(16_000)
  assert.equal(log().checkpointed, 0, 'as much as one write can be')
  commit(17_000)
  assert.equal(log().checkpointed, log().log)
  raw.close()
})

test('where there is no thread, who commits brings the log over', async (t) => {
  const file = someFile(t)
  const { raw, commit, log } = opened(file)
  // The thread opens another file than the database, which is not there.
  const checkpoints = new Checkpoints(raw, path.join(path.dirname(file), 'none', 'b.db'))
  commit(1500)
  checkpoints.committed()
  const size = () => raw.prepare('PRAGMA wal_autocheckpoint').get() as { wal_autocheckpoint: number }
  while (size().wal_autocheckpoint !== 1000) await turn()
  commit(1)
  assert.equal(log().checkpointed, log().log)
  checkpoints.committed()
  await checkpoints.close()
  raw.close()
})

test('a store that is closed leaves no log, whatever its thread was doing', async (t) => {
  const file = someFile(t)
  {
    await using store = await openStore({ file })
    await store.transaction(async (tx) => {
      const entry = { actor: 'x', action: 'x.y', object: '', detail: { text: 'x'.repeat(4000) } }
      await tx.audit.appendAll(Array.from({ length: 2000 }, () => entry))
    })
  }
  assert.equal(existsSync(`${file}-wal`), false)
  await using again = await openStore({ file })
  assert.equal((await again.audit.verify()).intact, true)
})
