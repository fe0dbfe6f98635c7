import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isId, newId } from './ids.ts'

test('newId() makes ids that are valid, all different and in the order of their time', () => {
  const ids = Array.from({ length: 5000 }, (_, i) => newId('ses', 1_800_000_000_000 + i))
  for (const id of ids) assert.ok(isId(id, 'ses'), id)
  assert.equal(new Set(ids.map((id) => id.slice(14))).size, ids.length, 'the random part alone differs')
  assert.deepEqual(ids.toSorted(), ids)
})

test('isId() tells one kind from another, and an id from what looks like one', () => {
  assert.ok(!isId(newId('ses'), 'con'))
  for (const text of [
    '',
    'ses_',
    `${newId('ses')}0`,
    newId('ses').toUpperCase(),
    newId('ses').replace(/.$/, 'u'),
  ]) {
    assert.ok(!isId(text), text)
  }
})
