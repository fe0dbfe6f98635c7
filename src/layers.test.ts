import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

/** Top to bottom. A folder imports itself and folders in rows below it, never one above or beside it. */
const LAYERS: { folders: string[]; why: string }[] = [
  { folders: ['cli'], why: 'turns argv and environment into one running role' },
  {
    folders: ['control', 'edge', 'connector', 'client', 'doctor'],
    why: 'roles meet only on the wire, and the doctor is given to them',
  },
  { folders: ['link', 'store'], why: 'a connection knows no database, a database no connection' },
  { folders: ['mux', 'probe', 'api'], why: 'streams, looking and the REST contract are independent' },
  { folders: ['wire', 'pki', 'policy'], why: 'pure: values in, values out' },
  { folders: ['base'], why: 'knows nothing of tunnels' },
]
const rank = (folder: string) => LAYERS.findIndex((row) => row.folders.includes(folder))

const root = import.meta.dirname
for (const file of globSync('*/**/*.ts', { cwd: root }).sort()) {
  const from = file.split(path.sep)[0]!
  test(`imports of ${file} point down`, () => {
    assert.notEqual(rank(from), -1, `${from} is in no layer`)
    const text = readFileSync(path.join(root, file), 'utf8')
    for (const [, spec] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const to = path.relative(root, path.resolve(root, path.dirname(file), spec!)).split(path.sep)[0]!
      assert.ok(
        to === from || rank(to) > rank(from),
        `${file} imports ${spec}: ${from} ${LAYERS[rank(from)]!.why}`,
      )
    }
  })
}

/** Pure folders decide; they open no socket, read no clock. */
const FORBIDDEN: { folder: string; pattern: RegExp; why: string }[] = [
  { folder: 'wire', pattern: /'node:(net|tls|http|https|fs|dgram|dns)[/']/, why: 'wire is bytes to values' },
  {
    folder: 'policy',
    pattern: /'node:(tls|http|https|fs|dgram|dns)[/']|Date\.now\(/,
    why: 'a decision depends on its input only',
  },
  { folder: 'mux', pattern: /Math\.random\(/, why: 'mux is deterministic' },
]
for (const { folder, pattern, why } of FORBIDDEN) {
  for (const file of globSync(`${folder}/**/*.ts`, { cwd: root }).filter(
    (name) => !name.endsWith('.test.ts'),
  )) {
    test(`${file} stays within its limits`, () => {
      assert.doesNotMatch(readFileSync(path.join(root, file), 'utf8'), pattern, why)
    })
  }
}
