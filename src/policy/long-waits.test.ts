import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LongWaits, type WaitingSession } from './long-waits.ts'
import { Tally } from './silence.ts'

const asks = (askedS: number, user = 'ada'): WaitingSession => ({ user, askedMs: askedS * 1000, upBytes: 90 })
/** From when on it is proved, in seconds, by those who still wait. */
function provedS(long: LongWaits, waiting: readonly WaitingSession[]): number | undefined {
  for (let s = 0; s < 1000; s++) if (long.prove(s * 1000, waiting, [])) return s
  return undefined
}
function known(o: { answeredS: number; tookS?: number }): LongWaits {
  const long = new LongWaits(false)
  long.answered(o.answeredS * 1000, (o.tookS ?? 0) * 1000)
  return long
}

test('two that have had no byte are a silence while they wait, within half a minute', () => {
  const cases: Record<string, [LongWaits, readonly WaitingSession[], number | undefined]> = {
    'of two users, where somebody was answered before': [
      known({ answeredS: 0 }),
      [asks(1), asks(1, 'bob')],
      13,
    ],
    'of one user, one after the other': [known({ answeredS: 0 }), [asks(1), asks(6)], 18],
    'of one user at one moment: a page with slow parts takes its time': [
      known({ answeredS: 0 }),
      [asks(1), asks(2), asks(2)],
      26,
    ],
    'where nobody was answered yet, and answers are the rule': [new LongWaits(true), [asks(1), asks(6)], 30],
    'where nobody was answered, and it may be that nobody ever is': [
      new LongWaits(false),
      [asks(1), asks(1, 'bob'), asks(6)],
      undefined,
    ],
    'one alone': [known({ answeredS: 0 }), [asks(1)], undefined],
    'those who asked before somebody was answered': [
      known({ answeredS: 7 }),
      [asks(1), asks(6), asks(8)],
      undefined,
    ],
    'after a long poll that was answered': [known({ answeredS: 40, tookS: 30 }), [asks(41), asks(50)], 110],
  }
  for (const [what, [long, waiting, s]] of Object.entries(cases))
    assert.equal(provedS(long, waiting), s, what)
})

test('polls that wait while others are answered tell how long somebody waits there', () => {
  const long = known({ answeredS: 0 })
  const polls = [asks(1), asks(5, 'bob')]
  long.answered(30_000, 100)
  assert.equal(long.prove(31_000, polls, []), false, 'others are answered')
  const later = [asks(40), asks(41, 'bob')]
  assert.equal(long.prove(70_000, later, []), false, 'as long as a poll was seen to wait, and as long again')
  assert.equal(long.prove(100_000, later, []), true)
})

test('one that still waits beside one that gave up are two; whoever is heard ends it', () => {
  const tally = new Tally()
  tally.answered(0, { tookMs: 0, idleMs: 0, bytes: 90 })
  tally.gaveUp({ ...asks(1), endedMs: 51_000, isUnheard: true })
  assert.equal(tally.silence(60_000, []), undefined)
  const silence = tally.silence(80_000, [asks(60)])
  assert.deepEqual(silence && [silence.sessions, silence.waiting, silence.waitedMs], [2, 1, 20_000])
  tally.answered(81_000, { tookMs: 0, idleMs: 0, bytes: 90 })
  assert.equal(tally.silence(90_000, [asks(60)]), undefined)
})

test('in an application that is only written to nobody waits, on whichever port', () => {
  const tally = new Tally(true)
  tally.oneWay()
  const waiting = [asks(1), asks(6, 'bob')]
  assert.equal(tally.silence(300_000, waiting), undefined)
  assert.deepEqual([tally.soFar(300_000, waiting), tally.waitLong(300_000, waiting)], [undefined, []])
})

test('whoever asks about it hears of one that waits, sooner than anybody else', () => {
  const tally = new Tally(true)
  assert.equal(tally.soFar(4000, [asks(1)]), undefined)
  const one = tally.soFar(6000, [asks(1)])
  assert.deepEqual(one && [one.sessions, one.waiting, one.waitedMs], [1, 1, 5000])
})

test('what was last sent before an answer on the same way is late, not lost; an answer without a pause proves no pause', () => {
  const one = (session: string, sentMs: number) =>
    ({ is: 'lost', session, user: session, atMs: 9000, idleMs: 5000, sentMs, saw: 'backoff:5' }) as const
  const tally = new Tally()
  tally.answered(8000, { tookMs: 1000, idleMs: 6000, bytes: 90 })
  for (const session of ['1', '2']) tally.lost(one(session, 6000))
  assert.equal(tally.silence(9000), undefined)
  for (const session of ['1', '2']) tally.lost(one(session, 8500))
  assert.equal(tally.silence(9000)?.is, 'lost', 'sent again since, and lost again')
  const idle = new Tally()
  idle.answered(8000, { tookMs: 1000, idleMs: 0, bytes: 90 })
  for (const session of ['1', '2']) idle.lost(one(session, 6000))
  assert.equal(idle.silence(9000)?.is, 'lost')
})

test('how long somebody waited is remembered for half an hour: an outage does not blunt the watch for ever', () => {
  const long = known({ answeredS: 300, tookS: 290 })
  assert.equal(provedS(long, [asks(301), asks(301, 'bob')]), 301 + 580)
  long.answered(2_200_000, 10)
  assert.equal(long.prove(2_220_000, [asks(2205), asks(2205, 'bob')], []), true)
})
