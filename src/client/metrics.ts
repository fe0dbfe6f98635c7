import { MetricsText } from '../base/metrics-text.ts'
import { ClientSessionTotals } from './session/client-session-totals.ts'
import type { ClientParts } from './status.ts'

/** Prometheus text. */
export function metricsOf({ uplink, users, figures, workers }: ClientParts): string {
  const totals = new ClientSessionTotals()
  totals.addAll(figures.totals)
  const notAfterMs = uplink?.profile?.notAfterMs
  const text = new MetricsText('backstitch_client')
  text.gauge('control_up', 'Whether the control connection is up', uplink?.isUp ? 1 : 0)
  text.gauge('workers', 'Processes that carry sessions beside the main one', workers.length)
  text.gauge('sessions', 'Sessions open now', figures.open)
  text.counter('sessions_total', 'Sessions requested', totals.total)
  text.counter(
    'sessions_failed_total',
    'Sessions that failed to open, by fault code',
    totals.failedBy.samples('code'),
  )
  text.counter(
    'local_users_refused_total',
    'Connections by other users of this machine',
    users.status.refused,
  )
  text.counter('bypassed_total', 'Connections sent directly to the internet', figures.bypassed)
  text.counter('session_bytes_total', 'Bytes of closed sessions', [
    ['{direction="up"}', totals.bytesUp],
    ['{direction="down"}', totals.bytesDown],
  ])
  text.durations('session_setup_seconds', 'Time users waited for a session', totals.setup)
  text.gauge('tunnels', 'Tunnels open now', figures.tunnels)
  text.gauge('grants', 'Grants held', figures.grants)
  text.gauge(
    'session_reports_waiting',
    'Session records not yet sent to the control plane',
    figures.reportsWaiting,
  )
  text.counter('session_reports_shed_total', 'Session records dropped', figures.reportsShed)
  text.gauge(
    'raw_phase_blocked',
    'Paths to edges that only let TLS through: pipes there are wrapped',
    figures.blockedPaths,
  )
  const end = notAfterMs === undefined ? undefined : Math.round(notAfterMs / 1000)
  text.gauge('certificate_end_seconds', 'Expiry of the device certificate, Unix time', end)
  return text.toString()
}
