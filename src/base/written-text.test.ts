import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writtenText } from './written-text.ts'

const LE = Buffer.from('\ufeffpässword', 'utf16le')

for (const [name, bytes] of [
  ['UTF-8', Buffer.from('pässword')],
  ['UTF-8 with a mark', Buffer.from('\ufeffpässword')],
  ['UTF-16, as PowerShell writes it', LE],
  ['UTF-16, the other way round', Buffer.from(LE).swap16()],
  ['UTF-16 without a mark', LE.subarray(2)],
  ['UTF-16 without a mark, the other way round', Buffer.from(LE.subarray(2)).swap16()],
] as const) {
  test(`text in ${name}`, () => assert.equal(writtenText(bytes), 'pässword'))
}
