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
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { stitch } from '../link/pipe/stitch.ts'
import type { Ticket } from '../pki/ticket.ts'
import type { Peer } from '../pki/verify.ts'
import type { EdgeMetrics } from './metrics.ts'
import type { EdgeShares, PipeShare } from './shares.ts'
import { cutHalf, type HalfStream, stitchStreams } from './stitch-streams.ts'
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
  readonly share: PipeShare
}

interface Pipe {
  readonly client: Peer
  readonly connector: Peer
  readonly halves: readonly [HalfStream, HalfStream]
}

export interface RendezvousOptions {
  readonly pairMs: number
  /** That of the control plane. */
  readonly clock: Clock
  readonly log: Log
  readonly metrics: EdgeMetrics
  readonly shares: EdgeShares
}

export class Rendezvous {
  readonly #o: RendezvousOptions
  readonly #used: UsedTickets
  readonly #meetings = new Map<string, Meeting>()
  readonly #pipes = new Set<Pipe>()
  #draining = false
  #onEmpty: (() => void) | undefined

  constructor(options: RendezvousOptions) {
    this.#o = options
    this.#used = new UsedTickets(options.clock)
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
   *   halves were not meant for each other; RATE_LIMITED if its device has as many pipes as it may.
   */
  admit(ticket: Ticket, peer: Peer): Seat {
    const meeting = this.#meetings.get(ticket.pipe)
    if (this.#draining && meeting === undefined) throw new Fault('EDGE_DRAINING', 'it takes no new pipes')
    if (!this.#used.use(ticket.id, ticket.expiresMs)) {
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
    const share = meeting?.share ?? this.#o.shares.pipe(ticket)
    const seat: Seat = { ticket, peer, half: undefined }
    seats[ticket.side] = seat
    if (meeting === undefined) {
      const timer = setTimeout(() => this.#expire(ticket.pipe), this.#o.pairMs).unref()
      this.#meetings.set(ticket.pipe, { seats, timer, share })
    }
    return seat
  }

  /** The half is handed over. Takes it over. */
  arrive(seat: Seat, half: HalfStream): void {
    const { pipe, side } = seat.ticket
    const meeting = this.#meetings.get(pipe)
    if (meeting?.seats[side] !== seat) {
      cutHalf(half)
      return
    }
    seat.half = half
    this.#o.metrics.halfArrived(half.outer === undefined ? 'raw' : 'wrapped')
    const { client, connector } = meeting.seats
    if (client?.half && connector?.half) this.#join(pipe, meeting, client, connector)
    else half.socket.once('close', () => this.leave(seat))
  }

  /** The half went away before it was joined. Does nothing afterwards. */
  leave(seat: Seat): void {
    const { pipe, side } = seat.ticket
    const meeting = this.#meetings.get(pipe)
    if (meeting?.seats[side] !== seat) return
    delete meeting.seats[side]
    if (Object.keys(meeting.seats).length === 0) this.#giveUp(pipe, meeting)
  }

  /** Closes the pipes and waiting halves of matching peers. @returns how many. */
  cut(matches: (peer: Peer) => boolean): number {
    const pipes = [...this.#pipes].filter(({ client, connector }) => matches(client) || matches(connector))
    // A reset, because an orderly end of TCP could pass for an orderly end of what was carried.
    for (const { halves } of pipes) for (const half of halves) cutHalf(half)
    const seats = [...this.#meetings.values()]
      .flatMap((meeting) => Object.values(meeting.seats))
      .filter(({ peer }) => matches(peer))
    for (const seat of seats) {
      this.leave(seat)
      if (seat.half) cutHalf(seat.half)
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
    const pipe: Pipe = { client: client.peer, connector: connector.peer, halves: [a, b] }
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
    const startedMs = performance.now()
    const stitched = wrapped.length > 0 ? stitchStreams(a, b) : stitch(a.socket, b.socket)
    void stitched.then((end) => {
      this.#pipes.delete(pipe)
      meeting.share.ended()
      metrics.pipeEnded(end)
      const { defect, ...told } = end
      if (defect !== undefined) {
        log.error(
          { event: 'pipe.defect', code: 'INTERNAL', ...fields, err: defect },
          'a pipe ended by a defect',
        )
      }
      const lastedMs = Math.round(performance.now() - startedMs)
      log.info({ event: 'pipe.ended', ...fields, ...told, lastedMs }, 'pipe ended')
      this.#checkEmpty()
    })
  }

  #expire(id: string): void {
    const meeting = this.#meetings.get(id)
    if (meeting === undefined) return
    this.#giveUp(id, meeting)
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

  #giveUp(id: string, meeting: Meeting): void {
    this.#end(id, meeting)
    meeting.share.ended()
  }

  #end(id: string, meeting: Meeting): void {
    clearTimeout(meeting.timer)
    meeting.share.joined()
    this.#meetings.delete(id)
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#draining && this.#pipes.size === 0 && this.#meetings.size === 0) this.#onEmpty?.()
  }
}
