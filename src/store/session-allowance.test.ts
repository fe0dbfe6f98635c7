import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALLOWANCE, FREE_OF_GRANT, SessionAllowance } from './session-allowance.ts'

function opened() {
  let nowMs = 0
  const allowance = new SessionAllowance(() => nowMs)
  /** @returns how many of so many sessions were let in. */
  const first = (side: 'client' | 'connector', count: number, { device = 'dev_1', grant = 'grt_1' } = {}) => {
    const draft = allowance.draft()
    let taken = 0
    for (let n = 0; n < count; n++) if (draft.first(side, device, grant)) taken++
    draft.commit()
    return taken
  }
  const both = (side: 'client' | 'connector', count: number) => {
    const draft = allowance.draft()
    for (let n = 0; n < count; n++) draft.both(side, 'dev_1')
    draft.commit()
  }
  return { allowance, first, both, pass: (seconds: number) => (nowMs += seconds * 1000) }
}

test('what a client alone says ends at a number and comes back slowly; of another device it takes nothing', () => {
  const { first, pass } = opened()
  const { most, perSecond } = ALLOWANCE.client
  assert.equal(first('client', most + 1000), most)
  assert.equal(first('client', 10), 0)
  assert.equal(first('client', 10, { device: 'dev_2' }), 10)
  pass(5)
  assert.equal(first('client', most), 5 * perSecond)
  pass(1e9)
  assert.equal(first('client', most + 1000), most)
})

test('a device that opens thousands in a second for hours, and whose connector tells of them, meets no limit', () => {
  for (const [early, late] of [
    ['client', 'connector'],
    ['connector', 'client'],
  ] as const) {
    const { first, both, pass } = opened()
    for (let second = 0; second < 200; second++) {
      assert.equal(
        first(early, 2500, { grant: `grt_${second}` }),
        2500,
        `${early} before ${late}, ${second} s`,
      )
      if (second >= 10) both(early, 2500)
      pass(1)
    }
  }
})

test('however many sessions a device has elsewhere, the first ones of a grant are on record once its connector tells', () => {
  const { first } = opened()
  const all = ALLOWANCE.connector.most + FREE_OF_GRANT
  assert.equal(first('connector', all + 500), all)
  assert.equal(first('connector', FREE_OF_GRANT + 1, { grant: 'grt_2' }), FREE_OF_GRANT)
  assert.equal(first('connector', 1, { grant: 'grt_2' }), 0)
})

test('what was not written was not taken', () => {
  const { allowance, first } = opened()
  const draft = allowance.draft()
  for (let n = 0; n < 1000; n++) draft.first('client', 'dev_1', 'grt_1')
  assert.equal(first('client', ALLOWANCE.client.most), ALLOWANCE.client.most)
})

test('that a device is over its limit is said once a minute, with all that came meanwhile', () => {
  const { allowance, pass } = opened()
  assert.equal(allowance.shed('dev_1', 3), 3)
  assert.equal(allowance.shed('dev_1', 4), undefined)
  pass(61)
  assert.equal(allowance.shed('dev_1', 5), 9)
  assert.equal(allowance.shedOf('dev_1'), 12)
  assert.equal(allowance.shedOf('dev_2'), 0)
})
