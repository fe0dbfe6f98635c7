import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeAnswer, encodeQuestion } from './dns-message.ts'

const ID = 0x1234
/** Answer to "a.test": one CNAME with a pointer, one A with TTL 60, one AAAA with TTL 30. */
const ANSWER = Buffer.from(
  '123481800001000300000000' +
    '0161047465737400' + // question: a.test
    '00010001' +
    'c00c000500010000003c0004' + // CNAME, compressed name
    '0162c00e' + // b.test, by pointer
    'c024000100010000003c0004' + // A
    '0a010203' +
    'c024001c00010000001e0010' + // AAAA
    '20010db8000000000000000000000001',
  'hex',
)

test('a question is the name in labels, recursion desired', () => {
  assert.equal(
    encodeQuestion(ID, 'Bücher.test.', 'AAAA').toString('hex'),
    `123401000001000000000000${'0d'}${Buffer.from('xn--bcher-kva').toString('hex')}0474657374${'00'}001c0001`,
  )
  for (const name of ['', 'a..b', `${'x'.repeat(64)}.test`]) {
    assert.throws(() => encodeQuestion(ID, name, 'A'), RangeError, name)
  }
})

test('addresses of both families come with their life; other records are passed over', () => {
  assert.deepEqual(decodeAnswer(ANSWER, ID), {
    rcode: 'NOERROR',
    addresses: [
      { address: '10.1.2.3', ttlSeconds: 60 },
      { address: '2001:db8::1', ttlSeconds: 30 },
    ],
  })
})

test('what is cut short, of another question or no answer at all is not believed', () => {
  for (let length = 0; length < ANSWER.length; length++) {
    assert.equal(decodeAnswer(ANSWER.subarray(0, length), ID), undefined, `cut at ${length}`)
  }
  assert.equal(decodeAnswer(ANSWER, 1), undefined)
  assert.equal(decodeAnswer(encodeQuestion(ID, 'a.test', 'A'), ID), undefined)
})

test('codes have names, unknown ones their number', () => {
  const answered = (rcode: number) => {
    const message = Buffer.from('123481800000000000000000', 'hex')
    message.writeUInt8(0x80 | rcode, 3)
    return decodeAnswer(message, ID)!.rcode
  }
  assert.deepEqual([3, 2, 5, 9].map(answered), ['NXDOMAIN', 'SERVFAIL', 'REFUSED', 'RCODE 9'])
})
