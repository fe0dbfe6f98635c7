import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import type { Parting } from '../../base/parting.ts'
import { connected } from '../agents/control.fixture.ts'
import { Departures } from './departures.ts'
import { lossOf, lossText } from './loss.ts'

const closed = new Fault('CONTROL_UNREACHABLE', 'ECONNRESET', { seen: { lost: 'closed' } })
const silent = new Fault('CONTROL_UNREACHABLE', 'no pong for 20 s', { seen: { lost: 'silent' } })

function agent(role: 'client' | 'connector', id: string, parting?: Parting) {
  const one = connected(role, id)
  return { ...one, sessions: 3, rssBytes: 7, channel: { ...one.channel, parting } as typeof one.channel }
}

test('a connector that said goodbye left in good order, for its reason, with its last figures', () => {
  const all = new Departures()
  all.left(agent('connector', 'con_1', { why: 'upgrade', detail: '1.2 to 1.3' }), undefined, 5)
  const { left } = all.of('con_1')
  assert.deepEqual(
    [left?.orderly, left?.parting, left?.atMs, left?.address, left?.lost],
    [true, { why: 'upgrade', detail: '1.2 to 1.3' }, 5, '192.0.2.1', undefined],
  )
  assert.deepEqual([left?.said.sessions, left?.said.rssBytes, left?.said.state], [3, 7, 'healthy'])
})

test('a connection that closed without a goodbye and one that fell silent are told apart', () => {
  const all = new Departures()
  all.left(agent('connector', 'con_1'), closed, 5)
  all.left(agent('connector', 'con_2'), silent, 5)
  assert.deepEqual([all.of('con_1').left?.lost, all.of('con_2').left?.lost], ['closed', 'silent'])
  assert.deepEqual(all.of('con_1').left?.fault, { code: closed.code, hop: closed.hop, detail: 'ECONNRESET' })
  assert.match(lossText(closed), /closed without a goodbye.*ECONNRESET/)
  assert.match(lossText(silent), /stopped responding.*no pong for 20 s/)
  assert.equal(lossText(undefined), 'orderly')
})

test('a lost connector is CONNECTOR_DISCONNECTED; one that was refused keeps the refusal’s code', () => {
  assert.equal(lossOf(silent).code, 'CONNECTOR_DISCONNECTED')
  const revoked = new Fault('IDENTITY_REVOKED', 'disabled')
  assert.equal(lossOf(revoked), revoked)
  assert.match(lossText(revoked), /disabled/)
})

test('refusals with one code are counted, and another code begins anew', () => {
  const all = new Departures()
  const revoked = new Fault('IDENTITY_REVOKED', 'disabled')
  all.refused('con_1', '192.0.2.1', revoked, 1)
  all.refused('con_1', '192.0.2.2', revoked, 2)
  const { refused } = all.of('con_1')
  assert.deepEqual([refused?.times, refused?.address, refused?.atMs], [2, '192.0.2.2', 2])
  all.refused('con_1', '192.0.2.2', new Fault('CERT_EXPIRED', 'expired'), 3)
  assert.deepEqual([all.of('con_1').refused?.times, all.of('con_1').refused?.fault.code], [1, 'CERT_EXPIRED'])
})

test('a connector’s departure ends what it was refused for before; its return ends both', () => {
  const all = new Departures()
  all.refused('con_1', '192.0.2.1', new Fault('IDENTITY_REVOKED', 'disabled'), 1)
  all.left(agent('connector', 'con_1'), closed, 2)
  assert.equal(all.of('con_1').refused, undefined)
  all.refused('con_1', '192.0.2.1', new Fault('IDENTITY_REVOKED', 'disabled'), 3)
  assert.deepEqual(Object.keys(all.of('con_1')), ['left', 'refused'], 'since it left')
  all.back('con_1')
  assert.deepEqual(all.of('con_1'), {})
})

test('a copy of a device that was refused stays known while the device comes and goes', () => {
  const all = new Departures()
  all.refused('dev_1', '203.0.113.9', new Fault('IDENTITY_CLONED', 'copy'), 1)
  all.here('dev_1')
  assert.equal(all.of('dev_1').refused?.address, '203.0.113.9')
  all.left(agent('client', 'dev_1'), undefined, 2)
  assert.equal(all.of('dev_1').refused?.address, '203.0.113.9')
  assert.equal(all.of('dev_1').left?.atMs, 2)
  all.here('dev_1')
  assert.equal(all.of('dev_1').left, undefined)
  all.here('dev_2')
  assert.deepEqual(all.of('dev_2'), {})
})

test('of twenty thousand agents the one that left last is known, and the first is forgotten', () => {
  const all = new Departures()
  const fault = new Fault('IDENTITY_REVOKED', 'disabled')
  for (let number = 0; number < 20_000; number++) all.refused(`con_${number}`, '192.0.2.1', fault, number)
  all.refused('con_0', '192.0.2.1', fault, 20_000) // It comes last now.
  all.refused('con_new', '192.0.2.1', fault, 20_001)
  assert.equal(all.of('con_0').refused?.times, 2)
  assert.deepEqual(all.of('con_1'), {})
  assert.equal(all.of('con_2').refused?.times, 1)
})
