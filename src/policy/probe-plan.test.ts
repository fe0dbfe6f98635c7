import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AFTER_USE_MS, PER_SECOND, planProbes } from './probe-plan.ts'
import type { PolicySegment } from './segment.ts'

const NOW = 100_000_000

function segment(id: string, o: Partial<PolicySegment> = {}): PolicySegment {
  return {
    ...{ id, name: id, hosts: [`${id}.example`], cidrs: [], tcp: [[443, 443]], udp: [], serverGroups: [] },
    ...{ health: 'onAccess', enabled: true, addressCidrs: [] },
    ...o,
  }
}
const words = (planned: ReturnType<typeof planProbes>) => planned.map(({ host, port }) => `${host}:${port}`)

test('continuous: every host and single address with every TCP port, nobody having asked', () => {
  const one = segment('a', {
    health: 'continuous',
    cidrs: ['10.0.0.5/32', '10.1.0.0/16'],
    tcp: [
      [80, 80],
      [443, 444],
    ],
    udp: [[53, 53]],
  })
  assert.deepEqual(words(planProbes([one], [], NOW)), [
    ...['a.example:80', 'a.example:443', 'a.example:444'],
    ...['10.0.0.5:80', '10.0.0.5:443', '10.0.0.5:444'],
  ])
})

test('on access: for half an hour after somebody asked, and not before', () => {
  const use = { segment: 'a', host: 'x.a.example', port: 443, atMs: NOW - 1000 }
  const a = segment('a', { hosts: ['*.a.example'] })
  assert.deepEqual(planProbes([a], [], NOW), [])
  assert.deepEqual(words(planProbes([a], [use], NOW)), ['x.a.example:443'])
  assert.deepEqual(planProbes([a], [{ ...use, atMs: NOW - AFTER_USE_MS }], NOW), [])
})

test('what a segment declares no more is not tried any more, however lately it was used', () => {
  const uses = [443, 8443].map((port) => ({ segment: 'a', host: 'a.example', port, atMs: NOW - 1000 }))
  assert.deepEqual(words(planProbes([segment('a')], uses, NOW)), ['a.example:443'])
  assert.deepEqual(planProbes([segment('a', { hosts: ['b.example'] })], uses, NOW), [])
})

test('none, disabled and segments of others are left alone', () => {
  const use = { segment: 'a', host: 'a.example', port: 443, atMs: NOW }
  assert.deepEqual(planProbes([segment('a', { health: 'none' })], [use], NOW), [])
  assert.deepEqual(planProbes([segment('a', { enabled: false, health: 'continuous' })], [use], NOW), [])
  assert.deepEqual(planProbes([segment('b')], [use], NOW), [])
})

test('whatever is asked, a connector makes no more than 20 attempts in a second', () => {
  const many = Array.from({ length: 700 }, (_, i) =>
    segment(`s${i}`, { health: 'continuous', tcp: [[1, 10]] }),
  )
  const planned = planProbes(many, [], NOW)
  assert.ok(planned.reduce((perSecond, { everyMs }) => perSecond + 1000 / everyMs, 0) <= PER_SECOND)
  assert.ok(planned.every(({ everyMs }) => everyMs >= 30_000))
})
