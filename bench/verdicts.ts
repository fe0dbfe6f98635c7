/**
 * The goals of the project against what a run measured. A verdict informs; it never fails the command.
 *
 * @module
 */

import type { Result } from './rounds.ts'
import { medianOf, series } from './series.ts'
import { ratios, type Spread } from './statistics.ts'

export interface Verdict {
  readonly target: string
  readonly is: 'met' | 'missed' | 'not measured'
  /** The figure behind it, or what was absent. */
  readonly saw: string
  /** How far apart two equal things came out in this figure: ours, measured a second time, ÷ ours. */
  readonly control: string
}

const OURS = 'backstitch'
const CONTROL = 'backstitch-again'
const [HAPROXY, SSH, RATHOLE, BORE, DIRECT] = ['haproxy-tls', 'ssh', 'rathole', 'bore', 'direct'] as const

interface Target {
  readonly target: string
  readonly workload: string
  readonly metric: string
  /** The figure and whether it is good enough; `undefined` when the run lacks what it takes. */
  readonly judge: (result: Result, metric: string) => { ok: boolean; saw: string } | undefined
}

export function judge(results: readonly Result[]): Verdict[] {
  const byName = new Map(results.map((result) => [result.workload.name, result]))
  return TARGETS.map(({ target, workload, metric, judge }) => {
    const result = byName.get(workload)
    const found = result && judge(result, metric)
    if (!found) return { target, is: 'not measured', saw: 'not part of this run', control: '' }
    const control = ratios(series(result, CONTROL, metric), series(result, OURS, metric))
    return {
      target,
      is: found.ok ? 'met' : 'missed',
      saw: found.saw,
      control: control ? range(control) : '',
    }
  })
}

const BULK = { 'bulk-down': 'one stream down', 'bulk-up': 'one stream up' } as const
const BULK_8 = { 'streams-8': 'eight streams down', 'streams-8-up': 'eight streams up' } as const
const SHORT = {
  'sessions-1': 'new sessions, one at a time',
  'sessions-32': 'new sessions, 32 at a time',
} as const

const TARGETS: readonly Target[] = [
  row('control (ours ÷ ours, bulk down) within 0.97–1.03', 'bulk-down', 'rate', control),
  row('generators ≥ 2 × the best tunnel', 'bulk-down', 'rate', headroom),
  ...named({ ...BULK, ...BULK_8 }).flatMap(([workload, what]) => [
    row(`${what} ≥ 1.5 × HAProxy chain`, workload, 'rate', atLeast(1.5, HAPROXY)),
    row(`${what} ≥ 1.0 × bore`, workload, 'rate', atLeast(1, BORE)),
  ]),
  row('keep-alive requests ≥ 1.8 × HAProxy chain', 'http-keep-alive', 'requests', atLeast(1.8, HAPROXY)),
  row('keep-alive requests ≥ 1.15 × rathole', 'http-keep-alive', 'requests', atLeast(1.15, RATHOLE)),
  row('keep-alive requests ≥ 1.0 × bore', 'http-keep-alive', 'requests', atLeast(1, BORE)),
  ...named(SHORT).flatMap(([workload, what]) => [
    row(`${what} ≥ 1.2 × ssh`, workload, 'sessions', atLeast(1.2, SSH)),
    row(`${what} ≥ 1.0 × bore`, workload, 'sessions', atLeast(1, BORE)),
  ]),
  row('Connection: close ≥ 1.2 × ssh', 'http-close', 'requests', atLeast(1.2, SSH)),
  row('Connection: close ≥ 1.0 × bore', 'http-close', 'requests', atLeast(1, BORE)),
  row('idle round trip, p50 ≤ HAProxy chain', 'round-trips', 'idle p50', atMost(1, HAPROXY)),
  row('round trip beside bulk, p99 ≤ rathole', 'round-trips', 'loaded p99', atMost(1, RATHOLE)),
  row('round trip beside bulk, p99 ≤ 5 × idle p99', 'round-trips', 'loaded/idle p99', upTo(5, '×')),
  ...named(BULK).flatMap(([workload, what]) => [
    row(`CPU per GB, ${what} ≤ 0.65 × HAProxy chain`, workload, 'cpu', atMost(0.65, HAPROXY)),
    row(`CPU per GB of the edge, ${what} ≤ 0.6 × HAProxy`, workload, 'cpu edge', atMost(0.6, HAPROXY)),
  ]),
  row('memory per idle session ≤ 25 kB', 'idle-memory', 'memory', upTo(25, 'kB')),
  row('memory of the edge per idle pipe ≤ 10 kB', 'idle-pipes', 'memory edge', upTo(10, 'kB')),
  row(
    'live memory over 100 GB carried: slope 0',
    'long-memory',
    'live/GB',
    flat('kB/GB', 'carried', 100, 'GB'),
  ),
  row(
    'live memory over 2 million sessions: slope 0',
    'long-memory',
    'live/session',
    flat('B/session', 'sessions', 2e6, 'sessions'),
  ),
  row('a stalled reader costs the others < 2 %', 'stalled-reader', 'kept', stalled),
  row('SMB get of 1 GB ≥ 0.5 × direct', 'smb', 'rate', atLeast(0.5, DIRECT)),
  row('git clone of a large repository ≥ 0.8 × direct', 'git-clone', 'rate', atLeast(0.8, DIRECT)),
  ...['edge', 'connector'].flatMap((role) =>
    named({ bulk: 'bulk', requests: 'keep-alive', sessions: 'new sessions' }).map(([load, what]) =>
      row(
        `four times the workers of the ${role} carry ≥ 3.5 ×, ${what}`,
        'workers',
        `${role} ${load}`,
        from(3.5),
      ),
    ),
  ),
  row('cold connector start to healthy < 1 s', 'bring-up', 'healthy', upTo(1000, 'ms')),
]

function row(target: string, workload: string, metric: string, judge: Target['judge']): Target {
  return { target, workload, metric, judge }
}

function named(of: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(of)
}

/** Ours ÷ the peer. */
function atLeast(factor: number, peer: string): Target['judge'] {
  return (result, metric) => {
    const ratio = against(result, metric, peer)
    return ratio && { ok: ratio.median >= factor, saw: range(ratio) }
  }
}

function atMost(factor: number, peer: string): Target['judge'] {
  return (result, metric) => {
    const ratio = against(result, metric, peer)
    return ratio && { ok: ratio.median <= factor, saw: range(ratio) }
  }
}

function against(result: Result, metric: string, peer: string): Spread | undefined {
  return ratios(series(result, OURS, metric), series(result, peer, metric))
}

function upTo(limit: number, unit: string): Target['judge'] {
  return (result, metric) => {
    const median = medianOf(result, OURS, metric)
    return median === undefined ? undefined : { ok: median <= limit, saw: `${median.toFixed(1)} ${unit}` }
  }
}

function from(least: number): Target['judge'] {
  return (result, metric) => {
    const median = medianOf(result, OURS, metric)
    return median === undefined ? undefined : { ok: median >= least, saw: `${median.toFixed(2)} ×` }
  }
}

/** No growth that two standard errors of the fit do not hold; over less than what the goal names nothing is shown. */
function flat(unit: string, passed: string, least: number, of: string): Target['judge'] {
  return (result, metric) => {
    const [slope, error] = [medianOf(result, OURS, metric), medianOf(result, OURS, `${metric} error`)]
    if (slope === undefined || error === undefined) return undefined
    const over = medianOf(result, OURS, passed) ?? 0
    return {
      ok: over >= least * 0.99 && slope <= 2 * error,
      saw: `${slope.toFixed(1)} ± ${(2 * error).toFixed(1)} ${unit} over ${Math.round(over)} ${of}`,
    }
  }
}

function stalled(result: Result, metric: string): ReturnType<Target['judge']> {
  const kept = medianOf(result, OURS, metric)
  return kept === undefined ? undefined : { ok: kept > 0.98, saw: `${((1 - kept) * 100).toFixed(1)} %` }
}

function control(result: Result, metric: string): ReturnType<Target['judge']> {
  const ratio = ratios(series(result, CONTROL, metric), series(result, OURS, metric))
  return ratio && { ok: Math.abs(ratio.median - 1) <= 0.03, saw: range(ratio) }
}

/** When the generators cannot do twice what the best tunnel does, they are part of what is measured. */
function headroom(result: Result, metric: string): ReturnType<Target['judge']> {
  const direct = medianOf(result, DIRECT, metric)
  if (direct === undefined) return undefined
  const names = new Set(result.rounds.flatMap((round) => Object.keys(round.samples)))
  names.delete(DIRECT)
  const best = Math.max(0, ...[...names].map((name) => medianOf(result, name, metric) ?? 0))
  return best === 0 ? undefined : { ok: direct >= 2 * best, saw: `${(direct / best).toFixed(1)} ×` }
}

function range({ median, min, max }: Spread): string {
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
