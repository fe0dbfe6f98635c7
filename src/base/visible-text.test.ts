import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLog } from './log.ts'
import { shown, visibleLine, visibleText } from './visible-text.ts'

const CASES: { name: string; text: string; line: string }[] = [
  { name: 'plain text', text: 'wiki.internal: ok (é, 漢, 🙂)', line: 'wiki.internal: ok (é, 漢, 🙂)' },
  { name: 'a clear screen', text: 'a\x1b[2Jb', line: 'a\\u001b[2Jb' },
  { name: 'the same in one character', text: 'a\x9b2Jb', line: 'a\\u009b2Jb' },
  { name: 'a carriage return', text: 'denied\rgranted', line: 'denied\\u000dgranted' },
  { name: 'a line of its own', text: 'x\nfix: run this', line: 'x\\nfix: run this' },
  { name: 'text turned around', text: 'evil\u202egpj.exe', line: 'evil\\u202egpj.exe' },
  { name: 'isolates', text: 'a\u2066b\u2069', line: 'a\\u2066b\\u2069' },
  { name: 'nothing to see', text: 'pay\u200bpal\ufeff', line: 'pay\\u200bpal\\ufeff' },
  { name: 'tags, that programs read and nobody sees', text: 'a\u{e0041}', line: 'a\\udb40\\udc41' },
  { name: 'a blank that is no space', text: 'ro\u3164ot\u00ad', line: 'ro\\u3164ot\\u00ad' },
  { name: 'half a pair', text: 'a\ud800b', line: 'a\\ud800b' },
  { name: 'an emoji in its form', text: '\u2764\ufe0f', line: '\u2764\ufe0f' },
  {
    name: 'a pile of marks',
    text: `a${'\u0301'.repeat(6)}`,
    line: `a${'\u0301'.repeat(4)}${'\\u0301'.repeat(2)}`,
  },
  { name: 'NUL, BEL, DEL', text: '\0\x07\x7f', line: '\\u0000\\u0007\\u007f' },
]
for (const { name, text, line } of CASES) {
  test(`visibleLine: ${name}`, () => assert.equal(visibleLine(text), line))
}

test('property: nothing hidden is left, and a JSON text says the same as before', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(visibleLine(text), /\p{Cc}|\p{Bidi_Control}|\p{Cs}|\p{M}{5}/u)
      assert.equal(visibleLine(visibleLine(text)), visibleLine(text), 'once or twice')
      assert.equal(JSON.parse(visibleText(JSON.stringify(text))), text)
    }),
  )
})

test('a log line is one line of JSON without a hidden character, whatever is logged', () => {
  const lines: string[] = []
  const log = createLog('edge', { level: 'trace', destination: { write: (line) => lines.push(line) } })
  const nasty = CASES.map(({ text }) => text).join(' ')
  log
    .child({ agent: nasty })
    .warn({ event: 'x.y', host: nasty, seen: { [nasty]: [nasty] }, err: new Error(nasty) }, nasty)
  assert.equal(lines.length, 1)
  const [line] = lines
  assert.match(line!, /^[^\n]+\n$/)
  assert.doesNotMatch(line!.trimEnd(), /\p{Cc}|\p{Bidi_Control}/u)
  const read = JSON.parse(line!)
  assert.equal(read.host, nasty)
  assert.equal(read.msg, nasty)
})

test('fields that hold secrets are masked, one level down as well, also in a child', () => {
  const lines: string[] = []
  const log = createLog('client', { level: 'trace', destination: { write: (line) => lines.push(line) } })
  const secret = 'canary-secret'
  const names = ['password', 'secret', 'token', 'grant', 'ticket', 'key', 'authorization', 'proxyAuth']
  const fields = Object.fromEntries(names.map((name) => [name, secret]))
  log.info({ event: 'x.y', ...fields, body: fields }, 'text')
  log.child(fields).info({ event: 'x.y' }, 'text')
  assert.equal(lines.length, 2)
  assert.doesNotMatch(lines.join(''), /canary-secret/)
})

test('shown: names of fields and lists, too; what is no text stays what it is', () => {
  assert.deepEqual(shown({ 'a\x1b': ['b\n', 1, null, { c: true, d: undefined }] }), {
    'a\\u001b': ['b\\n', 1, null, { c: true, d: undefined }],
  })
})
