import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caseOf } from './fault-cases.ts'
import { FAULTS } from './faults.ts'

const away = (because: string) => caseOf({ code: 'CONTROL_UNREACHABLE', seen: { because, hop: 'edge' } })

test('fault cases: what keeps the control connection down says cause and fix', () => {
  const said = away('EGRESS_BLOCKED')!
  assert.ok(said.cause.endsWith(FAULTS.EGRESS_BLOCKED.cause))
  assert.equal(said.fix, FAULTS.EGRESS_BLOCKED.fix)
})

test('fault cases: TLS without an answer may be the server that hangs, and is not blamed on a middlebox alone', () => {
  const said = away('HANDSHAKE_TIMEOUT')!
  assert.match(said.cause, /the server hangs, or something on the path holds TLS back/)
  assert.match(said.fix, /^Check the control plane; .*backstitch doctor client checks the path/)
})

test('fault cases: a connection that is down for no other reason has the words of its row', () => {
  assert.equal(away('CONTROL_UNREACHABLE'), undefined)
  assert.equal(away('SOMETHING_OF_A_LATER_VERSION'), undefined)
})
