/**
 * The targets of the project against what this run measured. A verdict informs; it never fails the command.
 *
 * @module
 */

import type { Result } from './rounds.ts'
import { medianOf, series } from './series.ts'
import { ratios } from './statistics.ts'

export interface Verdict {
  readonly target: string
  readonly is: 'met' | 'missed' | 'not measured'
  /** The figure behind it, or what was absent. */
  readonly saw: string
}

const OURS = 'backstitch'

interface Target {
  readonly target: string
  /** The figure and whether it is good enough; `undefined` when the run lacks what it takes. */
  readonly judge: (results: Results) => { ok: boolean; saw: string } | undefined
}

type Results = ReadonlyMap<string, Result>

export function judge(results: readonly Result[]): Verdict[] {
  const byName: Results = new Map(results.map((result) => [result.workload.name, result]))
  return TARGETS.map(({ target, judge }) => {
    const found = judge(byName)
    if (!found) return { target, is: 'not measured', saw: 'not part of this run' }
    return { target, is: found.ok ? 'met' : 'missed', saw: found.saw }
  })
}

const TARGETS: readonly Target[] = [
  { target: 'control (ours ÷ ours, bulk down) within 0.97–1.03', judge: control },
  { target: 'generators ≥ 2 × the best tunnel', judge: headroom },
  { target: 'bulk down ≥ 0.8 × HAProxy TLS chain', judge: atLeast('bulk-down', 'rate', 'haproxy-tls', 0.8) },
  { target: 'bulk up ≥ 0.8 × HAProxy TLS chain', judge: atLeast('bulk-up', 'rate', 'haproxy-tls', 0.8) },
  {
    target: 'keep-alive requests ≥ 1.2 × HAProxy TLS chain',
    judge: atLeast('http-keep-alive', 'requests', 'haproxy-tls', 1.2),
  },
  {
    target: 'new sessions (32 at a time) ≥ 3 × HAProxy TLS chain',
    judge: atLeast('sessions-32', 'sessions', 'haproxy-tls', 3),
  },
  {
    target: 'new sessions (32 at a time) ≥ 1.0 × ssh -R',
    judge: atLeast('sessions-32', 'sessions', 'ssh', 1),
  },
  {
    target: 'round-trip p99 beside bulk ≤ 5 × idle p99',
    judge: atMost('round-trips', 'loaded/idle p99', 5, '×'),
  },
  { target: 'a stalled reader costs the others < 5 %', judge: stalled },
  { target: 'edge ≤ 20 kB per idle pipe', judge: atMost('idle-pipes', 'memory edge', 20, 'kB') },
  { target: 'live memory flat over 100 GB', judge: atMost('long-memory', 'live/GB', 0, 'kB') },
  { target: 'cold connector start to healthy < 1 s', judge: atMost('bring-up', 'healthy', 1000, 'ms') },
]

function atLeast(workload: string, metric: string, peer: string, factor: number): Target['judge'] {
  return (results) => {
    const result = results.get(workload)
    const ratio = result && ratios(series(result, OURS, metric), series(result, peer, metric))
    return ratio && { ok: ratio.median >= factor, saw: range(ratio) }
  }
}

function atMost(workload: string, metric: string, limit: number, unit: string): Target['judge'] {
  return (results) => {
    const median = medianOf(results.get(workload), OURS, metric)
    return median === undefined ? undefined : { ok: median <= limit, saw: `${median.toFixed(2)} ${unit}` }
  }
}

function stalled(results: Results): ReturnType<Target['judge']> {
  const kept = medianOf(results.get('stalled-reader'), OURS, 'kept')
  return kept === undefined ? undefined : { ok: kept > 0.95, saw: `${((1 - kept) * 100).toFixed(1)} %` }
}

function control(results: Results): ReturnType<Target['judge']> {
  const result = results.get('bulk-down')
  const ratio = result && ratios(series(result, `${OURS}-again`, 'rate'), series(result, OURS, 'rate'))
  return ratio && { ok: Math.abs(ratio.median - 1) <= 0.03, saw: range(ratio) }
}

/** When the generators cannot do twice what the best tunnel does, they are part of what is measured. */
function headroom(results: Results): ReturnType<Target['judge']> {
  const result = results.get('bulk-down')
  const direct = medianOf(result, 'direct', 'rate')
  if (!result || direct === undefined) return undefined
  const names = new Set(result.rounds.flatMap((round) => Object.keys(round.samples)))
  for (const name of ['direct', 'direct-again']) names.delete(name)
  const best = Math.max(0, ...[...names].map((name) => medianOf(result, name, 'rate') ?? 0))
  return best === 0 ? undefined : { ok: direct >= 2 * best, saw: `${(direct / best).toFixed(1)} ×` }
}

function range({ median, min, max }: { median: number; min: number; max: number }): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`
}

export function describeVerdicts(verdicts: readonly Verdict[]): string {
  const width = Math.max(...verdicts.map(({ target }) => target.length))
  const lines = verdicts
    .filter(({ is }) => is !== 'not measured')
    .map(({ target, is, saw }) => `  ${target.padEnd(width)}  ${is.padEnd(6)}  ${saw}`)
  const rest = verdicts.length - lines.length
  return `\ntargets\n${[...lines, ...(rest > 0 ? [`  ${rest} not part of this run`] : [])].join('\n')}`
}
