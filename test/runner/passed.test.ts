import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { finish } from '../program.ts'

/** A small repository; each question is a process of its own there, as each run is. */
function repository(t: TestContext, files: Readonly<Record<string, string>>) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'bs-passed-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const write = (name: string, text: string) => {
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
    writeFileSync(path.join(dir, name), text)
  }
  for (const [name, text] of Object.entries({ 'package.json': '{}', ...files })) write(name, text)
  const ask = async (code: string): Promise<unknown> => {
    const main = `
      const { PassedFiles } = await import(${JSON.stringify(import.meta.resolve('./passed.ts'))})
      const { readsOf } = await import(${JSON.stringify(import.meta.resolve('./reads.ts'))})
      const passed = new PassedFiles()
      console.log(JSON.stringify(${code} ?? null))
      passed.save()`
    const { stdout, stderr } = await finish(
      [process.execPath, '--input-type=module-typescript', '-e', main],
      { cwd: dir },
    )
    assert.notEqual(stdout, '', stderr)
    return JSON.parse(stdout)
  }
  return { write, ask }
}

const TEST = 'src/a.test.ts'
const FILES = {
  [TEST]: "import { a } from './a.ts'\nimport type { T } from './t.ts'",
  'src/a.ts': "export { b as a } from './b.ts'",
  'src/b.ts': "export const b = await import('./c.ts')",
  'src/c.ts': "new Worker(programFile('src/thread'))",
  'src/thread.ts': '',
  'src/t.ts': '',
  'src/other.ts': '',
}

test('a file that passed runs again when something it imports has changed, however far away; and only then', async (t) => {
  const { write, ask } = repository(t, FILES)
  const unchanged = () => ask(`passed.unchanged('${TEST}')`)
  const remember = () => ask(`passed.remember('${TEST}', 7)`)
  assert.equal(await unchanged(), null)
  await remember()
  assert.equal(await unchanged(), 7)
  write('src/other.ts', 'changed')
  assert.equal(await unchanged(), 7)
  for (const name of [TEST, 'src/b.ts', 'src/thread.ts', 'src/t.ts', 'package.json']) {
    write(name, `${FILES[name as keyof typeof FILES] ?? '{}'}\n `)
    assert.equal(await unchanged(), null, name)
    await remember()
    assert.equal(await unchanged(), 7, name)
  }
  await ask(`passed.forget('${TEST}')`)
  assert.equal(await unchanged(), null)
})

test('a test that names a file of the repository depends on it; one that looks around in it on everything', async (t) => {
  const { ask } = repository(t, {
    ...FILES,
    'docs/cli.md': '',
    'src/page.test.ts': "readFileSync(path.resolve(import.meta.dirname, '../docs/cli.md'))",
    'src/folder.test.ts': 'globSync(import.meta.dirname)',
    'src/program.test.ts': "import './program.fixture.ts'",
    'src/program.fixture.ts': "path.join(root, 'bin/backstitch')",
  })
  assert.deepEqual(await ask("readsOf('src/page.test.ts')"), ['docs/cli.md', 'src/page.test.ts'])
  assert.equal(await ask("readsOf('src/folder.test.ts')"), 'all')
  assert.equal(await ask("readsOf('src/program.test.ts')"), 'all')
})
