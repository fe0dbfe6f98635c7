import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { inCidrs, isAddress } from './destination.ts'
import { DialLimits } from './dial-limits.ts'
import { leadsFurther } from './leads-further.ts'

const ADDRESSES = [
  '10.1.2.3',
  '10.9.9.9',
  '192.0.2.1',
  '127.0.0.1',
  '127.9.9.9',
  '169.254.169.254',
  'fd00:1::5',
]
const NETWORKS = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.3/32',
  '0.0.0.0/0',
  '127.0.0.0/8',
  '127.0.0.1/32',
].concat([...['126.0.0.0/7', '169.254.169.254/32', 'fd00::/8', 'fd00:1::5/128']])
const networks = fc.uniqueArray(fc.constantFrom(...NETWORKS), { maxLength: 3 })

test('what it says leads no further leads to no address that is refused now, whatever the connector has for its own', () => {
  const of = { host: fc.constantFrom('a.example', ...ADDRESSES), own: fc.subarray(ADDRESSES) }
  fc.assert(
    fc.property(networks, networks, fc.record(of), (before, now, { host, own }) => {
      const meant = (all: string[]) => (isAddress(host) ? all.filter((one) => inCidrs(host, [one])) : all)
      const lets = (all: string[], address: string) =>
        new DialLimits(meant(all)).refusal(host, address, new Set(own)) === undefined
      if (leadsFurther(host, meant(before), meant(now))) return
      for (const address of isAddress(host) ? [host] : ADDRESSES)
        assert.ok(!lets(before, address) || lets(now, address), address)
    }),
    { numRuns: 2000 },
  )
})

const CUTS: [string, string[], string[], boolean][] = [
  ['a network of several goes', ['10.0.0.0/8', '192.0.2.0/24'], ['10.0.0.0/8'], true],
  ['it is narrowed', ['10.0.0.0/8'], ['10.1.0.0/16'], true],
  ['the first is named', [], ['10.0.0.0/8'], true],
  ['it stays as it was', ['10.0.0.0/8'], ['10.0.0.0/8'], false],
  ['it is widened', ['10.1.0.0/16'], ['10.0.0.0/8'], false],
  ['one is added', ['10.0.0.0/8'], ['192.0.2.0/24', '10.0.0.0/8'], false],
  ['none is named any more', ['10.0.0.0/8'], [], false],
  ['loopback is not named any more', ['127.0.0.0/8'], [], true],
  ['what is wider names no loopback', ['127.0.0.0/8'], ['0.0.0.0/0'], true],
]
for (const [what, before, now, cuts] of CUTS) {
  test(`a grant for a name is ${cuts ? 'taken back' : 'left'} when ${what}`, () => {
    assert.equal(leadsFurther('a.example', before, now), cuts)
  })
}

test('of an address only that itself counts', () => {
  assert.equal(leadsFurther('10.1.2.3', ['10.0.0.0/8'], ['10.1.0.0/16']), false)
  assert.equal(leadsFurther('127.0.0.1', ['127.0.0.0/8'], ['0.0.0.0/0']), true)
})
