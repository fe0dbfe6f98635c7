import assert from 'node:assert/strict'
import { test } from 'node:test'
import { repeatedMember } from './json-members.ts'
import { atOnce } from './slices.ts'

const placeIn = (text: string) => atOnce(repeatedMember(text, JSON.parse(text)))

test('a name that comes twice is found where it is, whatever stands between', () => {
  assert.deepEqual(placeIn('{"a":1,"a":2}'), ['a'])
  assert.deepEqual(placeIn('{"list":[{"b":1},{"b":{"c":":"},"d":"\\":{\\"","b" \n: 2}]}'), ['list', 1, 'b'])
  assert.deepEqual(placeIn('{"a":1,"\\u0061":2}'), ['a'], 'spelled in two ways')
  assert.deepEqual(placeIn('{"__proto__":1,"__proto__":{"x":1}}'), ['__proto__'])
  assert.deepEqual(placeIn(`{"a":1${' '.repeat(200)},"a"${' '.repeat(200)}:2}`), ['a'])
})

test('what has each name once is left alone', () => {
  for (const text of [
    ...['1', '"a:b"', '[]', '{}', '{"a":{"a":{"a":[":", "\\\\", "\\":"]}}}'],
    ...['[{"a":1},{"a":1}]', '{"__proto__":{"a":1},"constructor":2}', '{"":1}'],
  ]) {
    assert.equal(placeIn(text), undefined, text)
  }
})
