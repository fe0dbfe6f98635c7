import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { readTail, Tail } from './tail.ts'

test('property: a tail is the last whole lines that fit, however the text comes in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 20 }).map((line) => line.replaceAll('\n', ' '))),
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 1, max: 30 }),
      (lines, maxBytes, partBytes) => {
        const whole = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const tail = new Tail(maxBytes)
        for (let at = 0; at < whole.length; at += partBytes) tail.push(whole.subarray(at, at + partBytes))
        const { text, isCut } = tail
        assert.equal(isCut, whole.length > maxBytes)
        assert.ok(Buffer.byteLength(text) <= maxBytes)
        assert.ok(whole.toString().endsWith(text))
        if (!isCut) assert.equal(text, whole.toString())
        else assert.ok(text === '' || lines.some((_, at) => text === `${lines.slice(at).join('\n')}\n`))
      },
    ),
  )
})

test('readTail: of a file that no memory would hold, and of a pipe', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-tail-'))
  t.after(() => rm(dir, { recursive: true }))
  const [long, pipe] = [path.join(dir, 'long'), path.join(dir, 'pipe')]
  await writeFile(long, '')
  await truncate(long, 8 * 2 ** 30) // without a block on the disk
  await writeFile(long, '\nlast but one\nlast\n', { flag: 'a' })
  assert.equal((await readTail(long, 100)).text, 'last but one\nlast\n')
  assert.equal((await readTail(long, 15)).text, 'last\n')

  execFileSync('mkfifo', [pipe])
  const writer = createWriteStream(pipe)
  for (let i = 0; i < 50_000; i += 1) writer.write(`line ${i}\n`)
  writer.end()
  assert.equal((await readTail(pipe, 25)).text, 'line 49998\nline 49999\n')
})
