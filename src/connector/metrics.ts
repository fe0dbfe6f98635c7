/**
 * Figures of the connector as Prometheus text. Nobody can scrape a connector, which listens on nothing: the text is
 * in the document of its status socket, and `backstitch status --metrics` prints it.
 *
 * @module
 */
import { MetricsText } from '../base/metrics-text.ts'
import { OWN_STATES, STAGE_NUMBERS } from './bring-up/bring-up.ts'
import type { Vitals } from './health/vitals.ts'
import { type ConnectorParts, type WorkerStatus, workersOf } from './status.ts'

export function connectorMetrics(parts: ConnectorParts): string {
  const { services, identity } = parts
  const { ledger, authority, reports, reach, looks, silence, rawPhase, vitals } = services
  const { totals: sessions, open } = ledger
  const { totals: tunnels } = parts.tunnels
  const { stages } = parts.progress
  const text = new MetricsText('backstitch_connector')
  text.oneOf('state', 'State of the connector', 'state', OWN_STATES, parts.state)
  const passed = STAGE_NUMBERS.filter((stage) => stages[stage].is === 'passed').length
  text.gauge('bring_up_stages_passed', 'Bring-up stages passed, of 6', passed)
  text.gauge('sessions', 'Sessions open now', open.count)
  text.counter(
    'sessions_total',
    'Sessions ended: done, or by fault code',
    sessions.byOutcome.samples('outcome'),
  )
  text.counter('session_bytes_total', 'Bytes of closed sessions: up is towards the application', [
    ['{direction="up"}', sessions.bytesUp],
    ['{direction="down"}', sessions.bytesDown],
  ])
  text.durations('dns_seconds', 'Names of applications looked up and answered', sessions.dns)
  text.durations('dial_seconds', 'Connections to applications', sessions.dial)
  text.gauge('applications_failing', 'Applications whose last dial failed', reach.failing)
  text.gauge(
    'applications_impaired',
    'Applications that accept connections but are not healthy',
    looks.impaired + silence.silent,
  )
  text.gauge('tunnels', 'Tunnels open now', parts.tunnels.count)
  text.counter('tunnels_total', 'Tunnels opened', tunnels.opened)
  text.counter(
    'tunnels_failed_total',
    'Tunnels that failed to open, by fault code',
    tunnels.failedBy.samples('code'),
  )
  text.counter('grants_verified_total', 'Valid grants', authority.totals.verified)
  text.counter(
    'grants_refused_total',
    'Refused grants, by fault code',
    authority.totals.refusedBy.samples('code'),
  )
  text.gauge('session_reports_waiting', 'Session records not yet sent to the control plane', reports.waiting)
  text.counter('session_reports_shed_total', 'Session records dropped', reports.shed)
  text.gauge(
    'raw_phase_blocked',
    'Paths to edges that only let TLS through: pipes there are wrapped',
    rawPhase.blocked.length,
  )
  writeFigures(text, vitals)
  writeWorkers(text, workersOf(parts))
  const end = identity && Math.round(identity.notAfterMs / 1000)
  text.gauge('certificate_end_seconds', 'Expiry of the certificate, Unix time', end)
  return text.toString()
}

/** Where sessions are carried by this process itself its figures say all. */
function writeWorkers(text: MetricsText, workers: readonly WorkerStatus[]): void {
  if (workers.length === 0) return
  const each = (of: (worker: WorkerStatus) => number | undefined) =>
    workers.map((worker): [string, number] => [`{worker="${worker.worker}"}`, of(worker) ?? 0])
  text.gauges(
    'worker_sessions',
    'Sessions open in a worker',
    each(({ sessions }) => sessions),
  )
  text.gauges(
    'worker_tunnels',
    'Tunnels of a worker',
    each(({ tunnels }) => tunnels),
  )
  text.gauges(
    'worker_cpu_ratio',
    'Processor time of a worker, of one processor',
    each(({ cpuPercent }) => (cpuPercent ?? 0) / 100),
  )
  text.gauges(
    'worker_resident_bytes',
    'Resident memory of a worker',
    each(({ rssBytes }) => rssBytes),
  )
  text.counter(
    'worker_restarts_total',
    'Workers started again after an end',
    each(({ restarts }) => restarts),
  )
}

function writeFigures(text: MetricsText, { last: figures, overload }: Vitals): void {
  text.gauge(
    'overloaded',
    '1 while a metric of this machine is over its threshold',
    overload === undefined ? 0 : 1,
  )
  const share = (percent: number | undefined) => (percent === undefined ? undefined : percent / 100)
  text.gauge('cpu_ratio', 'Processor time used, of one processor', share(figures?.cpuPercent))
  text.gauge('cpu_limit_ratio', 'Processor time it may use', share(figures?.cpuLimitPercent))
  text.gauge(
    'cpu_wait_ratio',
    'Share of time with work but without a processor',
    share(figures?.cpuWaitPercent),
  )
  text.gauge('resident_bytes', 'Resident memory of all its processes', figures?.rssBytes)
  text.gauge('memory_limit_bytes', 'Memory limit of its control group or machine', figures?.memoryLimitBytes)
  text.gauge('memory_free_bytes', 'Memory left of that limit', figures?.memoryFreeBytes)
  text.gauge('descriptors', 'File descriptors open, of the process that has fewest left', figures?.fds)
  text.gauge('descriptors_limit', 'File descriptor limit of that process', figures?.fdLimit)
  text.gauge('local_ports', 'Local ports in use', figures?.portsUsed)
  text.gauge('local_ports_limit', 'Local ports available', figures?.portsTotal)
}
