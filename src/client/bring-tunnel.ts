import type { Clock } from '../base/clock.ts'
import { asFault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { Credentials } from '../link/credentials.ts'
import type { Egress } from '../link/egress.ts'
import type { RawPhase } from '../link/raw-phase.ts'
import { bringTunnelEnd } from '../link/tunnel-end.ts'
import { Mux } from '../mux/mux.ts'
import type { PipeTicket } from '../wire/control.ts'
import { Tunnel } from './tunnel.ts'
import type { TunnelEvents } from './tunnels.ts'

export interface BringTunnelOptions {
  readonly connector: string
  readonly pipe: PipeTicket
  /** Another pipe to the same connector, for when the path broke this one and is known now. */
  readonly another: () => Promise<PipeTicket>
  readonly credentials: Credentials
  readonly egress: Egress
  readonly rawPhase: RawPhase
  readonly events: TunnelEvents
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Log
}

/** Brings this client's half of a pipe, and does the end-to-end handshake with the connector in it. */
export async function bringTunnel(o: BringTunnelOptions): Promise<Tunnel> {
  const { connector, credentials, egress, rawPhase, events, signal, clock, log } = o
  const way = { egress, credentials, rawPhase, signal }
  let { pipe } = o
  const end = await bringTunnelEnd('client', pipe, way).catch(async (thrown: unknown) => {
    if (asFault(thrown).code !== 'RAW_PHASE_BLOCKED') throw thrown
    pipe = await o.another()
    return bringTunnelEnd('client', pipe, way)
  })
  const mux = new Mux(end.socket, {
    role: 'client',
    log,
    onGoaway: (why) => events.goaway(why),
    onClose: (why) => events.closed(why),
  })
  const facts = {
    connector,
    edge: pipe.edge.id,
    pipe: pipe.pipe,
    ticketUs: pipe.ticketUs,
    handoverUs: end.handoverUs,
    innerTlsUs: end.innerTlsUs,
    wrapped: end.wrapped,
  }
  return new Tunnel(mux, facts, clock)
}
