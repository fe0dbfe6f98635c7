import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openStore } from './store.ts'

/** What somebody with the file could do, and the first record that must be named. */
const TAMPERING: { name: string; sql: string; seq: number; because: RegExp }[] = [
  {
    name: 'a detail changed',
    sql: `UPDATE audit SET detail = '{"n":9}' WHERE seq = 3`,
    seq: 3,
    because: /content was changed/,
  },
  { name: 'an actor changed', sql: `UPDATE audit SET actor = 'b' WHERE seq = 1`, seq: 1, because: /content/ },
  {
    name: 'a time changed',
    sql: 'UPDATE audit SET time_ms = time_ms + 1 WHERE seq = 5',
    seq: 5,
    because: /content/,
  },
  {
    name: 'a record removed',
    sql: 'DELETE FROM audit WHERE seq = 2',
    seq: 2,
    because: /record 2 is missing/,
  },
  {
    name: 'the start removed',
    sql: 'DELETE FROM audit WHERE seq < 3',
    seq: 1,
    because: /record 1 is missing/,
  },
  {
    name: 'the end removed',
    sql: 'DELETE FROM audit WHERE seq > 3',
    seq: 4,
    because: /records 4 to 5 are missing/,
  },
  { name: 'all removed', sql: 'DELETE FROM audit', seq: 1, because: /records 1 to 5 are missing/ },
  {
    name: 'two records exchanged',
    sql: `UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;
          UPDATE audit SET seq = 3 WHERE seq = 100`,
    seq: 2,
    because: /does not follow/,
  },
  {
    name: 'a record added',
    sql: `INSERT INTO audit SELECT 6, time_ms, actor, action, object, detail, hash, hash FROM audit WHERE seq = 5`,
    seq: 6,
    because: /added from outside/,
  },
  {
    name: 'the last record replaced, with a hash that fits it',
    sql: `DELETE FROM audit WHERE seq = 5;
          INSERT INTO audit SELECT 5, time_ms, actor, action, object, detail, hash, hash FROM audit WHERE seq = 4`,
    seq: 5,
    because: /content was changed/,
  },
]

for (const { name, sql, seq, because } of TAMPERING) {
  test(`audit: ${name} is found and named`, async (t) => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'backstitch-audit-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const file = path.join(directory, 'store.db')
    {
      await using store = await openStore({ file })
      for (let n = 1; n <= 5; n++) {
        await store.audit.append({ actor: 'a', action: 'b.c', object: `o ${n}`, detail: { n } })
      }
      assert.equal((await store.audit.verify()).intact, true)
    }
    const raw = new DatabaseSync(file)
    raw.exec(sql)
    raw.close()
    await using store = await openStore({ file })
    const verdict = await store.audit.verify()
    assert.ok(!verdict.intact)
    assert.equal(verdict.seq, seq)
    assert.match(verdict.because, because)
  })
}

test('audit: a chain longer than one read, checked while others append', async () => {
  await using store = await openStore({ file: ':memory:' })
  const append = () => store.audit.append({ actor: 'a', action: 'b.c', object: '' })
  await store.transaction(async (tx) => {
    for (let n = 0; n < 1100; n++) await tx.audit.append({ actor: 'a', action: 'b.c', object: '' })
  })
  const [verdict] = await Promise.all([store.audit.verify(), append(), append()])
  assert.ok(verdict.intact && verdict.records >= 1100)
})
