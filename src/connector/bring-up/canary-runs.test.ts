import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slowText } from './canary-runs.ts'

test('a canary that came through slowly says how long it took, and where', () => {
  const quick = { handoverUs: 1_900_000, innerTlsUs: 60_000, pingUs: 39_000, wrapped: false }
  assert.equal(slowText(quick), undefined)
  assert.equal(
    slowText({ ...quick, pingUs: 540_000 }),
    'Canary was slow: 2500 ms; to the edge 1900 ms, end-to-end TLS 60 ms, round trip 540 ms',
  )
})
