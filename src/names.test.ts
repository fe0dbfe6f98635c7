import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

const TYPE = /^(?:export )?(?:abstract )?(?:class|interface|type) (\w+)/gm
const FUNCTION = /^export (?:async )?function\*? (\w+)/gm
const root = import.meta.dirname

/** Names that are declared in more than one of these files, each with the files. */
function recurring(declaration: RegExp, files: readonly string[]): [string, string[]][] {
  const found = new Map<string, Set<string>>()
  for (const file of files) {
    for (const [, name] of readFileSync(path.join(root, file), 'utf8').matchAll(declaration))
      found.set(name!, (found.get(name!) ?? new Set()).add(file))
  }
  assert.ok(found.size > 500)
  return [...found].filter(([, at]) => at.size > 1).map(([name, at]) => [name, [...at]])
}

test('a type has a name that no other has: whoever reads it need not ask which is meant', () => {
  assert.deepEqual(recurring(TYPE, globSync('**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] })), [])
})

test('an exported function has a name that no other has', () => {
  const exclude = ['**/*.test.ts', 'store/migrations/*.ts'] // each migration is `up`
  assert.deepEqual(recurring(FUNCTION, globSync('**/*.ts', { cwd: root, exclude })), [])
})

test('no name has a word in it for which the vocabulary has another', () => {
  const page = readFileSync(path.join(root, '../docs/vocabulary.md'), 'utf8')
  const rows = page.slice(page.indexOf('## Words that are in no name')).matchAll(/^\| ([a-z, ]+) \|/gm)
  const unwanted = [...rows].flatMap(([, words]) => words!.split(', ')).filter((word) => word !== 'not')
  assert.ok(unwanted.length > 10)
  const wordsOf = (name: string) =>
    name
      .replace(/(?<=[a-z\d])(?=[A-Z])/g, '-')
      .toLowerCase()
      .split(/[-./]/)
  const files = globSync('**/*.ts', { cwd: root })
  const names = files.flatMap((file) =>
    [TYPE, FUNCTION].flatMap((declared) =>
      [...readFileSync(path.join(root, file), 'utf8').matchAll(declared)].map(([, name]) => name!),
    ),
  )
  assert.deepEqual(
    [...files, ...names].filter((name) => wordsOf(name).some((word) => unwanted.includes(word))),
    [],
  )
})

test('an event of the log is named THING.WHAT-HAPPENED, in lower case and with hyphens', () => {
  const events = globSync('**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] }).flatMap((file) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/\bevent: '([^']*)'/g)].map(([, name]) => name!),
  )
  assert.ok(events.length > 100)
  assert.deepEqual(
    events.filter((name) => !/^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/.test(name)),
    [],
  )
})
