import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { Gate } from './gate.ts'

test('a gate lets through who waits and who comes, and is closed again', async () => {
  const gate = new Gate()
  const { signal } = new AbortController()
  const early = [gate.pass(signal), gate.pass(signal)]
  gate.open()
  await Promise.all(early)
  await gate.pass(signal)
  gate.close()
  const limit = new AbortController()
  const late = gate.pass(limit.signal)
  limit.abort(new Error('over'))
  await assert.rejects(late, /over/)
})

test('ten thousand that gave up leave nothing behind, at the gate or at their limit', async () => {
  const gate = new Gate()
  for (let i = 0; i < 10_000; i++) {
    const limit = new AbortController()
    const waiting = gate.pass(limit.signal)
    limit.abort()
    await waiting.catch(() => {})
  }
  assert.equal(gate.waiting, 0)
  const { signal } = new AbortController()
  const waiting = gate.pass(signal)
  gate.open()
  await waiting
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
