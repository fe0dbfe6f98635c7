import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Exchange } from './exchange.ts'
import { type SessionLoss, Tally } from './silence.ts'

/** What one session does, second by second: `>` the program speaks, `<` the application does, `x` both, `.` nobody. */
function live(
  tally: Tally,
  script: string,
  o: { user?: string; atS?: number; ends?: 'given-up' | 'stays' } = {},
): void {
  const { user = 'ada', atS = 0, ends = 'given-up' } = o
  const exchange = new Exchange(atS * 1000)
  let [up, down, nowMs] = [0, 0, atS * 1000]
  let awaits = false
  for (const sign of script) {
    nowMs += 1000
    if (up === 0 && down === 0 && sign !== '.') tally.began(sign === '<')
    if (sign === '>' || sign === 'x') up += 100
    if (sign === '<' || sign === 'x') down += 100
    if (sign !== '.') awaits = sign === '>'
    const answered = exchange.look({ up, down, awaits }, nowMs)
    if (answered !== undefined) tally.answered(nowMs, answered)
    else if (exchange.isOneWay && down === 0) tally.oneWay()
  }
  const askedMs = up === 0 && down === 0 && tally.greets ? atS * 1000 : exchange.askedMs
  if (ends === 'stays' || askedMs === undefined || nowMs - askedMs < tally.patienceMs) return
  tally.gaveUp({ user, askedMs, endedMs: nowMs, upBytes: up })
}

const WAITS = '>......'

test('three who asked and gave up are a silence: of two users, or of one who tried again', () => {
  const two = new Tally()
  for (const user of ['ada', 'bob', 'bob']) live(two, WAITS, { user })
  const silence = two.silence(8000)
  assert.deepEqual(
    silence && [silence.is, silence.sessions, silence.users, silence.waitedMs, silence.upBytes],
    [...['silent', 3, 2], ...[6000, 100]],
  )
  const again = new Tally()
  for (const atS of [0, 0, 8]) live(again, WAITS, { atS })
  assert.equal(again.silence(16_000)?.sinceMs, 1000)
})

test('none of these is a silence', () => {
  const cases: Record<string, readonly (readonly [script: string, o?: Parameters<typeof live>[2]])[]> = {
    'one page that opens six connections at once': Array.from({ length: 6 }, () => [WAITS] as const),
    'two who gave up': [[WAITS], [WAITS, { user: 'bob' }]],
    'a quiet idle shell that is closed': [
      ['<>x..........', { user: 'ada' }],
      ['<>x..........', { user: 'bob' }],
      ['<>x..........', { user: 'eve' }],
    ],
    'connections of a browser that were never used': [
      ['......', { user: 'ada' }],
      ['......', { user: 'bob' }],
      ['......', { user: 'eve' }],
    ],
    'lines of syslog, one way for ever': [
      ['>...>...>......', { user: 'ada' }],
      ['>...>...>......', { user: 'bob' }],
      ['>...>...>......', { user: 'eve' }],
      [WAITS, { user: 'eve' }],
      [WAITS, { user: 'bob' }],
      [WAITS, { user: 'ada' }],
    ],
    'figures that are sent, and the connection closed': [
      ['>', { user: 'ada' }],
      ['>', { user: 'bob' }],
      ['>', { user: 'eve' }],
    ],
    'long polls that ended with an answer before, given up by three': [
      ['>..............................<', { user: 'ada' }],
      ['>..............................', { user: 'ada', atS: 40 }],
      ['>..............................', { user: 'bob', atS: 40 }],
      ['>..............................', { user: 'eve', atS: 40 }],
    ],
    'pings of the server that the program answers, then nothing': [
      ['<>x...x...x.......', { user: 'ada' }],
      ['<>x...x...x.......', { user: 'bob' }],
      ['<>x...x...x.......', { user: 'eve' }],
    ],
    'three who still wait': [
      [WAITS, { user: 'ada', ends: 'stays' }],
      [WAITS, { user: 'bob', ends: 'stays' }],
      [WAITS, { user: 'eve', ends: 'stays' }],
    ],
    'one that is answered among those that are not': [
      [WAITS, { user: 'ada' }],
      [WAITS, { user: 'bob' }],
      ['>.<', { user: 'eve', atS: 3 }],
      [WAITS, { user: 'ada', atS: 6 }],
    ],
  }
  for (const [what, sessions] of Object.entries(cases)) {
    const tally = new Tally()
    for (const [script, o] of sessions) live(tally, script, o)
    assert.equal(tally.silence(60_000), undefined, what)
  }
})

test('one answer ends it; without one it is forgotten when nobody has tried for five minutes', () => {
  const silent = () => {
    const tally = new Tally()
    for (const user of ['ada', 'bob', 'eve']) live(tally, WAITS, { user })
    assert.equal(tally.silence(8000)?.is, 'silent')
    return tally
  }
  const answered = silent()
  live(answered, '><', { atS: 9 })
  assert.equal(answered.silence(11_000), undefined)
  assert.equal(silent().silence(7000 + 299_000)?.is, 'silent')
  assert.equal(silent().silence(7000 + 300_000), undefined)
})

test('an application that is known to greet is silent when it does not', () => {
  const tally = new Tally()
  for (const atS of [0, 1]) live(tally, '<x', { atS })
  for (const user of ['ada', 'bob', 'eve']) live(tally, '......', { user, atS: 10 })
  assert.equal(tally.silence(20_000)?.is, 'silent')
})

test('a handshake that is answered and a question behind it that is not: it is silent', () => {
  const tally = new Tally()
  const exchange = new Exchange(0)
  assert.equal(exchange.look({ up: 600, down: 2000, awaits: true }, 1000), undefined)
  assert.equal(exchange.askedMs, 1000)
  assert.equal(tally.patienceMs, 4000)
})

test('a pause is known though question and answer came between two looks', () => {
  const exchange = new Exchange(0)
  exchange.look({ up: 10, down: 10, awaits: false }, 1000)
  assert.deepEqual(exchange.look({ up: 20, down: 20, awaits: false }, 61_000), {
    tookMs: 0,
    idleMs: 60_000,
    bytes: 10,
  })
})

const lost = (session: string, o: Partial<SessionLoss> = {}): SessionLoss => ({
  ...{ is: 'lost', session, user: 'ada', atMs: 1000, idleMs: 5000, saw: 'backoff:3 unacked:1' },
  ...o,
})

test('what is not acknowledged is lost on the way, though others are answered; a pause that is survived ends it', () => {
  const tally = new Tally()
  for (const session of ['1', '2', '2']) tally.lost(lost(session))
  assert.equal(tally.silence(2000), undefined, 'two sessions of one user')
  tally.lost(lost('3', { idleMs: 9000 }))
  tally.answered(3000, { tookMs: 10, idleMs: 0, bytes: 9000 })
  const silence = tally.silence(3000)
  assert.deepEqual(silence && [silence.is, silence.sessions, silence.idleMs], ['lost', 3, 5000])
  tally.answered(4000, { tookMs: 10, idleMs: 10_000, bytes: 90 })
  assert.equal(tally.silence(4000), undefined)
})

test('of two users two sessions are enough; after five minutes it is forgotten', () => {
  const tally = new Tally()
  tally.lost(lost('1'))
  tally.lost(lost('2', { user: 'bob', atMs: 2000 }))
  assert.equal(tally.silence(2000)?.users, 2)
  assert.equal(tally.silence(302_000), undefined)
})

test('a gap in what the application sends stands until it is filled, or full packets pass; small answers prove nothing', () => {
  const tally = new Tally()
  tally.lost(lost('1', { is: 'gap' }))
  tally.lost(lost('2', { is: 'gap', user: 'bob', atMs: 3000 }))
  tally.answered(4000, { tookMs: 10, idleMs: 10_000, bytes: 300 })
  const silence = tally.silence(4000)
  assert.deepEqual(silence && [silence.is, silence.users, silence.sinceMs], ['gap', 2, 1000])
  tally.filled('2')
  assert.equal(tally.silence(4000), undefined)
  tally.lost(lost('3', { is: 'gap', user: 'eve' }))
  assert.equal(tally.silence(5000)?.sessions, 2)
  tally.answered(6000, { tookMs: 10, idleMs: 0, bytes: 60_000 })
  assert.equal(tally.silence(6000), undefined)
})
