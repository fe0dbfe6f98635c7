import assert from 'node:assert/strict'
import { test } from 'node:test'
import { availablePeers, PEERS } from './peers.ts'
import { selectWorkloads } from './workloads.ts'

const EVERYTHING = { namespace: true, root: true }

test('names that nobody has are said together, with those there are', () => {
  assert.throws(
    () => availablePeers(['direct', 'bor', 'frpp'], EVERYTHING),
    /against bor, frpp: known .* bore, frp/,
  )
  assert.throws(() => selectWorkloads(['bulk-down', 'bulk']), /run bulk: known .* bulk-down/)
})

test('whoever is asked for is in the run with ours and direct; whoever cannot be is said at once', () => {
  const { peers } = availablePeers(['direct'], EVERYTHING)
  assert.deepEqual(
    peers.map(({ name }) => name),
    ['backstitch', 'direct'],
  )
  assert.throws(
    () => availablePeers(['nebula'], { namespace: false, root: false }),
    /Cannot bench against nebula: (nebula|needs network namespaces)/,
  )
})

test('each peer says what it does not do, unless it does all that ours does', () => {
  const same = ['backstitch', 'openziti']
  assert.deepEqual(
    PEERS.filter(({ name, lacks }) => lacks === '' && !same.includes(name)),
    [],
  )
})
