import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { batches, cutText, encodedBytes } from './encoded.ts'
import { inParts, ListParts } from './list-parts.ts'

/** Quotes, control characters, halves of surrogates and emoji: what weighs more than it looks. */
const text = fc.string({
  unit: fc.constantFrom('a', '"', '\\', '\u0001', '\ud800', 'ä', '漢', '😀'),
  maxLength: 300,
})

test('batches: nothing is lost or turned round, and each is within bytes and items', () => {
  fc.assert(
    fc.property(
      fc.array(text),
      fc.integer({ min: 2000, max: 9000 }),
      fc.nat({ max: 40 }),
      (items, maxBytes, n) => {
        const maxItems = n + 1
        const found = [...batches(items, { maxBytes, maxItems })]
        assert.deepEqual(found.flat(), items)
        for (const batch of found) {
          assert.ok(batch.length > 0 && batch.length <= maxItems)
          assert.ok(encodedBytes(batch) <= maxBytes)
        }
      },
    ),
  )
})

test('batches: an item that is over the limit by itself does not take the others along', () => {
  const found = [...batches(['a', 'x'.repeat(100), 'b'], { maxBytes: 50, maxItems: 10 })]
  assert.deepEqual(found, [['a', 'b']])
})

test('cutText: the start of the text, as long as it weighs no more', () => {
  fc.assert(
    fc.property(text, fc.nat({ max: 500 }), (whole, maxBytes) => {
      const cut = cutText(whole, maxBytes)
      assert.ok(whole.startsWith(cut))
      assert.ok(encodedBytes(cut) - 2 <= maxBytes)
      if (encodedBytes(whole) - 2 <= maxBytes && whole.length <= maxBytes) assert.equal(cut, whole)
    }),
  )
})

test('parts: a list comes whole, however long; one that begins anew takes the place of one that did not end', () => {
  const list = Array.from({ length: 5000 }, (_, n) => `${n}`.repeat(40))
  const parts = inParts(list, 1000)
  assert.ok(parts.length >= 5)
  const collected = new ListParts<string>()
  for (const { part, items } of parts.slice(0, 3)) assert.equal(collected.take(part, items), undefined)
  const taken = parts.map(({ part, items }) => collected.take(part, items))
  assert.deepEqual(taken.pop(), list)
  assert.ok(taken.every((one) => one === undefined))
  assert.equal(collected.take({ at: 1, of: 2 }, []), undefined, 'a part out of turn')
  assert.deepEqual(inParts([], 10), [{ part: { at: 0, of: 1 }, items: [] }])
})
