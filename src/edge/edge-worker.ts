import type net from 'node:net'
import { deadline } from '../base/deadline.ts'
import { asFault, type Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import { type VerifyKeys, verifyKeys } from '../pki/signing-keys.ts'
import type { EdgeWorkerOrder, EdgeWorkerReport } from '../wire/edge-worker.ts'
import { Halves } from './halves.ts'
import { logRefused } from './log-refused.ts'
import { Rendezvous } from './rendezvous.ts'
import { RevokedSerials } from './revoked-serials.ts'
import { ToldClock } from './told.ts'
import { TurnReports } from './turn-reports.ts'

type StartOrder = Extract<EdgeWorkerOrder, { do: 'start' }>
type HalfOrder = Extract<EdgeWorkerOrder, { do: 'half' }>

const FIGURES_MS = 1000

/**
 * What carries pipes in a process beside the edge. It listens nowhere and keeps nothing: halves come from the edge, with
 * the bytes that were read of them, and all it knows it was told.
 */
export class EdgeWorker {
  readonly #handshakeMs: number
  readonly #log: Log
  readonly #report: TurnReports
  readonly #rendezvous: Rendezvous
  readonly #halves: Halves
  readonly #revoked: RevokedSerials
  readonly #clock: ToldClock
  #credentials: Credentials
  #keys: VerifyKeys

  constructor(start: StartOrder, { log, tell }: { log: Log; tell: (news: EdgeWorkerReport) => void }) {
    this.#handshakeMs = start.handshakeMs
    this.#log = log
    this.#credentials = start.identity
    this.#keys = verifyKeys('ticket', start.keys)
    this.#revoked = new RevokedSerials(start.revoked)
    this.#clock = new ToldClock(start.time)
    this.#report = new TurnReports(tell, () => ({
      pipes: this.#rendezvous.pipes,
      waiting: this.#rendezvous.waiting,
    }))
    const [clock, shares] = [this.#clock, this.#report]
    this.#rendezvous = new Rendezvous({ pairMs: start.pairMs, clock, log, metrics: this.#report, shares })
    this.#halves = new Halves({
      credentials: () => this.#credentials,
      authority: { ticketKeys: () => this.#keys, isRevoked: (serial) => this.#revoked.has(serial) },
      ...{ clock, shares, rendezvous: this.#rendezvous },
    })
    if (start.draining) this.#drain()
    this.#report.say({ ready: true })
    setInterval(() => this.#report.say({ cpuMs: cpuMs() }), FIGURES_MS)
  }

  /** @param socket With a half. */
  take(order: Exclude<EdgeWorkerOrder, StartOrder>, socket?: net.Socket): void {
    if (order.do === 'half') void this.#takeHalf(order, socket)
    if (order.do === 'shares') this.#report.answered(order.answers)
    if (order.do === 'keys') this.#keys = verifyKeys('ticket', order.keys)
    if (order.do === 'identity') this.#credentials = order.identity
    if (order.do === 'shut-out') {
      this.#report.add('cut', [order.ask, this.#rendezvous.cut(this.#revoked.take(order.state))])
    }
    if (order.do === 'cut') this.#report.add('cut', [order.ask, this.cut()])
    if (order.do === 'drain') this.#drain()
  }

  /** All pipes and waiting halves. @returns how many. */
  cut(): number {
    return this.#rendezvous.cut(() => true)
  }

  #drain(): void {
    void this.#rendezvous.drained().then(() => this.#report.say({ drained: true }))
  }

  async #takeHalf(
    { id, first, shard, from, elapsedMs, time }: HalfOrder,
    socket?: net.Socket,
  ): Promise<void> {
    const startedMs = performance.now() - elapsedMs
    this.#report.add('taken', id)
    this.#clock.set(time)
    if (socket === undefined) {
      // The connection was lost on the way: out of descriptors.
      this.#report.refused.add('FD_EXHAUSTED')
      this.#report.add('gone', id)
      return
    }
    socket.allowHalfOpen = true
    socket.on('error', () => {}).once('close', () => this.#report.add('gone', id))
    if (from !== undefined) {
      Object.defineProperties(socket, {
        remoteAddress: { value: from.address },
        remotePort: { value: from.port },
      })
    }
    const by = socket.remoteAddress
    socket.pause()
    socket.unshift(first)
    const leftMs = Math.max(1, Math.round(this.#handshakeMs - elapsedMs))
    using limit = deadline(leftMs, 'HANDSHAKE_TIMEOUT', 'a peer did not finish its handshake')
    try {
      await this.#halves.take(socket, shard, limit)
      this.#report.add('settled', [id, performance.now() - startedMs])
    } catch (thrown) {
      socket.destroy()
      const fault: Fault = asFault(thrown)
      this.#report.refused.add(fault.code)
      logRefused(this.#log, fault, { from: socket.remoteAddress ?? by, thrown })
    }
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
