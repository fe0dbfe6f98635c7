import { MetricsText } from '../base/metrics-text.ts'
import type { ClientParts } from './status.ts'

/** Prometheus text. */
export function metricsOf({
  uplink,
  opener,
  users,
  tunnels,
  grants,
  reports,
  rawPhase,
}: ClientParts): string {
  const { totals } = opener
  const notAfterMs = uplink?.profile?.notAfterMs
  const text = new MetricsText('backstitch_client')
  text.gauge('control_up', 'Whether the control connection is up', uplink?.isUp ? 1 : 0)
  text.gauge('sessions', 'Sessions open now', opener.live.size)
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
  text.counter('bypassed_total', 'Connections sent directly to the internet', opener.bypass.opened)
  text.counter('session_bytes_total', 'Bytes of closed sessions', [
    ['{direction="up"}', totals.bytesUp],
    ['{direction="down"}', totals.bytesDown],
  ])
  text.durations('session_setup_seconds', 'Time users waited for a session', totals.setup)
  text.gauge('tunnels', 'Tunnels open now', [...tunnels].length)
  text.gauge('grants', 'Grants held', [...grants].length)
  text.gauge('session_reports_waiting', 'Session records not yet sent to the control plane', reports.waiting)
  text.counter('session_reports_shed_total', 'Session records dropped', reports.shed)
  text.gauge(
    'raw_phase_blocked',
    'Paths to edges that only let TLS through: pipes there are wrapped',
    rawPhase.blocked.length,
  )
  const end = notAfterMs === undefined ? undefined : Math.round(notAfterMs / 1000)
  text.gauge('certificate_end_seconds', 'Expiry of the device certificate, Unix time', end)
  return text.toString()
}
