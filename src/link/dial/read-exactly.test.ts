import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readExactly, StreamEnded } from './read-exactly.ts'
import { tcpPair } from './tcp-pair.fixture.ts'

const signal = new AbortController().signal

test('readExactly takes what was asked for, however it was split, and leaves the rest', async () => {
  await using pair = await tcpPair()
  const five = readExactly(pair.accepted, 5, signal)
  for (const byte of 'abcdefg') pair.dialled.write(byte)
  assert.equal(String(await five), 'abcde')
  assert.equal(String(await readExactly(pair.accepted, 2, signal)), 'fg')
})

test('readExactly that has a part waits without spinning, and ends at the abort', async () => {
  await using pair = await tcpPair()
  pair.dialled.write('abc')
  const stop = new AbortController()
  const reason = new Error('late')
  const waiting = readExactly(pair.accepted, 5, stop.signal)
  const before = process.cpuUsage()
  setTimeout(() => stop.abort(reason), 200)
  await assert.rejects(waiting, reason)
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 150_000, `${user + system} µs of CPU in 200 ms`)
})

test('readExactly says that the stream ended', async () => {
  await using pair = await tcpPair()
  pair.dialled.end('abc')
  await assert.rejects(readExactly(pair.accepted, 5, signal), StreamEnded)
  await assert.rejects(readExactly(pair.accepted, 1, signal), StreamEnded)
})
