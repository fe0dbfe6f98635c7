import assert from 'node:assert/strict'
import { test } from 'node:test'
import { destination } from './destination.ts'

test('a final dot is kept for whoever looks the name up, and makes no other destination', () => {
  const plain = destination('Wiki.Example', 443, 'tcp')
  const dotted = destination('wiki.example.', 443, 'tcp')
  assert.equal(plain.absolute, undefined)
  assert.equal(dotted.absolute, true)
  assert.deepEqual([dotted.host, dotted.key], [plain.host, plain.key])
})
