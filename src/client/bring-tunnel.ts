import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Credentials } from '../link/credentials.ts'
import type { Egress } from '../link/egress.ts'
import { bringHalf } from '../link/handover.ts'
import { tunnelAsClient } from '../link/tunnel.ts'
import { Mux } from '../mux/mux.ts'
import type { PipeTicket } from '../wire/control.ts'
import { Tunnel } from './tunnel.ts'
import type { TunnelEvents } from './tunnels.ts'

export interface BringTunnelOptions {
  readonly connector: string
  readonly pipe: PipeTicket
  readonly credentials: Credentials
  readonly egress: Egress
  readonly events: TunnelEvents
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Log
}

/** Brings this client's half of a pipe, and does the end-to-end handshake with the connector in it. */
export async function bringTunnel(o: BringTunnelOptions): Promise<Tunnel> {
  const { connector, pipe, credentials, egress, events, signal, clock, log } = o
  const half = await bringHalf(pipe, { egress, credentials, signal })
  const secured = await tunnelAsClient(half.socket, { credentials, peer: pipe.peer, signal })
  const mux = new Mux(secured.socket, {
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
    handoverUs: half.handoverUs,
    innerTlsUs: secured.innerTlsUs,
  }
  return new Tunnel(mux, facts, clock)
}
