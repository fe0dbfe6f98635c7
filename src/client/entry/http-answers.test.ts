import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Answers, answerFraming } from './http-answers.ts'

const plain = { method: 'GET', text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello' }
const CLEAR = [
  plain,
  {
    method: 'GET',
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n',
  },
  { method: 'HEAD', text: 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n' },
  { method: 'GET', text: 'HTTP/1.1 204 No Content\r\n\r\n' },
  { method: 'GET', text: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n' },
  {
    method: 'POST',
    text: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${plain.text}`,
  },
  { method: 'GET', text: 'HTTP/1.0 404\nContent-length:2\nContent-Length: 2\n\nno' },
  {
    method: 'GET',
    text: `HTTP/1.1 200 O\x01K\r\nX: a\r\n  folded\r\nY: ${'a'.repeat(20_000)}\r\nContent-Length: 0\r\n\r\n`,
  },
  { method: 'BREW', text: plain.text },
]
const UNCLEAR = [
  'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  'ICY 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 099 Hm\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n',
  'HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n',
  `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(300_000)}`,
  '\x16\x03\x01\n\n',
]

function feed(answers: Answers, text: string, step: number): void {
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; at += step) answers.read(bytes.subarray(at, at + step))
}

test('answers are whole exactly at the end of the last one, however they are split', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...CLEAR), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 60 }),
      (list, step) => {
        const answers = new Answers()
        for (const { method } of list) answers.ask(method)
        const text = list.map((one) => one.text).join('')
        feed(answers, text.slice(0, -1), step)
        assert.ok(!answers.whole && !answers.unclear)
        feed(answers, text.slice(-1), 1)
        assert.ok(answers.whole)
        feed(answers, 'x', 1)
        assert.ok(answers.unclear && !answers.whole, 'what nobody asked for may be anything')
      },
    ),
  )
})

test('an answer whose end cannot be told for sure is unclear, and stays so', () => {
  for (const text of UNCLEAR) {
    for (const step of [1000, 1]) {
      const answers = new Answers()
      answers.ask('GET')
      feed(answers, text, step)
      assert.ok(answers.unclear && !answers.whole, JSON.stringify(text.slice(0, 80)))
      feed(answers, plain.text, step)
      assert.ok(answers.unclear && !answers.whole)
    }
  }
})

test('no bytes make the reader throw', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.constantFrom('', 'HTTP/1.1 200 ', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
      fc.integer({ min: 1, max: 40 }),
      (noise, start, step) => {
        const answers = new Answers()
        answers.ask('GET')
        feed(answers, start + noise, step)
        answerFraming(start + noise, 'GET')
      },
    ),
    { numRuns: 1000 },
  )
})
