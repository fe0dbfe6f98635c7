import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HeadReader, MAX_HEAD_BYTES, type RequestHead, UnreadableRequest } from './http-head.ts'

type Seen = RequestHead | UnreadableRequest | undefined

/** What a reader makes of `text` in pieces of `step` bytes, and how many bytes it took. */
function read(text: string, step = text.length): { seen: Seen; used: number } {
  const bytes = Buffer.from(text, 'latin1')
  const reader = new HeadReader()
  for (let at = 0; at < bytes.length; at += step) {
    try {
      const end = reader.take(bytes.subarray(0, at + step), at)
      if (reader.head !== undefined) return { seen: reader.head, used: end }
    } catch (error) {
      assert.ok(error instanceof UnreadableRequest, String(error))
      return { seen: error, used: at }
    }
  }
  return { seen: undefined, used: bytes.length }
}

const token = fc.string({
  unit: fc.constantFrom(...'abcXYZ019!#$%&*+-.^_`|~'),
  minLength: 1,
  maxLength: 12,
})
const visible = fc.string({ unit: fc.constantFrom(...'a~!"\xe9\xff:/ \t'), maxLength: 12 })
const head = fc
  .record({
    method: token,
    target: fc.constantFrom('http://app/', '/', 'http://app/?\xe9', '*', 'app:443'),
    fields: fc.array(fc.tuple(token, visible), { maxLength: 5 }),
    body: fc.constantFrom('', 'Content-Length: 5\r\n', 'Transfer-Encoding: Chunked\r\n'),
  })
  .filter(({ fields }) => fields.every(([name]) => !/^(host|content-length|transfer-encoding)$/i.test(name)))

test('a head reads the same however its bytes are split, and takes nothing of what follows', () => {
  fc.assert(
    fc.property(head, fc.nat(2), fc.integer({ min: 1, max: 40 }), (it, empty, step) => {
      const fields = it.fields.map(([name, value]) => `${name}:${value}\r\n`).join('')
      const text = `${'\r\n'.repeat(empty)}${it.method} ${it.target} HTTP/1.1\r\nHost: a\r\n${it.body}${fields}\r\n`
      const { seen, used } = read(`${text}hello`, step)
      assert.ok(seen !== undefined && !(seen instanceof UnreadableRequest), String(seen))
      assert.equal(used, text.length)
      assert.deepEqual([seen.method, seen.target], [it.method, it.target])
      const values = it.fields.flatMap(([name, value]) => [name, value.replace(/^[ \t]+|[ \t]+$/g, '')])
      assert.deepEqual(seen.fields.slice(it.body === '' ? 2 : 4), values)
      assert.equal(seen.framing.is, it.body === '' ? 'none' : it.body.startsWith('C') ? 'length' : 'chunked')
    }),
    { numRuns: 500 },
  )
})

test('no bytes make the reader throw anything but a refusal, or keep more than its limit', () => {
  const start = 'GET http://app/ HTTP/1.1\r\nHost: app\r\n'
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.nat(start.length),
      fc.integer({ min: 1, max: 40 }),
      (noise, cut, step) => {
        const whole = read(start.slice(0, cut) + noise)
        const split = read(start.slice(0, cut) + noise, step)
        assert.equal(split.seen instanceof UnreadableRequest, whole.seen instanceof UnreadableRequest)
      },
    ),
    { numRuns: 1000 },
  )
  const long = read(`${start}X: ${'a'.repeat(MAX_HEAD_BYTES)}`, 1000).seen
  assert.ok(long instanceof UnreadableRequest && long.status === 431)
  assert.ok(!(read(`${start}X: ${'a'.repeat(60_000)}\r\n\r\n`, 1000).seen instanceof UnreadableRequest))
})

test('whatever could be two requests, or one for two hosts, is refused', () => {
  const lines = (...fields: string[]) => `POST http://app/ HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`
  for (const [text, why] of [
    [lines('Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked'), /both Content-Length and/],
    [lines('Host: a', 'Content-Length: 1', 'Content-Length: 2'), /Content-Length "1, 2"/],
    [lines('Host: a', 'Content-Length: 1', 'Content-Length: 1'), /Content-Length "1, 1"/],
    [lines('Host: a', 'Content-Length: 1, 1'), /Content-Length/],
    [lines('Host: a', 'Content-Length: +1'), /Content-Length/],
    [lines('Host: a', 'Content-Length: 0x1'), /Content-Length/],
    [lines('Host: a', 'Content-Length: '), /Content-Length/],
    [lines('Host: a', 'Content-Length: 9999999999999999'), /Content-Length/],
    [lines('Host: a', 'Content-Length : 1'), /without a name before the colon/],
    [lines('Host: a', 'Transfer-Encoding: gzip, chunked'), /Transfer-Encoding "gzip, chunked"/],
    [lines('Host: a', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), /Transfer-Encoding/],
    [lines('Host: a', 'Transfer-Encoding: xchunked'), /Transfer-Encoding/],
    [lines('Host: a', 'Transfer-Encoding: \x0bchunked'), /control character/],
    [lines('Host: a', 'Transfer-Encoding: chunked\xa0'), /Transfer-Encoding/],
    [lines('Host: a', 'Host: b'), /2 Host headers/],
    [lines('X: a'), /0 Host headers/],
    [lines('Host: a', ' folded'), /without a name before the colon/],
    [lines('Host: a', 'X: \0'), /control character/],
    [lines('Host: a', 'X: a\rb'), /control character/],
    [lines('Host: a', 'no colon'), /without a name before the colon/],
    [lines('Host: a', ': no name'), /without a name before the colon/],
    ['POST http://app/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', /in HTTP\/1\.0/],
    ['GET http://app/ HTTP/1.1\nHost: a\n\n', /LF without CR/],
    ['GET http://app/ HTTP/1.1\r\nHost: a\n\r\n', /LF without CR/],
    ['GET  http://app/ HTTP/1.1\r\nHost: a\r\n\r\n', /first line/],
    ['GET http://app/ HTTP/1.1 \r\nHost: a\r\n\r\n', /first line/],
    ['GET http://app/ HTTP/2.0\r\nHost: a\r\n\r\n', /first line/],
    ['GET http://app/\r\nHost: a\r\n\r\n', /first line/],
    ['G(T http://app/ HTTP/1.1\r\nHost: a\r\n\r\n', /first line/],
    ['GET http://app/\x7f HTTP/1.1\r\nHost: a\r\n\r\n', /first line/],
    ['\x16\x03\x01', /first byte, 0x16/],
  ] as const) {
    for (const step of [text.length, 1]) {
      const { seen } = read(text, step)
      assert.ok(seen instanceof UnreadableRequest, JSON.stringify(text))
      assert.match(seen.detail, why)
      assert.deepEqual([seen.code, seen.hop, seen.status], ['LOCAL_REQUEST_REFUSED', 'client', 400])
    }
  }
})

test('HTTP/1.0 needs no Host; a method nobody knows is a method', () => {
  assert.equal((read('BREW http://app/ HTTP/1.0\r\n\r\n').seen as RequestHead).method, 'BREW')
})
