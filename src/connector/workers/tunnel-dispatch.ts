/**
 * Tickets from control on their way to whoever carries the tunnel.
 *
 * So many are brought at once; a device has a share of that, and what is over it waits. A device that asks for pipes and
 * never comes fills its own share, and nobody else's.
 *
 * @module
 */
import { Fault, type FaultCode } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { CONNECTOR_SHARES } from '../../base/share-table/connector.ts'
import { Pool } from '../../base/shares.ts'
import { Turns } from '../../base/turns.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { TunnelTotals } from '../sessions/connector-session-totals.ts'
import { aboutTicket, type TunnelTicket, type TunnelWay } from '../tunnels/served-tunnels.ts'
import { chooseWorker } from './choose-worker.ts'
import type { TunnelWorker } from './tunnel-worker.ts'

/** Tickets that wait: of all, and of one device. A ticket is a few hundred bytes. */
const MAX_WAITING = 16_384
const MAX_WAITING_OF_DEVICE = 256
/** The other half waits ten seconds at the edge: what has waited longer than this comes too late. */
const MAX_WAIT_MS = 8000

export interface TunnelDispatchWay extends TunnelWay {
  /** The half could not be brought to this edge. */
  readonly onEdgeLost: (edge: string, fault: Fault) => void
}

export interface TunnelDispatchOptions {
  readonly log: Log
  /** Tests give their own. */
  readonly bringing?: Pool
  readonly tunnels?: Pool
}

interface WaitingTicket extends TunnelTicket {
  readonly way: TunnelDispatchWay
  readonly atMs: number
}

/** Tunnels of one worker, by device. */
class WorkerTunnels {
  readonly worker: TunnelWorker
  readonly byDevice = new Map<string, number>()
  count = 0

  constructor(worker: TunnelWorker) {
    this.worker = worker
  }

  add(device: string, by: 1 | -1): void {
    this.count += by
    const left = (this.byDevice.get(device) ?? 0) + by
    if (left > 0) this.byDevice.set(device, left)
    else this.byDevice.delete(device)
  }
}

export class TunnelDispatch {
  readonly totals = new TunnelTotals()
  readonly #log: Log
  readonly #workers: readonly WorkerTunnels[]
  readonly #bringing: Pool
  readonly #tunnels: Pool
  readonly #waiting = new Turns<WaitingTicket>()
  #count = 0
  #draining = false

  constructor(workers: readonly TunnelWorker[], { log, bringing, tunnels }: TunnelDispatchOptions) {
    this.#workers = workers.map((worker) => new WorkerTunnels(worker))
    this.#log = log
    this.#bringing = bringing ?? new Pool(CONNECTOR_SHARES.bringing)
    this.#tunnels = tunnels ?? new Pool(CONNECTOR_SHARES.tunnels)
  }

  /** Tunnels that stand. */
  get count(): number {
    return this.#count
  }

  /** Brings this connector's half of `pipe`, at its turn, and has somebody serve what comes through it. */
  bring(pipe: PipeTicket, session: string, way: TunnelDispatchWay): void {
    const device = pipe.peer.slice(pipe.peer.lastIndexOf('/') + 1)
    const ticket = { pipe, session, device, way, atMs: performance.now() }
    const isFull =
      this.#waiting.size >= MAX_WAITING || this.#waiting.waitingOf(device) >= MAX_WAITING_OF_DEVICE
    if (this.#draining) this.#refuse(ticket, new Fault('CONNECTOR_DRAINING', 'it accepts no new tunnels'))
    else if (isFull) this.#refuse(ticket, this.#bringing.refusal(device))
    else {
      this.#waiting.add(device, ticket)
      this.#next()
    }
  }

  #next(): void {
    for (;;) {
      const ticket = this.#waiting.next((device) => this.#bringing.mayTake(device))
      if (ticket === undefined) return
      const { device } = ticket
      const waitedMs = performance.now() - ticket.atMs
      if (waitedMs > MAX_WAIT_MS) {
        const detail = `it waited ${Math.round(waitedMs)} ms for its turn: the other half is gone by now`
        this.#refuse(ticket, new Fault('PAIR_TIMEOUT', detail, { hop: 'connector' }))
      } else if (!this.#tunnels.mayTake(device)) this.#refuse(ticket, this.#tunnels.refusal(device))
      else void this.#bring(ticket)
    }
  }

  async #bring(ticket: WaitingTicket): Promise<void> {
    const { device, pipe, way } = ticket
    const at = this.#choose(device)
    this.#bringing.take(device)
    this.#tunnels.take(device)
    at.add(device, 1)
    let is: 'opening' | 'open' | 'closed' = 'opening'
    const fault = await at.worker.bring(ticket, way, () => {
      if (is === 'open') this.#count--
      is = 'closed'
      at.add(device, -1)
      this.#tunnels.give(device)
    })
    if (fault === undefined && is === 'opening') {
      is = 'open'
      this.#count++
    }
    this.#bringing.give(device)
    if (fault === undefined) this.totals.opened++
    else {
      this.totals.failedBy.add(fault.code)
      way.onEdgeLost(pipe.edge.id, fault)
    }
    this.#next()
  }

  #choose(device: string): WorkerTunnels {
    const place = chooseWorker(
      this.#workers.map(({ worker, byDevice, count }) => {
        return { ...worker.load, tunnels: count, ofClient: byDevice.get(device) ?? 0 }
      }),
    )
    return this.#workers[place!]!
  }

  #refuse(ticket: WaitingTicket, { code, hop, seen, message }: Fault): void {
    this.totals.failedBy.add(code)
    this.#log.warn(
      { event: 'tunnel.refused', ...aboutTicket(ticket), code, hop, seen },
      `Ticket not followed: ${message}`,
    )
  }

  /** As TunnelWorker.revoke, at all of them. */
  async revoke(grants: readonly string[], detail: string, isAll = false): Promise<number> {
    const cut = this.#workers.map(({ worker }) => worker.revoke(grants, detail, isAll))
    return (await Promise.all(cut)).reduce((sum, one) => sum + one, 0)
  }

  /** No new tunnels, no new streams in those there are. Resolves when what is open now is known here. */
  async drain(): Promise<void> {
    this.#draining = true
    this.#waiting.clear()
    await Promise.all(this.#workers.map(({ worker }) => worker.drain()))
  }

  /** Ends every tunnel, and those under way. */
  async close(code: FaultCode, detail: string): Promise<void> {
    this.#draining = true
    this.#waiting.clear()
    await Promise.all(this.#workers.map(({ worker }) => worker.close(code, detail)))
  }
}
