/**
 * What the connector has counted since it started, each kind by the one who sees it happen.
 *
 * @module
 */
import type { FaultCode } from '../../base/faults.ts'
import { Counts, Durations } from '../../base/metrics-text.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { Open } from '../../wire/open.ts'

/** What of a session its totals need. */
interface Timed {
  readonly dnsUs?: number | undefined
  readonly connectUs?: number | undefined
  readonly open: Pick<Open, 'protocol'>
}

/** Counted where sessions end. */
export class ConnectorSessionTotals {
  bytesUp = 0
  bytesDown = 0
  readonly byOutcome = new Counts<StreamEnd['reason']>()
  /** Of names that had to be asked for. */
  readonly dns = new Durations()
  readonly dial = new Durations()

  ended({ dnsUs, connectUs, open }: Timed, end: StreamEnd): void {
    this.byOutcome.add(end.reason)
    this.bytesUp += end.bytesIn
    this.bytesDown += end.bytesOut
    // A literal address and a name that is known cost nothing, and would hide what the rest costs.
    if (dnsUs !== undefined && dnsUs > 0) this.dns.observe(dnsUs)
    if (connectUs !== undefined && open.protocol === 'tcp') this.dial.observe(connectUs)
  }
}

/** Counted where grants are verified. */
export class GrantTotals {
  verified = 0
  readonly refusedBy = new Counts<FaultCode>()
}

/** Counted where halves are brought. */
export class TunnelTotals {
  opened = 0
  readonly failedBy = new Counts<FaultCode>()
}
