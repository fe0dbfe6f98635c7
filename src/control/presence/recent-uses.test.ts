import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AFTER_USE_MS } from '../../policy/probe-plan.ts'
import { Uses } from './recent-uses.ts'

const wiki = { segment: 'seg_wiki', host: 'wiki.example', port: 443 }

test('what is used again changes nothing; what is new, and what is no more in use, does', () => {
  const uses = new Uses()
  assert.equal(uses.add(wiki, 0), true)
  const { mark } = uses
  assert.equal(uses.changed('seg_wiki'), mark)
  assert.equal(uses.add(wiki, 1000), false)
  assert.equal(uses.changed('seg_wiki'), mark)
  assert.equal(uses.lastMs('seg_wiki', 2000), 1000)
  assert.deepEqual(uses.of('seg_other', 2000), [])
  assert.deepEqual(uses.of('seg_wiki', 1000 + AFTER_USE_MS), [])
  assert.ok(uses.changed('seg_wiki') > mark)
  assert.equal(uses.add(wiki, 2000 + AFTER_USE_MS), true)
})

test('a flood of applications forgets the oldest, and says of no segment that it is as it was', () => {
  const uses = new Uses()
  uses.add(wiki, 0)
  const { mark } = uses
  for (let n = 0; n < 6000; n++) uses.add({ segment: `seg_${n}`, host: 'a.example', port: 80 }, 1)
  assert.equal(uses.lastMs('seg_wiki', 2), undefined)
  assert.ok(uses.changed('seg_wiki') > mark)
  assert.equal(uses.lastMs('seg_5999', 2), 1)
})
