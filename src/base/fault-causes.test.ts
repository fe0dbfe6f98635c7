import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEchoOf, rootsAmong } from './fault-causes.ts'
import { FAULTS, type FaultCode, isFaultCode } from './faults.ts'

const CODES = Object.keys(FAULTS) as FaultCode[]

test('every dependsOn names codes of the table', () => {
  for (const code of CODES) {
    for (const cause of FAULTS[code].dependsOn) assert.ok(isFaultCode(cause), `${code} depends on ${cause}`)
  }
})

test('no two faults are echoes of each other: one of a pair is always the root', () => {
  for (const one of CODES) {
    assert.equal(isEchoOf(one, one), false, one)
    for (const other of CODES.filter((code) => isEchoOf(one, code))) {
      assert.equal(isEchoOf(other, one), false, `${one} and ${other}`)
    }
  }
})

const CASES: { seen: FaultCode[]; roots: FaultCode[] }[] = [
  { seen: ['EGRESS_BLOCKED'], roots: ['EGRESS_BLOCKED'] },
  { seen: ['CERT_EXPIRED', 'CLOCK_SKEW'], roots: ['CLOCK_SKEW'] },
  { seen: ['DAEMON_DOWN', 'STATE_UNWRITABLE', 'DISK_FULL'], roots: ['DISK_FULL'] },
  { seen: ['DAEMON_DOWN', 'DISK_FULL'], roots: ['DISK_FULL'] },
  { seen: ['CONTROL_UNREACHABLE', 'APP_REFUSED'], roots: ['CONTROL_UNREACHABLE', 'APP_REFUSED'] },
]
for (const { seen, roots } of CASES) {
  test(`of ${seen.join(', ')} the roots are ${roots.join(', ')}`, () => {
    assert.deepEqual(rootsAmong(seen), roots)
  })
}
