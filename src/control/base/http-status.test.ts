import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULTS, Fault, type FaultCode } from '../../base/faults.ts'
import { httpStatusOf } from './http-status.ts'

const CODES = Object.keys(FAULTS) as FaultCode[]

test('503 is answered only while the control plane can serve nobody', () => {
  const unavailable = CODES.filter((code) => httpStatusOf(new Fault(code, '')) === 503)
  assert.deepEqual(unavailable.sort(), ['CONTROL_STARTING', 'DISK_FULL', 'STORE_FAILED'])
})

for (const [code, status] of [
  ['TOKEN_INVALID', 401],
  ['LOGIN_FAILED', 401],
  ['FORBIDDEN', 403],
  ['RATE_LIMITED', 429],
  ['INTERNAL', 500],
  ['KEY_REVOKED', undefined],
  ['IDENTITY_REVOKED', undefined],
] as const) {
  test(`${code} is answered with ${status ?? 'what the one who answers makes of it'}`, () => {
    assert.equal(httpStatusOf(new Fault(code, '')), status)
  })
}
