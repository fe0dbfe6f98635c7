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
  { folders: ['agent'], why: 'what every process with a control connection has, whatever its role' },
  { folders: ['link', 'store'], why: 'a connection knows no database, a database no connection' },
  { folders: ['mux', 'probe', 'api'], why: 'streams, looking and the REST contract are independent' },
  { folders: ['wire', 'pki', 'policy'], why: 'pure: values in, values out' },
  { folders: ['base'], why: 'knows nothing of tunnels' },
]
const rank = (folder: string) => LAYERS.findIndex((row) => row.folders.includes(folder))

const root = import.meta.dirname

/** Files of src that a file imports, from the root of src. */
function importsOf(file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8')
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, spec]) =>
    path.relative(root, path.resolve(root, path.dirname(file), spec!)),
  )
}

for (const file of globSync('*/**/*.ts', { cwd: root }).sort()) {
  const from = file.split(path.sep)[0]!
  test(`imports of ${file} point down`, () => {
    assert.notEqual(rank(from), -1, `${from} is in no layer`)
    for (const to of importsOf(file).map((one) => one.split(path.sep)[0]!))
      assert.ok(
        to === from || rank(to) > rank(from),
        `${file} imports of ${to}: ${from} ${LAYERS[rank(from)]!.why}`,
      )
  })
}

/** Rooms of a folder, top to bottom; '.' are the files of the folder itself. A room imports itself and rooms below it. */
const ROOMS: Record<string, string[]> = {
  client: ['commands', '.', 'workers', 'trace', 'entry', 'session', 'uplink', 'address'],
  connector: ['.', 'control', 'enrol', 'workers', 'tunnels', 'sessions', 'health', 'dial', 'bring-up'],
  control: ['.', 'front', 'rest', 'apply', 'lint', 'agents', 'trace', 'access', 'presence', 'base'],
  agent: ['.', 'sessions', 'examination', 'edges', 'identity', 'link'],
  link: ['accept', 'control', 'pipe', 'dial'],
}
const room = (file: string) => path.dirname(file).split(path.sep).slice(1).join('/') || '.'

for (const [folder, rooms] of Object.entries(ROOMS)) {
  for (const file of globSync(`${folder}/**/*.ts`, { cwd: root }).sort()) {
    const isTest = /\.(test|fixture)\.ts$/.test(file)
    test(`${file} is in a room of ${folder}, and imports from rooms below`, () => {
      const from = rooms.indexOf(room(file))
      assert.notEqual(from, -1, `${folder} has no room ${room(file)}`)
      if (isTest) return
      for (const to of importsOf(file).filter((one) => one.startsWith(`${folder}${path.sep}`)))
        assert.ok(rooms.indexOf(room(to)) >= from, `${file} imports ${to}, from a room above`)
    })
  }
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

/** What goes in a circle has no bottom to begin reading at. Type imports count, too. */
test('no file of src imports itself by way of others', () => {
  const isOver = new Set<string>()
  const circles: string[] = []
  const follow = (file: string, way: string[]): void => {
    const at = way.indexOf(file)
    if (at >= 0) circles.push([...way.slice(at), file].join(' -> '))
    if (at >= 0 || isOver.has(file)) return
    for (const to of importsOf(file)) follow(to, [...way, file])
    isOver.add(file)
  }
  for (const file of globSync('**/*.ts', { cwd: root })) follow(file, [])
  assert.deepEqual(circles, [])
})
