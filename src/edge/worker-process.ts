/**
 * One worker, as its edge sees it: what was given to it, what it holds, and what its end takes along.
 *
 *     given --taken--> held --settled--> held, handshake over --gone--> nothing
 *       |                |
 *       +-- not taken for 2 s: ended      it ends: given ones are reset, held ones are gone with it
 *
 * @module
 */
import type net from 'node:net'
import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/faults.ts'
import { KeptProcess } from '../base/kept-process.ts'
import type { Log } from '../base/log.ts'
import type { Visit } from '../link/accept/admission.ts'
import type { EdgeLimits } from '../link/accept/edge-limits.ts'
import { faultToMessage } from '../link/control/fault-message.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import { publicJwks, type VerifyKeys } from '../pki/signing-keys.ts'
import type { EdgeStateMessage } from '../wire/control.ts'
import {
  type EdgeWorkerOrder,
  type EdgeWorkerReport,
  edgeWorkerReport,
  type ShareAnswer,
  type ToldTime,
} from '../wire/edge-worker.ts'
import type { EdgeAuthority } from './edge-authority.ts'
import { stopReading } from './hand-on.ts'
import type { EdgeMetrics } from './metrics.ts'
import type { EdgeShares, PipeShare } from './shares.ts'
import { identityFor, timeFor } from './told.ts'

const MAX_UNTAKEN = 256
const TAKE_MS = 2000
/** For an order to cut; of one that does not obey nothing may go on. */
const OBEY_MS = 5000
const TICK_MS = 500
/** It tells its figures once a second; one that is only slow is not ended for it. */
const SILENT_MS = 10_000
/** It begins on a machine that may be busy with everything else that begins. */
const START_MS = 60_000
const RESTART_CAP_MS = 5000

/** A connection that was given to it, while only this process has surely a descriptor of it. */
interface Untaken {
  readonly socket: net.Socket
  readonly atMs: number
}

export interface EdgeWorkerProcessOptions {
  /** The file that it runs. */
  readonly entry: string
  readonly credentials: () => Credentials
  readonly authority: EdgeAuthority
  /** That of the control plane, as far as it is known. */
  readonly clock: Clock
  readonly limits: Pick<EdgeLimits, 'handshakeMs' | 'pairMs'>
  /** Those of the edge: a device has no more by coming to several workers. */
  readonly shares: EdgeShares
  /** What it counts is counted there. */
  readonly counts: EdgeMetrics
  /** It ended unasked. */
  readonly onEnded: (fault: Fault) => void
  readonly log: Log
}

/** For people and metrics. */
export interface EdgeWorkerFigures {
  readonly worker: number
  readonly pid?: number
  readonly pipes: number
  readonly waiting: number
  readonly cpuSeconds: number
  /** How often it ended unasked. */
  readonly restarts: number
}

export class EdgeWorkerProcess implements AsyncDisposable {
  readonly #number: number
  readonly #o: EdgeWorkerProcessOptions
  readonly #process: KeptProcess<EdgeWorkerOrder, unknown>
  readonly #untaken = new Map<number, Untaken>()
  /** Of all that were given, until they are gone. */
  readonly #visits = new Map<number, Visit>()
  readonly #shares = new Map<number, PipeShare & { waits: boolean }>()
  readonly #asked = new Map<number, (count: number) => void>()
  readonly #tick: NodeJS.Timeout
  readonly ready = Promise.withResolvers<void>()
  #isReady = false
  #last = 0
  #keys: VerifyKeys | undefined
  #silentMs = 0
  #drained: PromiseWithResolvers<void> | undefined
  #pipes = 0
  #waiting = 0
  #cpuMs = 0
  #cpuBeforeMs = 0
  #restarts = 0

  constructor(number: number, options: EdgeWorkerProcessOptions) {
    this.#number = number
    this.#o = options
    this.#process = new KeptProcess({
      kind: 'worker',
      name: `edge worker ${number}`,
      hop: 'edge',
      entry: options.entry,
      restartCapMs: RESTART_CAP_MS,
      log: options.log,
      first: () => this.#start(),
      last: () => ({ do: 'stop' }),
      onNews: (news) => this.#hear(news),
      onEnded: (fault) => this.#ended(fault),
    })
    this.#process.start()
    this.#tick = setInterval(() => this.#look(), TICK_MS).unref()
  }

  get figures(): EdgeWorkerFigures {
    return {
      worker: this.#number,
      pid: this.#process.pid,
      pipes: this.#pipes,
      waiting: this.#waiting,
      cpuSeconds: (this.#cpuBeforeMs + this.#cpuMs) / 1000,
      restarts: this.#restarts,
    }
  }

  /**
   * Takes `socket` and `visit` over.
   *
   * @param acceptedMs When it was accepted, by performance.now.
   * @throws {Fault} EDGE_BUSY: it takes none now, and the connection is reset.
   */
  give(socket: net.Socket, { visit, shard, acceptedMs }: GivenHalf): void {
    const { authority } = this.#o
    const name = `worker ${this.#number} of this edge`
    if (!this.#isReady) throw busy(socket, `${name} is being started`, this.#number)
    if (this.#untaken.size >= MAX_UNTAKEN) {
      throw busy(socket, `${name} has ${MAX_UNTAKEN} connections to take`, this.#number)
    }
    const keys = authority.ticketKeys()
    if (keys !== this.#keys) this.#process.send({ do: 'keys', keys: publicJwks(keys) })
    this.#keys = keys
    const id = ++this.#last
    const order: EdgeWorkerOrder = {
      ...{ do: 'half', id, shard, from: claimOf(socket), time: this.#time },
      elapsedMs: performance.now() - acceptedMs,
      first: stopReading(socket),
    }
    this.#untaken.set(id, { socket, atMs: performance.now() })
    this.#visits.set(id, visit)
    this.#process.give(order, socket)
  }

  /** Who is shut out from now on. @returns how many were cut. */
  shutOut(state: EdgeStateMessage): Promise<number> {
    return this.#ask((ask) => ({ do: 'shut-out', ask, state }))
  }

  /** All its pipes. @returns how many. */
  cut(): Promise<number> {
    return this.#ask((ask) => ({ do: 'cut', ask }))
  }

  /** Takes no new pipes from here on. Resolves when none is left. */
  drained(): Promise<void> {
    this.#drained ??= Promise.withResolvers()
    if (!this.#process.send({ do: 'drain' })) this.#drained.resolve()
    return this.#drained.promise
  }

  renew(): void {
    this.#process.send({ do: 'identity', identity: identityFor(this.#o.credentials()) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#tick)
    await this.#process[Symbol.asyncDispose]()
    this.#letGo()
    this.#drained?.resolve()
  }

  get #time(): ToldTime {
    return timeFor(this.#o.clock)
  }

  #start(): EdgeWorkerOrder {
    const { credentials, authority, limits, log } = this.#o
    this.#keys = authority.ticketKeys()
    return {
      do: 'start',
      worker: this.#number,
      identity: identityFor(credentials()),
      keys: publicJwks(this.#keys),
      revoked: [...authority.revoked()],
      time: this.#time,
      handshakeMs: limits.handshakeMs,
      pairMs: limits.pairMs,
      draining: this.#drained !== undefined,
      log: { level: log.level, fields: log.bindings() },
    }
  }

  /** One that does not obey within seconds is ended, and what it held with it. */
  #ask(order: (ask: number) => EdgeWorkerOrder): Promise<number> {
    const ask = ++this.#last
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#kill('it does not do what it is told'), OBEY_MS)
      this.#asked.set(ask, (count) => {
        clearTimeout(timer)
        this.#asked.delete(ask)
        resolve(count)
      })
      // One that does not run now learns of it when it starts.
      if (!this.#process.send(order(ask))) this.#asked.get(ask)!(0)
    })
  }

  #hear(said: unknown): void {
    const parsed = edgeWorkerReport.safeParse(said)
    if (!parsed.success) {
      this.#kill('it says what it must not')
      return
    }
    const news = parsed.data
    const { counts } = this.#o
    this.#silentMs = 0
    this.#pipes = news.pipes
    this.#waiting = news.waiting
    this.#cpuMs = news.cpuMs ?? this.#cpuMs
    if (news.ready) {
      this.#isReady = true
      this.ready.resolve()
    }
    for (const id of news.taken ?? []) this.#closeOurs(id)
    for (const [id, tookMs] of news.settled ?? []) {
      this.#visits.get(id)?.settled()
      counts.handshakeDone('pipe', tookMs)
    }
    this.#count(news)
    this.#share(news)
    for (const id of news.gone ?? []) {
      this.#closeOurs(id)
      this.#visits.get(id)?.left()
      this.#visits.delete(id)
    }
    for (const [ask, count] of news.cut ?? []) this.#asked.get(ask)?.(count)
    if (news.drained) this.#drained?.resolve()
  }

  #count({ refused = [], halves = [], pipesJoined = 0, pipesEnded = [] }: EdgeWorkerReport): void {
    const { counts } = this.#o
    for (const code of refused) counts.refused.add(code)
    for (const mode of halves) counts.halfArrived(mode)
    for (let n = 0; n < pipesJoined; n++) counts.pipeJoined()
    for (const end of pipesEnded) counts.pipeEnded(end)
  }

  #share({ came = [], wants = [], joined = [], ended = [] }: EdgeWorkerReport): void {
    const { shares } = this.#o
    const answers: ShareAnswer[] = []
    const answer = (ask: number, judge: () => void) => {
      try {
        judge()
        answers.push([ask])
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown
        answers.push([ask, faultToMessage(thrown)])
      }
    }
    for (const [ask, device] of came) answer(ask, () => shares.cameFrom(device))
    for (const [ask, device] of wants)
      answer(ask, () => this.#shares.set(ask, { ...shares.pipeOf(device), waits: true }))
    for (const ask of joined) this.#joined(this.#shares.get(ask))
    for (const ask of ended) {
      const share = this.#shares.get(ask)
      this.#joined(share)
      share?.ended()
      this.#shares.delete(ask)
    }
    if (answers.length > 0) this.#process.send({ do: 'shares', answers })
  }

  #joined(share: (PipeShare & { waits: boolean }) | undefined): void {
    if (share?.waits !== true) return
    share.waits = false
    share.joined()
  }

  #closeOurs(id: number): void {
    this.#untaken.get(id)?.socket.destroy()
    this.#untaken.delete(id)
  }

  #look(): void {
    this.#silentMs += TICK_MS
    const limitMs = this.#isReady ? SILENT_MS : START_MS
    if (this.#silentMs > limitMs) this.#kill(`it has said nothing for ${limitMs / 1000} s`)
    const sinceMs = performance.now() - TAKE_MS
    for (const [id, { socket, atMs }] of this.#untaken) {
      if (atMs > sinceMs) break // in the order in which they were given
      this.#giveUp(id, socket)
    }
  }

  /** Only an end reaches the peer: there are two descriptors of the connection, and only the last one can reset it. */
  #giveUp(id: number, socket: net.Socket): void {
    const { log, counts } = this.#o
    this.#untaken.delete(id)
    this.#visits.get(id)?.left()
    this.#visits.delete(id)
    counts.refused.add('EDGE_BUSY')
    log.info(
      {
        event: 'edge.refused',
        code: 'EDGE_BUSY',
        from: socket.remoteAddress,
        seen: { worker: this.#number },
      },
      `worker ${this.#number} of this edge has not taken it for ${TAKE_MS} ms`,
    )
    socket.end(() => socket.resetAndDestroy())
  }

  #kill(why: string): void {
    const worker = this.#number
    const { pid } = this.#process
    this.#silentMs = 0
    if (pid === undefined) return
    this.#o.log.error({ event: 'worker.killed', worker, pid, why }, `Edge worker ${worker} is killed: ${why}`)
    this.#process.kill(why)
  }

  #ended(fault: Fault): void {
    this.#o.onEnded(fault)
    this.#restarts++
    this.#cpuBeforeMs += this.#cpuMs
    this.#isReady = false
    ;[this.#cpuMs, this.#pipes, this.#waiting, this.#silentMs] = [0, 0, 0, 0]
    this.#letGo()
    this.#drained?.resolve()
  }

  #letGo(): void {
    for (const { socket } of this.#untaken.values()) socket.resetAndDestroy()
    this.#untaken.clear()
    for (const visit of this.#visits.values()) visit.left()
    this.#visits.clear()
    for (const share of this.#shares.values()) {
      this.#joined(share)
      share.ended()
    }
    this.#shares.clear()
    for (const answer of this.#asked.values()) answer(0)
  }
}

/** A half that was not looked at beyond its ClientHello. */
export interface GivenHalf {
  readonly visit: Visit
  readonly shard: number
  readonly acceptedMs: number
}

/** By the word of a balancer; of whom comes directly the socket itself tells. */
function claimOf(socket: net.Socket): { address: string; port: number } | undefined {
  if (!Object.hasOwn(socket, 'remoteAddress')) return undefined
  return { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
}

function busy(socket: net.Socket, detail: string, worker: number): Fault {
  socket.resetAndDestroy()
  return new Fault('EDGE_BUSY', detail, { hop: 'edge', seen: { worker } })
}
