import { isOfTheWay } from '../../agent/edges/edge-route.ts'
import type { Clock } from '../../base/clock.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { Egress } from '../../link/dial/egress.ts'
import type { RawPhase } from '../../link/pipe/raw-phase.ts'
import { bringTunnelEnd } from '../../link/pipe/tunnel-end.ts'
import { Mux } from '../../mux/mux.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { ClientTunnel } from './client-tunnel.ts'
import type { TunnelEvents } from './tunnel-pools.ts'

/** The way to edges. */
export interface EdgeWay {
  /** Where a half is really brought to. */
  reroute(pipe: PipeTicket): PipeTicket
  /** @returns whether there is another edge to go by. */
  pipeLost(edge: string, fault: Fault): boolean | Promise<boolean>
}

export interface BringTunnelOptions {
  readonly connector: string
  readonly pipe: PipeTicket
  /** It is told of an edge that cannot be reached. */
  readonly way?: EdgeWay
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
  const dialling = { egress, credentials, rawPhase, signal }
  let { pipe } = o
  const bring = () => bringTunnelEnd('client', o.way?.reroute(pipe) ?? pipe, dialling)
  const end = await bring().catch(async (thrown: unknown) => {
    const fault = asFault(thrown)
    // Control is told before it is asked: the next pipe goes over another edge, where there is one.
    const isRaw = fault.code === 'RAW_PHASE_BLOCKED'
    if (signal.aborted) throw thrown
    const elsewhere = !isRaw && (await o.way?.pipeLost(pipe.edge.id, fault))
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
