import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageOf, whole } from './page-text.ts'
import type { Report } from './report.ts'
import { WORKLOADS } from './workloads.ts'

function report(workload: string, rates: Record<string, number>, more: Partial<Report> = {}): Report {
  const samples = Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, { rate }]))
  const facts = { title: 'it', protection: 'none', lacks: 'something', versions: '' }
  return {
    startedAt: '2026-01-02T03:04:05.000Z',
    tookSeconds: 1000,
    finished: true,
    machine: { cpu: 'a processor', cores: 2, memoryGb: 8, kernel: '6', node: 'v26' },
    options: {
      rounds: 1,
      seconds: 3,
      only: [],
      peers: [],
      quick: false,
      long: 1,
      profile: false,
      list: false,
    },
    isolation: { namespace: true, root: true, congestionControl: 'cubic', notes: [] },
    reference: 'backstitch',
    peers: Object.keys(rates).map((name) => ({ name, ...facts })),
    skipped: [],
    results: [
      {
        workload: WORKLOADS.find(({ name }) => name === workload)!,
        rounds: [{ order: Object.keys(rates), samples, errors: {} }],
      },
    ],
    verdicts: [],
    ...more,
  }
}

const OLD =
  '# Old\n\n## How to read it\n\nold words\n\n## At size\n\n| kept | as is |\n\n## Figures\n\nold figures\n'

test('each goal has its figure before and after, and how far apart the control came out', () => {
  const page = pageOf({
    before: report('bulk-down', { backstitch: 100, 'haproxy-tls': 100 }),
    after: report('bulk-down', { backstitch: 200, 'backstitch-again': 190, 'haproxy-tls': 100 }),
    old: OLD,
  })
  assert.match(
    page,
    /one stream down ≥ 1.5 × HAProxy chain \| 1\.00 \(1\.00–1\.00\) \| 2\.00 \(2\.00–2\.00\) \| 0\.95 \(0\.95–0\.95\) \| met \|/,
  )
  assert.match(page, /one stream up ≥ 1\.0 × bore \| {2}\| {2}\| {2}\| not measured/)
})

test('sections that people wrote stay as they are, those that are made are made anew', () => {
  const page = pageOf({ after: report('bulk-down', { backstitch: 1 }), old: OLD })
  assert.ok(page.includes('## At size\n\n| kept | as is |\n'))
  assert.doesNotMatch(page, /old words|old figures/)
  assert.equal(pageOf({ after: report('bulk-down', { backstitch: 1 }), old: page }), page)
})

test('a run that was short or stopped is not passed off as a whole one', () => {
  const page = pageOf({ after: report('bulk-down', { backstitch: 1 }, { finished: false }), old: OLD })
  assert.match(page, /17 minutes.*Too short.*stopped before its end/)
})

test('the parts of a run make one: who was left out of one part and took part in another took part', () => {
  const skipped = [{ name: 'bore', reason: 'not here' }]
  const parts = [
    report('bulk-down', { backstitch: 1 }, { skipped }),
    report('bulk-up', { backstitch: 2, bore: 3 }),
  ]
  const run = whole(parts)
  assert.equal(run.tookSeconds, 2000)
  assert.deepEqual(
    run.results.map(({ workload }) => workload.name),
    ['bulk-down', 'bulk-up'],
  )
  assert.deepEqual(run.skipped, [])
})
