/**
 * Where two halves of a pipe meet. Told apart by pipe and side, admitted once per ticket, joined when both are handed
 * over: by the kernel's own sockets where both are raw, by streams where one of them is wrapped.
 *
 *     admitted --handed over--> waiting --the other is, too--> joined --either ends--> gone
 *        |                         |
 *        +-- left -----------------+-- pairMs over: closed, PAIR_TIMEOUT
 *
 * @module
 */
import type net from 'node:net'
import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { Ticket } from '../pki/ticket.ts'
import type { Peer } from '../pki/verify.ts'
import type { EdgeMetrics } from './metrics.ts'
import { stitch } from './stitch.ts'
import { type HalfStream, stitchStreams } from './stitch-streams.ts'
import { UsedTickets } from './used-tickets.ts'

type Side = Ticket['side']

/** One half, from the moment its ticket was accepted. */
export interface Seat {
  readonly ticket: Ticket
  readonly peer: Peer
  half: HalfStream | undefined
}

interface Meeting {
  readonly seats: Partial<Record<Side, Seat>>
  readonly timer: NodeJS.Timeout
}

interface Pipe {
  readonly client: Peer
  readonly connector: Peer
  readonly sockets: readonly [net.Socket, net.Socket]
}

export interface RendezvousOptions {
  readonly pairMs: number
  readonly log: Log
  readonly metrics: EdgeMetrics
}

export class Rendezvous {
  readonly #o: RendezvousOptions
  readonly #used = new UsedTickets(Date.now())
  readonly #meetings = new Map<string, Meeting>()
  readonly #pipes = new Set<Pipe>()
  #draining = false
  #onEmpty: (() => void) | undefined

  constructor(options: RendezvousOptions) {
    this.#o = options
  }

  get waiting(): number {
    return this.#meetings.size
  }

  get pipes(): number {
    return this.#pipes.size
  }

  /**
   * Reserves the place of a half whose ticket is genuine and whose holder is proved.
   *
   * @throws {Fault} EDGE_DRAINING; TICKET_INVALID if the ticket was used before, the half is here already, or the two
   *   halves were not meant for each other.
   */
  admit(ticket: Ticket, peer: Peer): Seat {
    const meeting = this.#meetings.get(ticket.pipe)
    if (this.#draining && meeting === undefined) throw new Fault('EDGE_DRAINING', 'it takes no new pipes')
    if (!this.#used.use(ticket.id, ticket.expiresMs, Date.now())) {
      throw new Fault('TICKET_INVALID', 'it was used before, or comes from before the start of this edge', {
        seen: { ticket: ticket.id },
      })
    }
    const seats = meeting?.seats ?? {}
    const other = seats[ticket.side === 'client' ? 'connector' : 'client']
    if (seats[ticket.side] !== undefined) {
      throw new Fault('TICKET_INVALID', `the ${ticket.side} half of this pipe is here already`)
    }
    if (other && (other.ticket.holder !== ticket.peer || other.ticket.peer !== ticket.holder)) {
      throw new Fault('TICKET_INVALID', 'the two halves were not meant for each other')
    }
    const seat: Seat = { ticket, peer, half: undefined }
    seats[ticket.side] = seat
    if (meeting === undefined) {
      const timer = setTimeout(() => this.#expire(ticket.pipe), this.#o.pairMs).unref()
      this.#meetings.set(ticket.pipe, { seats, timer })
    }
    return seat
  }

  /** The half is handed over. Takes it over. */
  arrive(seat: Seat, half: HalfStream): void {
    const { socket, outer } = half
    const { pipe, side } = seat.ticket
    const meeting = this.#meetings.get(pipe)
    if (meeting?.seats[side] !== seat) {
      socket.destroy()
      return
    }
    seat.half = half
    this.#o.metrics.halfArrived(outer === undefined ? 'raw' : 'wrapped')
    const { client, connector } = meeting.seats
    if (client?.half && connector?.half) this.#join(pipe, meeting, client, connector)
    else socket.once('close', () => this.leave(seat))
  }

  /** The half went away before it was joined. Does nothing afterwards. */
  leave(seat: Seat): void {
    const { pipe, side } = seat.ticket
    const meeting = this.#meetings.get(pipe)
    if (meeting?.seats[side] !== seat) return
    delete meeting.seats[side]
    if (Object.keys(meeting.seats).length === 0) this.#end(pipe, meeting)
  }

  /** Closes the pipes and waiting halves of matching peers. @returns how many. */
  cut(matches: (peer: Peer) => boolean): number {
    const pipes = [...this.#pipes].filter(({ client, connector }) => matches(client) || matches(connector))
    // A reset, because an orderly end of TCP could pass for an orderly end of what was carried.
    for (const { sockets } of pipes) for (const socket of sockets) socket.resetAndDestroy()
    const seats = [...this.#meetings.values()]
      .flatMap((meeting) => Object.values(meeting.seats))
      .filter(({ peer }) => matches(peer))
    for (const seat of seats) {
      this.leave(seat)
      seat.half?.socket.destroy()
    }
    return pipes.length + seats.length
  }

  /** Takes no new pipes from here on. Resolves when none is left. */
  drained(): Promise<void> {
    this.#draining = true
    return new Promise((resolve) => {
      this.#onEmpty = resolve
      this.#checkEmpty()
    })
  }

  #join(id: string, meeting: Meeting, client: Seat, connector: Seat): void {
    const { log, metrics } = this.#o
    const a = client.half!
    const b = connector.half!
    const pipe: Pipe = { client: client.peer, connector: connector.peer, sockets: [a.socket, b.socket] }
    const fields = { pipe: id, session: client.ticket.session }
    const wrapped = [client, connector].filter(({ half }) => half?.outer).map(({ ticket }) => ticket.side)
    // Added before the meeting ends, so that a drain does not see a moment without either.
    this.#pipes.add(pipe)
    this.#end(id, meeting)
    metrics.pipeJoined()
    log.info(
      {
        event: 'pipe.joined',
        ...fields,
        client: client.ticket.holder,
        connector: connector.ticket.holder,
        ...(wrapped.length > 0 ? { wrapped } : {}),
      },
      'two halves joined',
    )
    const startedMs = Date.now()
    const stitched = wrapped.length > 0 ? stitchStreams(a, b) : stitch(a.socket, b.socket)
    void stitched.then((end) => {
      this.#pipes.delete(pipe)
      metrics.pipeEnded(end)
      log.info({ event: 'pipe.ended', ...fields, ...end, lastedMs: Date.now() - startedMs }, 'pipe ended')
      this.#checkEmpty()
    })
  }

  #expire(id: string): void {
    const meeting = this.#meetings.get(id)
    if (meeting === undefined) return
    this.#end(id, meeting)
    for (const seat of Object.values(meeting.seats)) {
      // The connection is raw by now: closing it is all that can be said.
      seat.half?.socket.destroy()
      this.#o.metrics.refused('PAIR_TIMEOUT')
      this.#o.log.warn(
        {
          event: 'pipe.pair_timeout',
          code: 'PAIR_TIMEOUT',
          pipe: id,
          session: seat.ticket.session,
          here: seat.ticket.holder,
          missing: seat.ticket.peer,
        },
        'the other half did not arrive',
      )
    }
  }

  #end(id: string, meeting: Meeting): void {
    clearTimeout(meeting.timer)
    this.#meetings.delete(id)
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#draining && this.#pipes.size === 0 && this.#meetings.size === 0) this.#onEmpty?.()
  }
}
