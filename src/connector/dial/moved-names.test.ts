import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MovedNames } from './moved-names.ts'

test('a name that leads elsewhere since it worked is told, until it is reached again', () => {
  let nowMs = Date.parse('2026-05-30T09:12:00Z')
  const names = new MovedNames(() => nowMs)
  names.worked('app', '10.0.0.1')
  names.failed('app', ['10.0.0.1'])
  assert.equal(names.notes.length, 0, 'it leads where it led: the application is down')
  nowMs += 60_000
  names.worked('app', '10.0.0.1')
  names.failed('app', ['10.0.0.9'])
  names.failed('never-worked', ['10.0.0.9'])
  const [note, ...others] = names.notes
  assert.deepEqual([note!.code, note!.hop, others], ['APP_NAME_WRONG_VIEW', 'dns', []])
  assert.match(
    note!.detail,
    /^app resolved to 10\.0\.0\.1, which answered until 2026-05-30T09:13:00.*now resolves to 10\.0\.0\.9/,
  )
  names.worked('app', '10.0.0.9')
  assert.equal(names.notes.length, 0)
  names.failed('app', ['10.0.0.1'])
  assert.match(names.notes[0]!.detail, /^app resolved to 10\.0\.0\.9/)
})

test('many names: no more is kept than there is room for', () => {
  const names = new MovedNames()
  for (let n = 0; n < 5000; n++) names.worked(`app${n}`, '10.0.0.1')
  for (let n = 0; n < 5000; n++) names.failed(`app${n}`, ['10.0.0.2'])
  assert.equal(names.notes.length, 32)
})
