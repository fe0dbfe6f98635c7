import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longBody } from './long-body.ts'

test('a long body comes in parts and is the same text, wherever a character of two halves is cut', async () => {
  for (const lead of ['', 'x']) {
    const text = lead + '🧵ä'.repeat(400_000)
    const body = longBody(text)
    assert.ok(body instanceof ReadableStream)
    const parts = await Array.fromAsync(body, (part) => Buffer.from(part))
    assert.equal(Buffer.concat(parts).toString(), text)
    assert.ok(Math.max(...parts.map(({ length }) => length)) <= 1_048_576)
  }
})

test('a short one is sent as it is', () => assert.equal(longBody('{"a":1}'), '{"a":1}'))
