import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Candidate, type ConnectorState, selectConnector } from './select.ts'

function candidate(id: string, o: Partial<Candidate> = {}): Candidate {
  return { id, name: id, group: 'grp_1', state: 'healthy', sessions: 0, ...o }
}

test('the one with the fewest sessions is chosen, and why is said', () => {
  const { chosen, because } = selectConnector([
    candidate('a', { sessions: 5 }),
    candidate('b', { sessions: 2 }),
  ])
  assert.equal(chosen?.id, 'b')
  assert.equal(because, 'b has 2 sessions, a has 5')
})

test('a tie falls to the smaller id', () => {
  assert.equal(selectConnector([candidate('b'), candidate('a')]).chosen?.id, 'a')
})

test('each one that is out has its own reason', () => {
  const { chosen, because, excluded } = selectConnector([
    candidate('a', { state: 'draining' }),
    candidate('b', { state: 'disconnected' }),
    candidate('c', { state: 'disabled' }),
    candidate('d', { unreachable: { code: 'APP_REFUSED' } }),
  ])
  assert.equal(chosen, undefined)
  assert.equal(because, 'every connector is out')
  assert.deepEqual(
    excluded.map(({ id, because }) => `${id}: ${because}`),
    [
      'a: it is draining',
      'b: it is disconnected',
      'c: it is disabled',
      'd: it does not reach the application: APP_REFUSED',
    ],
  )
})

test('no connector at all is not the same as none that is well', () => {
  assert.deepEqual(selectConnector([]), { because: 'there is no connector', excluded: [] })
})

const states: ConnectorState[] = ['connected', 'healthy', 'degraded', 'draining', 'disconnected', 'disabled']
test('property: the order of candidates decides nothing, and everyone is chosen, eligible or excluded with a reason', () => {
  const pool = fc.uniqueArray(
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 3 }),
      state: fc.constantFrom(...states),
      sessions: fc.nat(3),
      unreachable: fc.option(fc.constant({ code: 'APP_TIMEOUT' }), { nil: undefined }),
    }),
    { selector: ({ id }) => id, maxLength: 6 },
  )
  fc.assert(
    fc.property(pool, (drawn) => {
      const candidates = drawn.map(({ id, ...o }) => candidate(id, o))
      const one = selectConnector(candidates)
      assert.equal(selectConnector(candidates.toReversed()).chosen, one.chosen)
      const out = new Set(one.excluded.map(({ id }) => id))
      for (const c of candidates) {
        const usable = ['connected', 'healthy', 'degraded'].includes(c.state) && !c.unreachable
        assert.equal(out.has(c.id), !usable)
        if (usable) assert.ok(one.chosen && one.chosen.sessions <= c.sessions)
      }
    }),
  )
})
