import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission } from './admission.ts'
import { DEFAULT_LIMITS } from './edge-limits.ts'

const BUSY = { code: 'EDGE_BUSY' }

test('an address is refused at its cap on unfinished handshakes, and another is not', () => {
  const admission = new Admission({ ...DEFAULT_LIMITS, handshakesPerAddress: 2, connectionsPerAddress: 3 })
  const first = admission.enter('192.0.2.1')
  admission.enter('192.0.2.1')
  assert.throws(() => admission.enter('192.0.2.1'), {
    code: 'EDGE_BUSY',
    detail: '192.0.2.1: 2 incomplete handshakes, and no more are accepted',
  })
  admission.enter('192.0.2.2')
  first.settled()
  const third = admission.enter('192.0.2.1')
  third.settled()
  assert.throws(() => admission.enter('192.0.2.1'), BUSY, 'three connections are the cap')
  third.left()
  admission.enter('192.0.2.1')
})

test('counts return to nothing when everybody has left, whichever way they went', () => {
  const admission = new Admission({ ...DEFAULT_LIMITS, connectionsPerAddress: 2 }, { takesRelays: true })
  const visits = ['192.0.2.1', '192.0.2.1', '2001:db8::1'].map((address) => admission.enter(address))
  assert.deepEqual([admission.connections, admission.handshakes], [3, 3])
  visits[0]!.settled()
  visits[0]!.settled()
  visits[1]!.isFrom('198.51.100.1', 'edg_1')
  assert.deepEqual([admission.connections, admission.handshakes], [3, 2])
  for (const visit of visits) {
    visit.left()
    visit.left()
  }
  assert.deepEqual([admission.connections, admission.handshakes], [0, 0])
})

test('one address takes four parts of five at most: the rest is for others', () => {
  const admission = new Admission({ ...DEFAULT_LIMITS, connections: 100 })
  for (let n = 0; n < 80; n++) admission.enter('192.0.2.1')
  assert.throws(() => admission.enter('192.0.2.1'), BUSY)
  for (let n = 2; n < 12; n++) admission.enter(`192.0.2.${n}`)
})

test('all together have a cap', () => {
  const admission = new Admission({ ...DEFAULT_LIMITS, connections: 2 })
  admission.enter('192.0.2.1')
  admission.enter('192.0.2.2')
  assert.throws(() => admission.enter('192.0.2.3'), BUSY)
})

test('what an edge claims of an address takes nothing from that address, directly or by another edge', () => {
  const admission = new Admission({ ...DEFAULT_LIMITS, connectionsPerAddress: 2 }, { takesRelays: true })
  const claim = (edge: string) => admission.enter('198.51.100.9').isFrom('192.0.2.1', edge)
  claim('edg_1')
  claim('edg_1')
  assert.throws(() => claim('edg_1'), { code: 'EDGE_BUSY', detail: /^192\.0\.2\.1 via edg_1: 2 connections/ })
  claim('edg_2')
  admission.enter('192.0.2.1')
  admission.enter('192.0.2.1')
})

test('an edge takes a quarter of the room, all edges three, all direct connections three', () => {
  const limits = { ...DEFAULT_LIMITS, connections: 16, connectionsPerAddress: 2, handshakesPerAddress: 1 }
  const admission = new Admission(limits, { takesRelays: true })
  let at = 0
  const claim = (edge: string) => {
    const visit = admission.enter(`198.51.100.${at}`)
    visit.isFrom(`192.0.2.${at++}`, edge)
    return visit
  }
  for (let n = 0; n < 4; n++) claim('edg_1')
  assert.throws(() => claim('edg_1'), { code: 'EDGE_BUSY', detail: /^edge edg_1: 4 connections/ })
  for (const edge of ['edg_2', 'edg_3']) for (let n = 0; n < 4; n++) claim(edge)
  assert.throws(() => claim('edg_4'), { detail: /^all remote edges: 12 connections/ })
  for (let n = 0; n < 4; n++) admission.enter(`203.0.113.${n}`)
  const direct = new Admission(limits, { takesRelays: true })
  for (let n = 0; n < 12; n++) direct.enter(`203.0.113.${n}`)
  assert.throws(() => direct.enter('203.0.113.99'), { detail: /^all direct connections: 12 connections/ })
})

test('handshakes that an edge leaves unfinished are its own, whatever addresses it claims', () => {
  const admission = new Admission({ ...DEFAULT_LIMITS, handshakesPerAddress: 1 }, { takesRelays: true })
  for (let n = 0; n < 4; n++) admission.enter(`198.51.100.${n}`).isFrom(`192.0.2.${n}`, 'edg_1')
  const more = () => admission.enter('198.51.100.9').isFrom('192.0.2.9', 'edg_1')
  assert.throws(more, { code: 'EDGE_BUSY', detail: /^edge edg_1: 4 incomplete handshakes/ })
  admission.enter('192.0.2.0')
})
