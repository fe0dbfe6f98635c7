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
import type { PipeCounts } from './metrics.ts'
import type { PipeShare, PipeShares } from './shares.ts'
import { cutHalf, type HalfStream, stitchStreams } from './stitch-streams.ts'
import { UsedTickets } from './used-tickets.ts'

type PipeSide = Ticket['side']

/** One half, from the moment its ticket was accepted. */
export interface AdmittedHalf {
  readonly ticket: Ticket
  readonly peer: Peer
  /** Rejects where its device has no room for it; nothing: it has. */
  readonly granted?: Promise<void>
  half: HalfStream | undefined
}

interface PendingPipe {
  readonly halves: Partial<Record<PipeSide, AdmittedHalf>>
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
  readonly metrics: PipeCounts
  readonly shares: PipeShares
}

export class Rendezvous {
  readonly #o: RendezvousOptions
  readonly #used: UsedTickets
  readonly #pending = new Map<string, PendingPipe>()
  readonly #pipes = new Set<Pipe>()
  #draining = false
  #onEmpty: (() => void) | undefined

  constructor(options: RendezvousOptions) {
    this.#o = options
    this.#used = new UsedTickets(options.clock)
  }

  get waiting(): number {
    return this.#pending.size
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
  admit(ticket: Ticket, peer: Peer): AdmittedHalf {
    const pending = this.#pending.get(ticket.pipe)
    if (this.#draining && pending === undefined) throw new Fault('EDGE_DRAINING', 'it accepts no new pipes')
    if (!this.#used.use(ticket.id, ticket.expiresMs)) {
      throw new Fault('TICKET_INVALID', "it was used before, or predates this edge's start", {
        seen: { ticket: ticket.id },
      })
    }
    const halves = pending?.halves ?? {}
    const other = halves[ticket.side === 'client' ? 'connector' : 'client']
    if (halves[ticket.side] !== undefined) {
      throw new Fault('TICKET_INVALID', `the ${ticket.side} half of this pipe is already here`)
    }
    if (other && (other.ticket.holder !== ticket.peer || other.ticket.peer !== ticket.holder)) {
      throw new Fault('TICKET_INVALID', 'the two halves do not belong together')
    }
    const share = pending?.share ?? this.#o.shares.pipe(ticket)
    const admitted: AdmittedHalf = { ticket, peer, granted: share.granted, half: undefined }
    halves[ticket.side] = admitted
    if (pending === undefined) {
      const timer = setTimeout(() => this.#expire(ticket.pipe), this.#o.pairMs).unref()
      this.#pending.set(ticket.pipe, { halves, timer, share })
    }
    return admitted
  }

  /** The half is handed over. Takes it over. */
  arrive(admitted: AdmittedHalf, half: HalfStream): void {
    const { pipe, side } = admitted.ticket
    const pending = this.#pending.get(pipe)
    if (pending?.halves[side] !== admitted) {
      cutHalf(half)
      return
    }
    admitted.half = half
    this.#o.metrics.halfArrived(half.outer === undefined ? 'raw' : 'wrapped')
    const { client, connector } = pending.halves
    if (client?.half && connector?.half) this.#join(pipe, pending, client, connector)
    else half.socket.once('close', () => this.leave(admitted))
  }

  /** The half went away before it was joined. Does nothing afterwards. */
  leave(admitted: AdmittedHalf): void {
    const { pipe, side } = admitted.ticket
    const pending = this.#pending.get(pipe)
    if (pending?.halves[side] !== admitted) return
    delete pending.halves[side]
    if (Object.keys(pending.halves).length === 0) this.#giveUp(pipe, pending)
  }

  /** Closes the pipes and waiting halves of matching peers. @returns how many. */
  cut(matches: (peer: Peer) => boolean): number {
    const pipes = [...this.#pipes].filter(({ client, connector }) => matches(client) || matches(connector))
    // A reset, because an orderly end of TCP could pass for an orderly end of what was carried.
    for (const { halves } of pipes) for (const half of halves) cutHalf(half)
    const halves = [...this.#pending.values()]
      .flatMap((pending) => Object.values(pending.halves))
      .filter(({ peer }) => matches(peer))
    for (const admitted of halves) {
      this.leave(admitted)
      if (admitted.half) cutHalf(admitted.half)
    }
    return pipes.length + halves.length
  }

  /** Takes no new pipes from here on. Resolves when none is left. */
  drained(): Promise<void> {
    this.#draining = true
    return new Promise((resolve) => {
      this.#onEmpty = resolve
      this.#checkEmpty()
    })
  }

  #join(id: string, pending: PendingPipe, client: AdmittedHalf, connector: AdmittedHalf): void {
    const { log, metrics } = this.#o
    const a = client.half!
    const b = connector.half!
    const pipe: Pipe = { client: client.peer, connector: connector.peer, halves: [a, b] }
    const fields = { pipe: id, session: client.ticket.session }
    const wrapped = [client, connector].filter(({ half }) => half?.outer).map(({ ticket }) => ticket.side)
    // Added before the pending pipe ends, so that a drain does not see a moment without either.
    this.#pipes.add(pipe)
    this.#end(id, pending)
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
      pending.share.ended()
      metrics.pipeEnded(end)
      const { defect, ...told } = end
      if (defect !== undefined) {
        log.error(
          { event: 'pipe.defect', code: 'INTERNAL', ...fields, err: defect },
          'a pipe ended with an internal error',
        )
      }
      const lastedMs = Math.round(performance.now() - startedMs)
      log.info({ event: 'pipe.ended', ...fields, ...told, lastedMs }, 'pipe ended')
      this.#checkEmpty()
    })
  }

  #expire(id: string): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#giveUp(id, pending)
    for (const admitted of Object.values(pending.halves)) {
      // The connection is raw by now: closing it is all that can be said.
      admitted.half?.socket.destroy()
      this.#o.metrics.refused.add('PAIR_TIMEOUT')
      this.#o.log.warn(
        {
          event: 'pipe.pair-timeout',
          code: 'PAIR_TIMEOUT',
          pipe: id,
          session: admitted.ticket.session,
          here: admitted.ticket.holder,
          missing: admitted.ticket.peer,
        },
        'the other half did not arrive',
      )
    }
  }

  #giveUp(id: string, pending: PendingPipe): void {
    this.#end(id, pending)
    pending.share.ended()
  }

  #end(id: string, pending: PendingPipe): void {
    clearTimeout(pending.timer)
    pending.share.joined()
    this.#pending.delete(id)
    this.#checkEmpty()
  }

  #checkEmpty(): void {
    if (this.#draining && this.#pipes.size === 0 && this.#pending.size === 0) this.#onEmpty?.()
  }
}
