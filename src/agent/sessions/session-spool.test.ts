import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../base/ids.ts'
import { silentLog } from '../../base/log.ts'
import type { SessionReport } from '../../wire/control.ts'
import { SessionSpool } from './session-spool.ts'

function record(device: string): SessionReport {
  const at = { startedMs: 1_800_000_000_000, endedMs: 1_800_000_000_001 }
  return {
    ...{ session: newId('ses'), grant: newId('grt'), side: 'connector', state: 'closed', device, ...at },
    ...{ protocol: 'tcp', port: 443, times: {}, bytesUp: 0, bytesDown: 0 },
  }
}

test('a device that makes records without end loses its own: those of others are kept', () => {
  const spool = new SessionSpool(silentLog, 100_000)
  const others = ['dev_a', 'dev_b'].flatMap((device) => Array.from({ length: 20 }, () => record(device)))
  for (const one of others) spool.push(one, false)
  for (let n = 0; n < 5000; n++) spool.push(record('dev_mallory'), n % 2 === 0)
  for (const one of [record('dev_c')]) {
    others.push(one)
    spool.push(one, false)
  }
  for (let n = 0; n < 1000; n++) spool.push(record('dev_mallory'), false)
  const kept = new Map<string, string>()
  for (;;) {
    const batch = spool.take({ maxItems: 1000, maxBytes: 1_000_000 })
    if (batch === undefined) break
    for (const { session, device } of batch.reports) kept.set(session, device!)
  }
  for (const { session, device } of others) assert.equal(kept.get(session), device)
  assert.ok(
    [...kept.values()].filter((device) => device === 'dev_mallory').length > 100,
    'and the rest is its own',
  )
  assert.ok(spool.shed > 5000)
})
