import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseEdge, isClearlyNearer, type JudgedEdge, judgeEdge, nearestEdge } from './edge-choice.ts'

const edge = (id: string, rttUs?: number, code?: string) => ({ id, name: id.toUpperCase(), rttUs, code })
const reach = (entries: Record<string, number | string>) =>
  new Map(
    Object.entries(entries).map(([id, is]) => [id, typeof is === 'number' ? { rttUs: is } : { code: is }]),
  )
const CANDIDATES = [
  { id: 'a', name: 'A' },
  { id: 'b', name: 'B' },
  { id: 'c', name: 'C' },
]

test('an agent takes the nearest edge that answers', () => {
  const edges = [edge('a', 40_000), edge('b', 2_000), edge('c', undefined, 'EGRESS_BLOCKED')]
  assert.equal(nearestEdge(edges, undefined)?.id, 'b')
  assert.equal(nearestEdge([edge('c', undefined, 'EGRESS_BLOCKED')], 'c'), undefined)
})

for (const { name, now, other, moves } of [
  { name: 'half as far', now: 40_000, other: 20_000, moves: true },
  { name: '19 % nearer', now: 100_000, other: 81_000, moves: false },
  { name: '4.9 ms nearer', now: 6_000, other: 1_100, moves: false },
  { name: 'exactly at both limits', now: 25_000, other: 20_000, moves: true },
  { name: 'farther', now: 1_000, other: 50_000, moves: false },
]) {
  test(`an agent ${moves ? 'moves' : 'stays'} when another edge is ${name}`, () => {
    assert.equal(nearestEdge([edge('a', now), edge('b', other)], 'a')?.id, moves ? 'b' : 'a')
  })
}

test('two agents that measured the same never trade places: moving there and back is never both worth it', () => {
  const us = fc.integer({ min: 1, max: 1_000_000 })
  fc.assert(fc.property(us, us, (a, b) => !(isClearlyNearer(a, b) && isClearlyNearer(b, a))))
})

test('a pipe goes over the edge with the shortest way from end to end, not the one nearest to either', () => {
  const client = reach({ a: 1_000, b: 20_000, c: 90_000 })
  const connector = reach({ a: 90_000, b: 15_000, c: 1_000 })
  const { chosen, because } = chooseEdge(CANDIDATES, client, connector)
  assert.equal(chosen, 'b')
  assert.equal(because, 'edge B: 20 ms to the client + 15 ms to the connector; next A 91 ms')
})

test('an edge that one end does not reach is none, and the reason is told', () => {
  const { chosen, excluded } = chooseEdge(
    CANDIDATES,
    reach({ a: 1_000, b: 1_000, c: 50_000 }),
    reach({ a: 'EGRESS_BLOCKED', c: 50_000 }),
  )
  assert.equal(chosen, 'c')
  assert.deepEqual(
    excluded.map(({ name, because }) => `${name}: ${because}`),
    [
      'A: the connector cannot reach it: EGRESS_BLOCKED',
      'B: the connector cannot reach it: not measured yet',
    ],
  )
})

test('an edge that drains or is away takes no pipe, however near it is', () => {
  const [first, ...rest] = CANDIDATES
  for (const out of ['draining', 'away']) {
    const near = reach({ a: 1, b: 9_000 })
    assert.equal(chooseEdge([{ ...first!, out }, ...rest], near, near).chosen, 'b')
  }
})

test('an end that has told of nothing yet leaves the choice to the other; both, to the order of edges', () => {
  const told = reach({ a: 9_000, b: 1_000 })
  const one = chooseEdge(CANDIDATES.slice(0, 2), new Map(), told)
  assert.equal(one.chosen, 'b')
  assert.match(one.because, /1\.0 ms to the connector, the other end has not measured yet/)
  assert.equal(chooseEdge(CANDIDATES.slice(0, 2), told, new Map()).chosen, 'b')
  const none = chooseEdge(CANDIDATES, new Map(), new Map())
  assert.equal(none.chosen, 'a')
  assert.equal(none.because, 'edge A: neither end has measured yet')
})

test('where no edge is known to be reached by both, one that is there is still better than none', () => {
  const { chosen, because } = chooseEdge(
    CANDIDATES.slice(0, 2),
    reach({ a: 1_000, b: 'EGRESS_BLOCKED' }),
    reach({ a: 'EGRESS_BLOCKED', b: 1_000 }),
  )
  assert.equal(chosen, 'a')
  assert.match(because, /no edge is known to be reachable by both \(A: the connector .*; B: the client /)
  const gone = chooseEdge([{ id: 'a', name: 'A', out: 'draining' }], new Map(), new Map())
  assert.equal(gone.chosen, undefined)
  assert.equal(gone.because, 'no edge accepts pipes: A: draining')
})

const judged = (id: string, o: Partial<JudgedEdge>): JudgedEdge => ({ id, name: id, region: '', ...o })
const FAR = judged('far', { rttUs: 60_000, region: 'us' })

for (const { name, other, o, nearer } of [
  {
    name: 'it answered from nearby before, and does not now',
    other: judged('near', { knownRttUs: 2_000, code: 'EGRESS_BLOCKED' }),
    nearer: 'EGRESS_BLOCKED',
  },
  {
    name: 'it never answered, and is in the region of the agent',
    other: judged('near', { region: 'eu', code: 'EGRESS_REJECTED' }),
    o: { region: 'eu' },
    nearer: 'EGRESS_REJECTED',
  },
  {
    name: 'it answers, and another was set by hand',
    other: judged('near', { rttUs: 2_000 }),
    o: { pinned: 'the flag --edge' },
    nearer: 'answers, but another is set by the flag --edge',
  },
  {
    name: 'it answers, and the control connection there fails',
    other: judged('near', { rttUs: 2_000, code: 'CONTROL_UNREACHABLE' }),
    nearer: 'CONTROL_UNREACHABLE',
  },
]) {
  test(`a far edge is used: ${name}`, () => {
    const found = judgeEdge([FAR, other], 'far', o)
    assert.deepEqual(
      found?.nearer.map(({ edge, because }) => [edge.id, because]),
      [['near', nearer]],
    )
  })
}

for (const { name, other, o } of [
  { name: 'no other is known', other: judged('x', {}) },
  {
    name: 'the other was as far when it answered',
    other: judged('x', { knownRttUs: 59_000, code: 'EGRESS_BLOCKED' }),
  },
  {
    name: 'the other never answered, and nobody said where it is',
    other: judged('x', { code: 'EGRESS_BLOCKED' }),
  },
  {
    name: 'both are in the region of the agent',
    other: judged('x', { region: 'us', code: 'EGRESS_BLOCKED' }),
    o: { region: 'us' },
  },
  { name: 'the other answers: a move is under way', other: judged('x', { rttUs: 2_000 }) },
]) {
  test(`the edge in use is no far edge when ${name}`, () => {
    assert.equal(judgeEdge([FAR, other], 'far', o), undefined)
  })
}
