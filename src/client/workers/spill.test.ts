import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BULK_BYTES_PER_SECOND, type ProcessLoad, processFor, wantsAnother } from './spill.ts'

const IDLE: ProcessLoad = { sessions: 0, bytesPerSecond: 0, isTyped: false, busyShare: 0.1, newPerSecond: 0 }
const TYPED: ProcessLoad = { ...IDLE, sessions: 1, bytesPerSecond: 2000, isTyped: true }
const BULK: ProcessLoad = { ...IDLE, sessions: 1, bytesPerSecond: 10 * BULK_BYTES_PER_SECOND, busyShare: 0.7 }

test('who accepts also carries, as long as nothing there makes a session wait or would have to', () => {
  assert.equal(processFor(IDLE, [IDLE]), undefined)
  assert.equal(processFor({ ...IDLE, sessions: 5000 }, [IDLE]), undefined)
})

test('beside bulk, and beside somebody who types, a session goes elsewhere', () => {
  assert.equal(processFor(BULK, [IDLE]), 0)
  assert.equal(processFor(TYPED, [IDLE]), 0)
  assert.equal(processFor(BULK, []), undefined)
})

test('many short sessions stay where they are, whoever types; beside bulk they do not', () => {
  const newPerSecond = 3000
  assert.equal(processFor({ ...TYPED, newPerSecond }, [IDLE]), undefined)
  assert.equal(processFor({ ...BULK, newPerSecond }, [IDLE]), 0)
})

test('the answers to thousands of requests are no bulk, however many bytes they make together', () => {
  const requests = { ...IDLE, bytesPerSecond: 2 * BULK_BYTES_PER_SECOND, newPerSecond: 3000, busyShare: 0.9 }
  assert.equal(processFor(requests, [IDLE]), undefined)
  assert.equal(wantsAnother(requests, []), false, 'it would be given none of them')
})

test('bulk on all sides: where there is least of it', () => {
  const less = { ...BULK, bytesPerSecond: BULK.bytesPerSecond / 2 }
  assert.equal(processFor(BULK, [less]), 0)
  assert.equal(processFor(less, [BULK]), undefined)
  assert.equal(processFor(BULK, [BULK, less]), 1)
})

test('of several the one where nobody types, then where there are fewest sessions', () => {
  assert.equal(processFor(TYPED, [TYPED, IDLE]), 1)
  assert.equal(
    processFor(TYPED, [
      { ...IDLE, sessions: 2 },
      { ...IDLE, sessions: 1 },
    ]),
    1,
  )
})

test('another process is started when each has something that a new session should not be beside', () => {
  assert.equal(wantsAnother(IDLE, []), false)
  assert.equal(wantsAnother(TYPED, []), true)
  assert.equal(wantsAnother(BULK, []), true)
  assert.equal(wantsAnother(BULK, [IDLE]), false)
  assert.equal(wantsAnother(BULK, [TYPED]), true)
  assert.equal(wantsAnother({ ...IDLE, busyShare: 0.95 }, []), true)
})
