import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Lane, type LaneRules, laneOf, widerPatterns } from './lanes.ts'

const RULES: LaneRules = {
  bypass: [
    { pattern: '*.saas.example', rule: 'saas' },
    { pattern: 'status.corp.example', rule: 'status' },
    { pattern: '*.both.example', rule: 'slip' },
  ],
  claimed: ['vault.saas.example', '*.in.saas.example', '*.both.example'],
}

const CASES: { host: string; is: Lane['is']; rule?: string; why: string }[] = [
  { host: 'mail.saas.example', is: 'bypass', rule: 'saas', why: 'a wildcard of the internet lane' },
  { host: 'a.mail.saas.example', is: 'bypass', rule: 'saas', why: 'at any depth' },
  { host: 'saas.example', is: 'private', why: 'a wildcard does not name its own domain' },
  { host: 'evil-saas.example', is: 'private', why: 'a suffix begins at a dot' },
  { host: 'vault.saas.example', is: 'private', why: 'an exact private name is more specific' },
  { host: 'x.in.saas.example', is: 'private', why: 'a longer private wildcard is more specific' },
  { host: 'status.corp.example', is: 'bypass', rule: 'status', why: 'an exact name of the internet lane' },
  { host: 'wiki.corp.example', is: 'private', why: 'its neighbour' },
  { host: 'x.both.example', is: 'both', rule: 'slip', why: 'both lanes name it alike' },
  { host: '10.0.0.1', is: 'private', why: 'an address is no name' },
]
for (const { host, is, rule, why } of CASES) {
  test(`${host} is ${is}: ${why}`, () => {
    const lane = laneOf(host, RULES)
    assert.equal(lane.is, is)
    assert.equal(lane.is === 'private' ? undefined : lane.rule, rule)
  })
}

test('patterns that cover another are wildcards above it, nearest first', () => {
  assert.deepEqual(widerPatterns('a.b.example'), ['*.b.example', '*.example'])
  assert.deepEqual(widerPatterns('*.b.example'), ['*.example'])
  assert.deepEqual(widerPatterns('example'), [])
})
