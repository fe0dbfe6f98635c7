import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeHandoverHeader, encodeHandoverHeader, HANDOVER_HEADER_BYTES } from './handover.ts'

test('property: a header reads back as it was written', () => {
  const request = fc.record(
    {
      mode: fc.constantFrom('raw' as const, 'wrapped' as const),
      trial: fc.boolean(),
      ticketBytes: fc.nat(65_535),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(request, (value) => {
      const bytes = encodeHandoverHeader(value)
      assert.equal(bytes.length, HANDOVER_HEADER_BYTES)
      assert.deepEqual(decodeHandoverHeader(bytes), value)
    }),
  )
})

test('any three bytes are a header that is written the same, or none', () => {
  for (let flags = 0; flags < 256; flags++) {
    const bytes = Buffer.of(flags, 0x12, 0x34)
    const read = decodeHandoverHeader(bytes)
    assert.equal(read === undefined, flags > 3)
    if (read !== undefined) assert.deepEqual(encodeHandoverHeader(read), bytes)
  }
})
