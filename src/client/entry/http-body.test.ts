import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Framing, MessageBody } from './http-body.ts'

/** How many bytes of `text` are the body, given in pieces of `step`; undefined if it is refused. */
function bodyBytes(text: string, framing: Framing, step = text.length): number | undefined {
  const bytes = Buffer.from(text, 'latin1')
  const body = new MessageBody(framing)
  let at = 0
  try {
    while (at < bytes.length && !body.over) {
      const piece = bytes.subarray(0, Math.min(bytes.length, at + step))
      at = body.take(piece, at)
    }
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error))
    return undefined
  }
  return body.over ? at : -1
}

const CHUNKED: Framing = { is: 'chunked' }
const chunk = fc
  .record({
    data: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    extension: fc.constantFrom('', ';a', ';a=1', ';q="x y"'),
    zeros: fc.nat(3),
    upper: fc.boolean(),
  })
  .map(({ data, extension, zeros, upper }) => {
    const size = '0'.repeat(zeros) + Buffer.byteLength(data, 'latin1').toString(16)
    return `${upper ? size.toUpperCase() : size}${extension}\r\n${data}\r\n`
  })
const trailers = fc.constantFrom('', 'X: 1\r\n', 'X: 1\r\nY-Z:\r\n')

test('a chunked body ends where it ends, however its bytes are split and whatever follows', () => {
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 6 }),
      trailers,
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      (chunks, lines, rest, step) => {
        const body = `${chunks.join('')}0\r\n${lines}\r\n`
        assert.equal(bodyBytes(body + rest, CHUNKED, step), body.length)
        assert.equal(bodyBytes(body.slice(0, -1), CHUNKED, step), -1, 'it is not over before its end')
      },
    ),
    { numRuns: 500 },
  )
})

test('what two readers could end at two places is refused', () => {
  for (const text of [
    'zz\r\n',
    '\r\n',
    ';a\r\n',
    ' 5\r\nhello\r\n',
    '5 \r\nhello\r\n',
    '+5\r\nhello\r\n',
    '0x5\r\nhello\r\n',
    '-1\r\n',
    '5\nhello\n',
    '5\r\nhelloX',
    '5\r\nhello\n0\r\n\r\n',
    '5\rhello',
    '5;a\nb\r\nhello\r\n',
    '5;\0\r\nhello\r\n',
    '10000000000000\r\n',
    '0\r\nX : 1\r\n\r\n',
    '0\r\nX\r\n\r\n',
    '0\r\n X: 1\r\n\r\n',
    '0\r\nX: 1\n\r\n',
    '0\r\n\rX',
    `1;${'a'.repeat(20_000)}\r\n`,
    `0\r\n${`X: ${'a'.repeat(1000)}\r\n`.repeat(20)}`,
  ]) {
    assert.equal(bodyBytes(text, CHUNKED), undefined, JSON.stringify(text.slice(0, 40)))
    assert.equal(bodyBytes(text, CHUNKED, 1), undefined, `byte by byte: ${JSON.stringify(text.slice(0, 40))}`)
  }
})

test('a body with a length is as long as that, one without is none', () => {
  assert.equal(bodyBytes('hello, world', { is: 'length', bytes: 5 }, 2), 5)
  assert.equal(bodyBytes('hello', { is: 'length', bytes: 0 }), 0)
  assert.equal(bodyBytes('hello', { is: 'none' }), 0)
  assert.equal(bodyBytes('hell', { is: 'length', bytes: 5 }), -1)
})
