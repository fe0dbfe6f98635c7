import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

const TYPE = /^(?:export )?(?:abstract )?(?:class|interface|type) (\w+)/gm

test('a type has a name that no other has: whoever reads it need not ask which is meant', () => {
  const root = import.meta.dirname
  const found = new Map<string, string[]>()
  for (const file of globSync('**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] })) {
    for (const [, name] of readFileSync(path.join(root, file), 'utf8').matchAll(TYPE))
      found.set(name!, [...(found.get(name!) ?? []), file])
  }
  assert.ok(found.size > 1000)
  const recurring = [...found].filter(([, files]) => files.length > 1)
  assert.deepEqual(recurring, [])
})

test('an event of the log is named THING.WHAT-HAPPENED, in lower case and with hyphens', () => {
  const root = import.meta.dirname
  const events = globSync('**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] }).flatMap((file) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/\bevent: '([^']*)'/g)].map(([, name]) => name!),
  )
  assert.ok(events.length > 100)
  assert.deepEqual(
    events.filter((name) => !/^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/.test(name)),
    [],
  )
})
