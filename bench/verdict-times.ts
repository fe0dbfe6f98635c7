/**
 * How long a person waits for the verdict, over the whole fault list: from what `backstitch lab run --report` wrote.
 *
 * @module
 */
import type { FaultCode } from '../src/base/faults.ts'

/** What of a result of the lab counts here. */
export interface LabResult {
  readonly scenario: string
  readonly variant: string
  readonly code: FaultCode
  readonly cured: boolean
  readonly noticedMs?: number
  readonly verdictMs?: number
  readonly doctorMs?: number
}

export interface VerdictTimes {
  readonly variants: number
  readonly cured: number
  readonly rows: readonly TimesRow[]
}

export interface TimesRow {
  readonly what: string
  readonly count: number
  readonly medianMs: number
  readonly worstMs: number
  /** Which variant took longest. */
  readonly worst: string
  readonly targetMs?: number
}

const ANSWERED_MS = 5000
const SILENT_MS = 10_000
/** Where nothing comes back, somebody has to wait for it. */
const SILENT: ReadonlySet<FaultCode> = new Set<FaultCode>([
  ...(['EGRESS_BLOCKED', 'PROXY_REQUIRED', 'RESOLVER_UNREACHABLE', 'APP_TIMEOUT'] as const),
  ...(['PATH_MTU', 'HANDSHAKE_TIMEOUT', 'EDGE_UNREACHABLE'] as const),
])

export function timesOf(results: readonly LabResult[]): VerdictTimes {
  const silent = results.filter(({ code }) => SILENT.has(code))
  const answered = results.filter(({ code }) => !SILENT.has(code))
  const rows = [
    row('verdict, all', results, ({ verdictMs }) => verdictMs),
    row('verdict, the network answers', answered, ({ verdictMs }) => verdictMs, ANSWERED_MS),
    row('verdict, the network is silent', silent, ({ verdictMs }) => verdictMs, SILENT_MS),
    row('whole report', results, ({ doctorMs }) => doctorMs),
    row('noticed by itself', results, ({ noticedMs }) => noticedMs),
  ]
  return {
    variants: results.length,
    cured: results.filter(({ cured }) => cured).length,
    rows: rows.filter((one) => one !== undefined),
  }
}

function row(
  what: string,
  results: readonly LabResult[],
  timeOf: (result: LabResult) => number | undefined,
  targetMs?: number,
): TimesRow | undefined {
  const timed = results
    .flatMap((one) => {
      const ms = timeOf(one)
      return ms === undefined ? [] : [{ ms, name: `${one.scenario}:${one.variant}` }]
    })
    .sort((a, b) => a.ms - b.ms)
  const worst = timed.at(-1)
  if (worst === undefined) return undefined
  const medianMs = timed[Math.floor(timed.length / 2)]!.ms
  return { what, count: timed.length, medianMs, worstMs: worst.ms, worst: worst.name, targetMs }
}

export function timesText({ variants, cured, rows }: VerdictTimes): string {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const lines = rows.map(({ what, count, medianMs, worstMs, worst, targetMs }) => {
    const target =
      targetMs === undefined ? '' : `  under ${seconds(targetMs)}: ${worstMs < targetMs ? 'met' : 'missed'}`
    const figures = `median ${seconds(medianMs).padStart(6)}  worst ${seconds(worstMs).padStart(6)}`
    return `  ${what.padEnd(32)}${String(count).padStart(3)}  ${figures} (${worst})${target}`
  })
  return [`time to verdict: ${cured} of ${variants} variants of the lab cured`, ...lines].join('\n')
}
