import type { FaultCode } from '../base/faults.ts'
import { Counts, Durations, MetricsText } from '../base/metrics-text.ts'

/** Counted by the opener of sessions. */
export class SessionTotals {
  total = 0
  failed = 0
  bytesUp = 0
  bytesDown = 0
  readonly failedBy = new Counts<FaultCode>()
  /** What a user waited for a session. */
  readonly setup = new Durations()

  fail(code: FaultCode): void {
    this.failed++
    this.failedBy.add(code)
  }

  opened(totalUs: number): void {
    this.setup.observe(totalUs)
  }
}

export interface ClientFigures {
  readonly totals: SessionTotals
  readonly open: number
  readonly tunnels: number
  readonly grants: number
  readonly controlUp: boolean
  readonly reportsWaiting: number
  /** Paths to edges that let only TLS through. */
  readonly rawPhaseBlocked: number
  /** Unix seconds; absent when nobody has signed in. */
  readonly certificateEnd?: number
}

export function writeMetrics(figures: ClientFigures): string {
  const { totals } = figures
  const text = new MetricsText('backstitch_client')
  text.gauge('control_up', 'Is the control connection up', figures.controlUp ? 1 : 0)
  text.gauge('sessions', 'Sessions open now', figures.open)
  text.counter('sessions_total', 'Sessions asked for', totals.total)
  text.counter(
    'sessions_failed_total',
    'Sessions that did not open, by fault code',
    totals.failedBy.samples('code'),
  )
  text.counter('session_bytes_total', 'Bytes of ended sessions', [
    ['{direction="up"}', totals.bytesUp],
    ['{direction="down"}', totals.bytesDown],
  ])
  text.durations('session_setup_seconds', 'What the user waited for a session', totals.setup)
  text.gauge('tunnels', 'Tunnels open now', figures.tunnels)
  text.gauge('grants', 'Grants held', figures.grants)
  text.gauge(
    'session_reports_waiting',
    'Session records not yet sent to the control plane',
    figures.reportsWaiting,
  )
  text.gauge(
    'raw_phase_blocked',
    'Paths to edges that let only TLS through: pipes there are wrapped',
    figures.rawPhaseBlocked,
  )
  text.gauge('certificate_end_seconds', 'When the device certificate ends, Unix time', figures.certificateEnd)
  return text.toString()
}
