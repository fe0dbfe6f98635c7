import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Candidate, type CandidateState, selectConnector } from './select.ts'

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
      'd: it cannot reach the application: APP_REFUSED',
    ],
  )
})

test('no connector at all is not the same as none that is well', () => {
  assert.deepEqual(selectConnector([]), { because: 'there is no connector', excluded: [] })
})

const states: CandidateState[] = ['connected', 'healthy', 'degraded', 'draining', 'disconnected', 'disabled']
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

test('the failover tier serves only when nobody of the native one can', () => {
  const near = candidate('b', { failover: true })
  const native = candidate('a', { sessions: 100 })
  const with_ = selectConnector([near, native])
  assert.equal(with_.chosen?.id, 'a')
  assert.deepEqual(with_.excluded, [
    { id: 'b', name: 'b', because: 'its group is used only when no other group serves' },
  ])
  const without = selectConnector([near, { ...native, state: 'disconnected' }])
  assert.equal(without.chosen?.id, 'b')
  assert.match(
    without.because,
    /^failover, as no connector of the other groups is serving: b is the only one/,
  )
})

test('who reached none of what it was asked for comes after all others, and serves when nobody else can', () => {
  const ailing = candidate('a', { ailing: 'APP_TIMEOUT' })
  const full = candidate('b', { sessions: 99, overloaded: 'memory 99 %' })
  const { chosen, excluded } = selectConnector([ailing, full])
  assert.equal(chosen?.id, 'b', 'overloaded is better')
  assert.equal(excluded[0]?.because, 'it could not reach any of the applications last requested: APP_TIMEOUT')
  const failover = candidate('c', { failover: true })
  assert.equal(selectConnector([ailing, failover]).chosen?.id, 'c')
  assert.equal(
    selectConnector([ailing, candidate('d', { ailing: 'APP_TIMEOUT', sessions: 1 })]).chosen?.id,
    'a',
  )
})

test('who is overloaded is out while another is not, and serves when all are', () => {
  const full = candidate('a', { overloaded: 'descriptors 95 %' })
  const well = candidate('b', { sessions: 50 })
  const spared = selectConnector([full, well])
  assert.equal(spared.chosen?.id, 'b')
  assert.equal(spared.excluded[0]?.because, 'it is overloaded: descriptors 95 %')
  assert.equal(selectConnector([full, { ...well, failover: true }]).chosen?.id, 'b')
  const all = selectConnector([full, { ...well, overloaded: 'memory 99 %' }])
  assert.equal(all.chosen?.id, 'a')
  assert.match(all.because, /^overloaded, as all serving connectors are: /)
})

test('the nearer one is chosen until it is so much fuller that the way is worth it', () => {
  const near = candidate('a', { rttUs: 2000, load: 0.1, sessions: 9 })
  const far = candidate('b', { rttUs: 42_000, load: 0.05 })
  const first = selectConnector([near, far])
  assert.equal(first.chosen?.id, 'a')
  assert.equal(first.because, 'a is 2 ms away at 10 % load, b 42 ms away at 5 % load')
  assert.equal(selectConnector([{ ...near, load: 0.8 }, far]).chosen?.id, 'b')
  assert.equal(
    selectConnector([near, { ...far, rttUs: undefined }]).chosen?.id,
    'b',
    'unknown ways do not count',
  )
})

test('a load that was told before the last eight were sent somewhere does not send all eight to one place', () => {
  const was = { busy: candidate('a', { load: 0.25 }), idle: candidate('b', { load: 0.02 }) }
  const sent = { a: 0, b: 0 }
  let because = ''
  for (let device = 0; device < 8; device++) {
    const now = [was.busy, was.idle].map((one) => {
      const given = sent[one.id as 'a' | 'b']
      return { ...one, given, sessions: given }
    })
    const selection = selectConnector(now)
    because ||= selection.because
    sent[selection.chosen!.id as 'a' | 'b']++
  }
  assert.ok(sent.a >= 2 && sent.b >= 2, `${sent.a} and ${sent.b}`)
  assert.equal(because, 'b is at 2 % load, a at 25 % load')
  const many = candidate('a', { load: 0.1, sessions: 1004, given: 4 })
  const few = candidate('b', { load: 0.25, sessions: 1000 })
  assert.equal(selectConnector([many, few]).chosen?.id, 'a', 'one of a thousand brings little')
  const near = candidate('a', { rttUs: 2000, load: 0.02, sessions: 20, given: 20 })
  const far = candidate('b', { rttUs: 42_000, load: 0.02 })
  assert.equal(selectConnector([near, far]).chosen?.id, 'a', 'nobody is sent far away for it')
})

test('for any candidates: equally far and equally full, the one with the fewest sessions is chosen', () => {
  const one = fc.record({
    rttUs: fc.constant(10_000),
    load: fc.constant(0.3),
    sessions: fc.nat(50),
    failover: fc.boolean(),
    overloaded: fc.option(fc.constant('cpu'), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 8 }), (list) => {
      const candidates = list.map((o, i) => candidate(`c${i}`, o))
      const { chosen, excluded } = selectConnector(candidates)
      const out = new Set(excluded.map(({ id }) => id))
      const pool = candidates.filter(({ id }) => !out.has(id))
      assert.equal(chosen!.sessions, Math.min(...pool.map(({ sessions }) => sessions)))
      assert.deepEqual(selectConnector([...candidates].reverse()).chosen, chosen)
      if (candidates.some(({ overloaded }) => overloaded === undefined)) {
        assert.equal(chosen!.overloaded, undefined)
      }
    }),
  )
})
