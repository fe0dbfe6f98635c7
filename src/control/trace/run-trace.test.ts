import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enrolDevice, openControl, put } from '../agents/control.fixture.ts'
import { runTrace } from './run-trace.ts'

const HOUR_MS = 3_600_000

test('a trace lasts as long as it did, whoever sets the clock meanwhile', async () => {
  await using control = await openControl()
  const { parts, store } = control
  const user = await put(store, 'user', 'alice')
  await enrolDevice(store, user.id, 'laptop')
  let jumps = 0
  const clock = {
    nowMs: () => parts.clock.nowMs() + jumps++ * HOUR_MS,
    monotonicUs: () => parts.clock.monotonicUs(),
  }
  const input = { user: 'alice', host: 'app.example', port: 443, protocol: 'tcp' } as const
  const watcher = { step() {}, signal: AbortSignal.timeout(10_000) }
  const { durationMs } = await runTrace({ ...parts, clock }, input, watcher)
  assert.ok(jumps > 1)
  assert.ok(durationMs < 10_000, `${durationMs} ms`)
})
