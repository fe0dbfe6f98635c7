import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULTS, Fault, type FaultCode } from '../../base/faults.ts'
import {
  type BringUp,
  type BringUpEvent,
  COLD,
  next,
  STAGE_NUMBERS,
  type StageNumber,
  stageOf,
  stateOf,
} from './bring-up.ts'

const fault = new Fault('EGRESS_BLOCKED', 'no answer')
const begin = (stage: StageNumber, atUs = 0): BringUpEvent => ({ on: 'begin', stage, atUs })
const pass = (stage: StageNumber, atUs = 0): BringUpEvent => ({ on: 'pass', stage, atUs })
const fail = (stage: StageNumber, atUs = 0): BringUpEvent => ({ on: 'fail', stage, atUs, fault })
const run = (...events: BringUpEvent[]): BringUp => events.reduce(next, COLD)
const shown = (stages: BringUp) => STAGE_NUMBERS.map((n) => stages[n].is[0]).join('')
const UP = STAGE_NUMBERS.flatMap((n) => [begin(n, n * 10), pass(n, n * 10 + 5)])

const CASES: { name: string; events: BringUpEvent[]; stages: string; state: string }[] = [
  { name: 'cold', events: [], stages: 'wwwwww', state: 'enrolling' },
  { name: 'all the way', events: UP, stages: 'pppppp', state: 'healthy' },
  {
    name: 'first dial fails',
    events: [...UP.slice(0, 4), begin(3), fail(3)],
    stages: 'ppfwww',
    state: 'enrolling',
  },
  { name: 'control lost: identity stays', events: [...UP, fail(5)], stages: 'ppppfw', state: 'disconnected' },
  { name: 'dialling again', events: [...UP, fail(5), begin(2)], stages: 'prwpww', state: 'disconnected' },
  {
    name: 'edge blocked later',
    events: [...UP, begin(2), pass(2), fail(3)],
    stages: 'ppfpww',
    state: 'disconnected',
  },
  { name: 'canary fails', events: [...UP, fail(6)], stages: 'pppppf', state: 'connected' },
  {
    name: 'key refused',
    events: [...UP.slice(0, 6), begin(4), fail(4)],
    stages: 'pppfww',
    state: 'enrolling',
  },
]
for (const { name, events, stages, state } of CASES) {
  test(`next, ${name}: ${stages} is ${state}`, () => {
    assert.equal(shown(run(...events)), stages)
    assert.equal(stateOf({ stages: run(...events), draining: false, failingApplications: 0 }), state)
  })
}

test('next measures each stage from its own beginning', () => {
  assert.deepEqual(run(begin(3, 100), pass(3, 350))[3], { is: 'passed', durationUs: 250 })
  assert.deepEqual(run(begin(3, 100), fail(3, 350))[3], { is: 'failed', durationUs: 250, fault })
})

test('stateOf: draining is above all, an application that fails makes degraded', () => {
  assert.equal(stateOf({ stages: run(...UP), draining: true, failingApplications: 0 }), 'draining')
  assert.equal(stateOf({ stages: run(...UP), draining: false, failingApplications: 1 }), 'degraded')
})

test('stageOf has a stage for every code there is', () => {
  for (const code of Object.keys(FAULTS) as FaultCode[]) assert.ok(stageOf(code) >= 2)
  assert.equal(stageOf('EDGE_NAME_NXDOMAIN'), 2)
  assert.equal(stageOf('TLS_INTERCEPTED'), 3)
  assert.equal(stageOf('KEY_EXHAUSTED'), 4)
  assert.equal(stageOf('CONTROL_UNREACHABLE'), 5)
})
