import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pointsOf, readScores, scoreLine, scoresText } from './score.ts'

test('hints and wrong answers cost, the doctor costs all, and nobody falls below nothing', () => {
  assert.equal(pointsOf({ hints: 0, wrong: 0, told: false }), 10)
  assert.equal(pointsOf({ hints: 2, wrong: 1, told: false }), 5)
  assert.equal(pointsOf({ hints: 9, wrong: 3, told: false }), 0)
  assert.equal(pointsOf({ hints: 0, wrong: 0, told: true }), 0)
})

test('a score is read as it was written; other lines, and those of before there were seconds, do no harm', () => {
  const score = { at: '2026-11-21T04:00:00Z', variant: 'SCN-05:drop', points: 8, tookSeconds: 41 }
  const text = `my scores\n${scoreLine(score)}2026-11-20T04:00:00Z SCN-05:drop 10\n`
  assert.deepEqual(readScores(text), [
    score,
    { ...score, at: '2026-11-20T04:00:00Z', points: 10, tookSeconds: 0 },
  ])
})

test('the sum, and the best of each', () => {
  const of = (variant: string, points: number) => ({ at: 'x', variant, points, tookSeconds: 30 })
  assert.equal(
    scoresText([of('SCN-05:drop', 4), of('SCN-02:bom', 10), of('SCN-05:drop', 8)]),
    [
      '22 points in 3 rounds',
      '  SCN-02:bom              once      best 10, last 10 in 30 s',
      '  SCN-05:drop             2 times   best 8, last 8 in 30 s',
    ].join('\n'),
  )
  assert.equal(scoresText([]), 'no round has been played yet')
})
