import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Result } from './rounds.ts'
import { judge } from './verdicts.ts'
import type { Sample } from './workload.ts'
import { WORKLOADS } from './workloads.ts'

function result(name: string, ...rounds: Record<string, Sample>[]): Result {
  const workload = WORKLOADS.find((each) => each.name === name)!
  return { workload, rounds: rounds.map((samples) => ({ order: Object.keys(samples), samples, errors: {} })) }
}

const verdictOf = (results: readonly Result[], target: RegExp) =>
  judge(results).find((verdict) => target.test(verdict.target))!

test('bulk is judged by the ratio to the HAProxy chain', () => {
  const run = (ours: number) => [
    result('bulk-down', {
      backstitch: { rate: ours },
      'haproxy-tls': { rate: 1000 },
      direct: { rate: 9000 },
    }),
  ]
  assert.equal(verdictOf(run(1501), /one stream down ≥ 1.5/).is, 'met')
  const missed = verdictOf(run(1490), /one stream down ≥ 1.5/)
  assert.equal(missed.is, 'missed')
  assert.match(missed.saw, /1\.49/)
})

test('a control that is off says so', () => {
  const run = [result('bulk-down', { backstitch: { rate: 100 }, 'backstitch-again': { rate: 110 } })]
  assert.equal(verdictOf(run, /control/).is, 'missed')
})

test('generators slower than twice the best tunnel are named, the control does not count as a tunnel of others', () => {
  const samples = { backstitch: { rate: 600 }, 'haproxy-tls': { rate: 1000 }, direct: { rate: 1900 } }
  assert.equal(verdictOf([result('bulk-down', samples)], /generators/).is, 'missed')
})

test('a figure comes with how far apart two equal things came out in it', () => {
  const samples = {
    backstitch: { 'idle p50': 300 },
    'backstitch-again': { 'idle p50': 330 },
    'haproxy-tls': { 'idle p50': 400 },
  }
  const verdict = verdictOf([result('round-trips', samples)], /idle round trip/)
  assert.equal(verdict.is, 'met')
  assert.match(verdict.control, /^1\.10 /)
})

test('memory is flat when its slope is within two standard errors, over as much as the goal names', () => {
  const run = (slope: number, carried = 100) => [
    result('long-memory', { backstitch: { 'live/GB': slope, 'live/GB error': 2, carried } }),
  ]
  assert.equal(verdictOf(run(-50), /100 GB/).is, 'met')
  assert.equal(verdictOf(run(3.9), /100 GB/).is, 'met')
  assert.equal(verdictOf(run(4.1), /100 GB/).is, 'missed')
  assert.equal(verdictOf(run(0, 3), /100 GB/).is, 'missed')
  assert.match(verdictOf(run(0, 3), /100 GB/).saw, /over 3 GB/)
})

test('what is not in the run is not judged', () => {
  assert.ok(judge([]).every(({ is }) => is === 'not measured'))
})

test('every target names a workload and metric that exist', () => {
  const everything = WORKLOADS.map((workload) => {
    const sample = Object.fromEntries(workload.metrics.map(({ name }) => [name, 1]))
    const peers = ['backstitch', 'backstitch-again', 'direct', 'haproxy-tls', 'ssh', 'rathole', 'bore']
    return result(workload.name, Object.fromEntries(peers.map((peer) => [peer, sample])))
  })
  assert.deepEqual(
    judge(everything).filter(({ is }) => is === 'not measured'),
    [],
  )
})
