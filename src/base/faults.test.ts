import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asFault, FAULTS, Fault, type FaultCode, HOPS, isFaultCode } from './faults.ts'

const CODES = Object.keys(FAULTS) as FaultCode[]

for (const code of CODES) {
  test(`${code} is a whole sentence for a person`, () => {
    const row = FAULTS[code]
    assert.match(code, /^[A-Z][A-Z_]*[A-Z]$/)
    assert.ok(code.length <= 64, 'RESET holds a code of at most 64 bytes')
    assert.doesNotMatch(row.title, /\.$/)
    for (const text of [row.evidence, row.cause, row.fix, row.verify]) assert.match(text, /\S{2}/)
    assert.ok(HOPS.includes(row.hop))
  })
}

test('Fault names code, title and what happened; the hop is that of the table unless said otherwise', () => {
  const cause = new Error('ECONNREFUSED')
  const fault = new Fault('APP_REFUSED', '10.0.0.5:443', { cause, seen: { errno: 'ECONNREFUSED' } })
  assert.equal(fault.message, 'APP_REFUSED: The application refused the connection: 10.0.0.5:443')
  assert.equal(fault.hop, 'application')
  assert.equal(fault.cause, cause)
  assert.equal(new Fault('INVALID', 'x', { hop: 'connector' }).hop, 'connector')
})

test('asFault keeps a Fault and wraps everything else with its cause', () => {
  const fault = new Fault('NOT_FOUND', 'segment wiki')
  assert.equal(asFault(fault), fault)
  const error = new TypeError('x is not a function')
  const wrapped = asFault(error)
  assert.equal(wrapped.code, 'INTERNAL')
  assert.equal(wrapped.cause, error)
  assert.equal(asFault('text', 'STORE_FAILED').detail, 'text')
})

test('isFaultCode takes no property of objects for a code', () => {
  assert.ok(isFaultCode('APP_REFUSED'))
  assert.ok(!isFaultCode('toString'))
})
