import { closingHop } from '../../mux/closing-hop.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { SessionReport, SessionTimes } from '../../wire/control.ts'
import { MAX_DETAIL_BYTES } from '../../wire/limits.ts'
import type { Open } from '../../wire/open.ts'
import type { HeldGrant } from './tunnel-grants.ts'

/** The tunnel a session runs in, as its record names it. */
export interface ConnectorTunnelFacts {
  readonly connector: string
  readonly pipe: string
  readonly edge: string
  /** Id of the client at the other end. */
  readonly device: string
  /** The session this tunnel was built for; the cost of building it is written there. */
  readonly firstSession: string
  readonly handoverUs: number
  readonly innerTlsUs: number
}

/** What a record says of a session whose grant is known. */
export interface RecordedSession {
  readonly id: string
  readonly open: Open
  readonly tunnel: ConnectorTunnelFacts
  readonly startedMs: number
  readonly held: HeldGrant | undefined
  readonly dnsUs: number | undefined
  readonly connectUs: number | undefined
  readonly address: string | undefined
  readonly stream: { readonly bytesIn: number; readonly bytesOut: number }
}

export interface RecordedEnd {
  readonly end: StreamEnd
  readonly endedMs: number
  /** What is to be said of an end for which nobody gave a reason. */
  readonly unanswered?: string | undefined
}

/** @param ended Of one that is over. */
export function sessionRecord(session: RecordedSession, ended?: RecordedEnd): SessionReport {
  const { open, tunnel, stream } = session
  return {
    session: session.id,
    grant: session.held!.grant.id,
    side: 'connector',
    state: ended === undefined ? 'open' : 'closed',
    pipe: tunnel.pipe,
    edge: tunnel.edge,
    device: tunnel.device,
    protocol: open.protocol,
    port: open.port,
    address: session.address,
    startedMs: session.startedMs,
    times: timesOf(session),
    bytesUp: ended?.end.bytesIn ?? stream.bytesIn,
    bytesDown: ended?.end.bytesOut ?? stream.bytesOut,
    ...(ended === undefined ? {} : closing(ended)),
  }
}

function timesOf({ tunnel, open, dnsUs, connectUs }: RecordedSession): SessionTimes {
  if (tunnel.firstSession !== open.session) return { dnsUs, connectUs }
  return { handoverUs: tunnel.handoverUs, innerTlsUs: tunnel.innerTlsUs, dnsUs, connectUs }
}

function closing({ end, endedMs, unanswered }: RecordedEnd) {
  const detail = [end.detail, unanswered].filter((text) => text !== undefined && text !== '').join('; ')
  return {
    endedMs,
    closeReason: end.reason,
    closeHop: closingHop(end, 'connector'),
    closeDetail: detail.slice(0, MAX_DETAIL_BYTES),
  }
}
