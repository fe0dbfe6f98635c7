import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReconnectGrace } from './reconnect-grace.ts'

test('who has just left is waited for, until it is back', async () => {
  const returning = new ReconnectGrace()
  returning.lost('con_1')
  const back = returning.one(['con_2', 'con_1'])
  returning.arrived('con_3')
  returning.arrived('con_1')
  assert.equal(await back, true)
})

test('who was never there, or is back already, is not waited for', async () => {
  const returning = new ReconnectGrace()
  assert.equal(await returning.one(['con_1']), false)
  returning.lost('con_1')
  returning.arrived('con_1')
  assert.equal(await returning.one(['con_1']), false)
  assert.equal(await returning.one([]), false)
})

test('who does not come back is given up', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const returning = new ReconnectGrace()
  returning.lost('con_1')
  const back = returning.one(['con_1'])
  t.mock.timers.tick(2001)
  assert.equal(await back, false)
})
