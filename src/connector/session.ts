import { FAULTS, type Hop } from '../base/faults.ts'
import type { StreamEnd } from '../mux/options.ts'
import type { MuxStream } from '../mux/stream.ts'
import type { SessionReport, SessionTimes } from '../wire/control.ts'
import type { Open } from '../wire/open.ts'
import type { HeldGrant } from './grants.ts'
import { holdEarly } from './udp.ts'

const NONE: Buffer[] = []

/** The tunnel a session runs in, as its record names it. */
export interface TunnelFacts {
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

/** One user connection as this connector sees it, from OPEN to its record. */
export class Session {
  readonly stream: MuxStream
  readonly open: Open
  readonly tunnel: TunnelFacts
  readonly startedMs: number
  /** Set once the grant is known to be good. */
  held: HeldGrant | undefined
  dnsUs: number | undefined
  connectUs: number | undefined
  address: string | undefined
  /** Gives up resolving or dialling; set while that goes on. */
  cancel: (() => void) | undefined
  over = false
  /** UDP: datagrams that came before the flow ran. */
  readonly early: Buffer[]

  constructor(stream: MuxStream, open: Open, tunnel: TunnelFacts, nowMs: number) {
    this.stream = stream
    this.open = open
    this.tunnel = tunnel
    this.startedMs = nowMs
    this.early = open.protocol === 'udp' ? holdEarly(stream) : NONE
  }

  report(state: 'open'): SessionReport
  report(state: 'closed', end: StreamEnd, endedMs: number): SessionReport
  report(state: 'open' | 'closed', end?: StreamEnd, endedMs?: number): SessionReport {
    const { open, tunnel } = this
    const grant = this.held?.grant
    return {
      session: open.session,
      side: 'connector',
      state,
      pipe: tunnel.pipe,
      user: grant?.user,
      device: tunnel.device,
      connector: tunnel.connector,
      edge: tunnel.edge,
      segment: grant?.segment,
      rule: grant?.rule,
      protocol: open.protocol,
      host: open.host,
      port: open.port,
      address: this.address,
      startedMs: this.startedMs,
      times: this.#times(),
      bytesUp: end?.bytesIn ?? this.stream.bytesIn,
      bytesDown: end?.bytesOut ?? this.stream.bytesOut,
      canary: grant?.echo,
      ...(end === undefined ? {} : closing(end, Math.max(endedMs ?? 0, this.startedMs))),
    }
  }

  #times(): SessionTimes {
    const { tunnel, dnsUs, connectUs } = this
    if (tunnel.firstSession !== this.open.session) return { dnsUs, connectUs }
    return { handoverUs: tunnel.handoverUs, innerTlsUs: tunnel.innerTlsUs, dnsUs, connectUs }
  }
}

function closing(end: StreamEnd, endedMs: number) {
  return {
    endedMs,
    closeReason: end.reason,
    closeHop: closingHop(end),
    closeDetail: end.detail.slice(0, 1024),
  }
}

/** An orderly end belongs to whoever ended first; a fault to the hop that owns it. */
function closingHop({ reason, by }: StreamEnd): Hop {
  if (reason !== 'done') return FAULTS[reason].hop
  return by === 'local' ? 'application' : 'client'
}
