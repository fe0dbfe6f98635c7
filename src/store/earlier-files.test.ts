import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Migration } from 'kysely/migration'
import { knownMigrations, migrate } from './migrate.ts'
import { openSqlite } from './sqlite.ts'
import { checkStore, openStore } from './store.ts'

function directory(t: TestContext): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'backstitch-earlier-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

/** A file as the version with the first `count` migrations left it. */
async function fileOf(file: string, count: number): Promise<void> {
  const migrations: Record<string, Migration> = {}
  for (const name of knownMigrations.slice(0, count))
    migrations[name] = (await import(`./migrations/${name}.ts`)) as Migration
  const { raw, db } = await openSqlite(file)
  await migrate(raw, db, file, migrations)
  const insert = raw.prepare('INSERT INTO object VALUES (?, ?, ?, 1, ?, 0, 0)')
  insert.run('grp_1', 'connector-group', 'dc1', '{"description":"","enabled":true}')
  insert.run('usr_1', 'user', 'ada', '{"description":"","enabled":true,"groups":[]}')
  raw.exec(`INSERT INTO secret VALUES ('ca', 'sealed', 0)`)
  await db.destroy()
}

/** Tables and indexes, whatever order they were made in. */
async function schemaOf(file: string): Promise<unknown[]> {
  const { raw, db } = await openSqlite(file)
  const rows = raw
    .prepare("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    .all()
    .map(({ name }) => String(name))
  const columns = rows.map((name) =>
    raw.prepare(`SELECT name FROM pragma_table_info('${name}') ORDER BY name`).all(),
  )
  await db.destroy()
  return rows.map((name, index) => [name, columns[index]!.map((column) => column.name)])
}

test('a file of any earlier version comes to the schema of a new one, with what was in it', async (t) => {
  const at = directory(t)
  const fresh = path.join(at, 'fresh.db')
  await (await openStore({ file: fresh }))[Symbol.asyncDispose]()
  const schema = await schemaOf(fresh)
  for (let count = 1; count < knownMigrations.length; count++) {
    const file = path.join(at, `${count}.db`)
    await fileOf(file, count)
    const before = await checkStore(file)
    assert.deepEqual(before?.pending, knownMigrations.slice(count))
    {
      await using store = await openStore({ file })
      assert.equal((await store.objects.get('user', 'ada')).id, 'usr_1')
      assert.equal(await store.secrets.get('ca'), 'sealed')
      const group = await store.objects.get('connector-group', 'dc1')
      const spec = { ...group.spec, location: 'rack 12' }
      assert.equal((await store.objects.put({ ...group, spec })).version, group.version + 1)
    }
    assert.deepEqual(await schemaOf(file), schema, `from ${knownMigrations[count - 1]}`)
    assert.deepEqual(
      readdirSync(at).filter((name) => name.startsWith(`${count}.db.before-`)).length,
      1,
      'with a copy of the file as it was',
    )
  }
})
