import { type EdgeRoute, isOfTheWay } from '../../agent/edges/edge-route.ts'
import type { Clock } from '../../base/clock.ts'
import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { RawPhase } from '../../link/pipe/raw-phase.ts'
import { bringTunnelEnd } from '../../link/pipe/tunnel-end.ts'
import { Mux } from '../../mux/mux.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { ClientTunnel } from './client-tunnel.ts'
import type { TunnelEvents } from './tunnel-pools.ts'

export interface BringTunnelOptions {
  readonly connector: string
  readonly pipe: PipeTicket
  /** The way to edges: it is told of an edge that cannot be reached. */
  readonly route?: Pick<EdgeRoute, 'reroute' | 'pipeLost'>
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
export async function bringTunnel(o: BringTunnelOptions): Promise<ClientTunnel> {
  const { connector, credentials, egress, rawPhase, events, signal, clock, log } = o
  const way = { egress, credentials, rawPhase, signal }
  let { pipe } = o
  const bring = () => bringTunnelEnd('client', o.route?.reroute(pipe) ?? pipe, way)
  const end = await bring().catch(async (thrown: unknown) => {
    const fault = asFault(thrown)
    // Control is told before it is asked: the next pipe goes over another edge, where there is one.
    const isRaw = fault.code === 'RAW_PHASE_BLOCKED'
    if (signal.aborted) throw thrown
    const elsewhere = !isRaw && o.route?.pipeLost(pipe.edge.id, fault)
    if (!isRaw && !elsewhere && !isOfTheWay(fault)) throw thrown
    const before = pipe.edge.id
    pipe = await o.another()
    if (!isRaw && pipe.edge.id === before) throw thrown
    return bring()
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
  return new ClientTunnel(mux, facts, clock)
}
