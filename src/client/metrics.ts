/**
 * Figures of the client as Prometheus text (exposition format 0.0.4). Pure, and written by hand: the figures are
 * kept as plain numbers, so that counting costs a session nothing and a command that asks nothing loads nothing.
 *
 * @module
 */
import type { FaultCode } from '../base/faults.ts'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Upper bounds in seconds of what a user waited for a session. */
const SETUP_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const

/** Counted by the opener of sessions. Labels are fault codes: a closed list, whatever programs ask for. */
export class SessionTotals {
  total = 0
  failed = 0
  bytesUp = 0
  bytesDown = 0
  readonly failedBy = new Map<FaultCode, number>()
  readonly setup: number[] = new Array(SETUP_BOUNDS.length + 1).fill(0)
  setupSeconds = 0

  fail(code: FaultCode): void {
    this.failed++
    this.failedBy.set(code, (this.failedBy.get(code) ?? 0) + 1)
  }

  opened(totalUs: number): void {
    const seconds = totalUs / 1e6
    let bucket = 0
    while (bucket < SETUP_BOUNDS.length && seconds > SETUP_BOUNDS[bucket]!) bucket++
    this.setup[bucket]!++
    this.setupSeconds += seconds
  }
}

export interface ClientFigures {
  readonly totals: SessionTotals
  readonly open: number
  readonly tunnels: number
  readonly grants: number
  readonly controlUp: boolean
  readonly reportsWaiting: number
  /** Unix seconds; absent when nobody has signed in. */
  readonly certificateEnd?: number
}

export function writeMetrics(figures: ClientFigures): string {
  const { totals } = figures
  const lines: string[] = []
  const add = (name: string, type: string, help: string, samples: [labels: string, value: number][]) => {
    lines.push(`# HELP backstitch_client_${name} ${help}`, `# TYPE backstitch_client_${name} ${type}`)
    for (const [labels, value] of samples) lines.push(`backstitch_client_${name}${labels} ${value}`)
  }
  add('control_up', 'gauge', 'Is the control connection up', [['', figures.controlUp ? 1 : 0]])
  add('sessions', 'gauge', 'Sessions open now', [['', figures.open]])
  add('sessions_total', 'counter', 'Sessions asked for', [['', totals.total]])
  add(
    'sessions_failed_total',
    'counter',
    'Sessions that did not open, by fault code',
    [...totals.failedBy].map(([code, count]) => [`{code="${code}"}`, count]),
  )
  add('session_bytes_total', 'counter', 'Bytes of ended sessions', [
    ['{direction="up"}', totals.bytesUp],
    ['{direction="down"}', totals.bytesDown],
  ])
  let below = 0
  const buckets = totals.setup.map((count, i): [string, number] => {
    below += count
    return [`_bucket{le="${SETUP_BOUNDS[i] ?? '+Inf'}"}`, below]
  })
  add('session_setup_seconds', 'histogram', 'What the user waited for a session', [
    ...buckets,
    ['_sum', totals.setupSeconds],
    ['_count', below],
  ])
  add('tunnels', 'gauge', 'Tunnels open now', [['', figures.tunnels]])
  add('grants', 'gauge', 'Grants held', [['', figures.grants]])
  add('session_reports_waiting', 'gauge', 'Session records not yet sent to the control plane', [
    ['', figures.reportsWaiting],
  ])
  if (figures.certificateEnd !== undefined) {
    add('certificate_end_seconds', 'gauge', 'When the device certificate ends, Unix time', [
      ['', figures.certificateEnd],
    ])
  }
  return `${lines.join('\n')}\n`
}
