/**
 * A worker in a process of its own: what it is told, and what becomes of what it tells. Whether it answers or not, nobody
 * here waits for it for longer than a second.
 *
 * @module
 */
import { asFault, Fault, type FaultCode } from '../../base/faults.ts'
import { KeptProcess } from '../../base/kept-process.ts'
import { faultFromMessage, faultToMessage } from '../../link/control/fault-message.ts'
import type { TunnelTicket, TunnelWay } from '../tunnels/served-tunnels.ts'
import type { Services } from '../tunnels/services.ts'
import { BroughtTunnels } from './brought-tunnels.ts'
import { LoadTold } from './load-told.ts'
import { ToldSessions } from './told-sessions.ts'
import type { TunnelWorker, WorkerLoad } from './tunnel-worker.ts'
import type {
  ResolvedName,
  SessionBatch,
  SharedPools,
  WorkerMessage,
  WorkerOrder,
} from './worker-messages.ts'

/** For an answer. Twice half of it: a machine that slept must not take a process for one that is stuck. */
const ANSWER_MS = 1000
/** Ticks of a second without a word, and it is stuck: given nothing more, and in the end replaced. */
const UNWELL_TICKS = 3
const STUCK_TICKS = 20
const RESTART_CAP_MS = 5000
const LOST = 'the worker process that carried it has ended; the byte counts are the last known'

export interface WorkerProcessOptions {
  readonly name: string
  /** How many there are. */
  readonly of: number
  readonly entry: string
  readonly main: Services
  /** It ended unasked. */
  readonly onEnded: (fault: Fault) => void
}

/** One worker, for whoever describes the connector. */
export interface WorkerReport {
  readonly worker: string
  readonly pid: number | undefined
  readonly tunnels: number
  readonly sessions: number
  readonly bytesPerSecond: number
  /** How often it was started again. */
  readonly restarts: number
}

export class WorkerProcess implements TunnelWorker {
  readonly #o: WorkerProcessOptions
  readonly #process: KeptProcess<WorkerOrder, WorkerMessage>
  readonly #told: ToldSessions
  readonly #tunnels = new BroughtTunnels()
  readonly #asked = new Map<number, (answer: number) => void>()
  #load: LoadTold
  #way: TunnelWay | undefined
  #last = 0
  #restarts = 0
  #silentTicks = 0
  /** It has said something since it was started: before that it carries nothing. */
  #isHeard = false
  #isClosing = false
  #ending: { code: FaultCode; detail: string } = { code: 'CONNECTOR_DRAINING', detail: '' }

  constructor(o: WorkerProcessOptions) {
    this.#o = o
    const { name, entry, main } = o
    this.#told = new ToldSessions(main)
    this.#load = new LoadTold(main)
    this.#process = new KeptProcess({
      ...{ kind: 'worker', name: `connector worker ${name}`, hop: 'connector', entry, log: main.log },
      restartCapMs: RESTART_CAP_MS,
      first: () => this.#first(),
      last: () => ({ do: 'close', ...this.#ending }),
      onNews: (news) => this.#hear(news),
      onEnded: (fault) => this.#ended(fault),
    })
  }

  start(): void {
    this.#process.start()
  }

  #first(): WorkerOrder {
    const { main, name, of } = this.#o
    const { known, revoked } = main.authority
    this.#way = undefined
    return { do: 'start', name, of, skewMs: this.#skewMs(), keys: known.signed, revoked }
  }

  #skewMs(): number {
    return this.#o.main.clock.nowMs() - Date.now()
  }

  get load(): WorkerLoad {
    const { sessions, bytesPerSecond } = this.#load
    const isWell = this.#process.pid !== undefined && this.#silentTicks < UNWELL_TICKS
    return { isWell, hasBegun: this.#isHeard, sessions, bytesPerSecond }
  }

  get held(): SharedPools {
    return this.#load.held
  }

  get report(): WorkerReport {
    const { sessions, bytesPerSecond } = this.#load
    return {
      worker: this.#o.name,
      pid: this.#process.pid,
      tunnels: this.#tunnels.count,
      ...{ sessions, bytesPerSecond, restarts: this.#restarts },
    }
  }

  /** The set of keys is another one. */
  tellKeys(): void {
    const keys = this.#o.main.authority.known.signed
    if (keys !== undefined) this.#process.send({ do: 'keys', keys })
  }

  /** Once a second. */
  tick(elsewhere: SharedPools): void {
    if (this.#process.pid === undefined) return
    this.#silentTicks++
    // One that reads nothing would have to read all this one day.
    if (this.#silentTicks < UNWELL_TICKS)
      this.#process.send({ do: 'tick', skewMs: this.#skewMs(), elsewhere })
    if (this.#silentTicks !== STUCK_TICKS) return
    this.#kill(`it has said nothing for ${STUCK_TICKS} s`)
  }

  bring(ticket: TunnelTicket, way: TunnelWay, closed: () => void): Promise<Fault | undefined> {
    const id = ++this.#last
    const brought = this.#tunnels.add(id, ticket, way, closed)
    const mode = this.#o.main.rawPhase.mode(ticket.pipe.edge, way)
    if (way.credentials !== this.#way?.credentials || way.egress !== this.#way.egress) {
      const { egress, credentials } = way
      if (this.#process.send({ do: 'way', way: { egress, credentials } })) this.#way = way
    }
    const { pipe, session, device } = ticket
    if (!this.#process.send({ do: 'bring', id, ticket: { pipe, session, device }, mode })) {
      const detail = `worker ${this.#o.name} has ended, and is being started again`
      this.#tunnels.brought(id, new Fault('WORKER_ENDED', detail, { hop: 'connector' }))
    }
    return brought
  }

  async revoke(grants: readonly string[], detail: string, isAll: boolean): Promise<number> {
    const cut = await this.#ask((id) => ({ do: 'revoke', id, grants, detail, isAll }))
    if (cut !== undefined) return cut
    // What was revoked is over, whatever its process does.
    this.#kill(`it did not cut what was revoked within ${ANSWER_MS} ms`)
    return this.#told.lost({ reason: 'GRANT_REVOKED', detail }, grants)
  }

  async drain(): Promise<void> {
    await this.#ask((id) => ({ do: 'drain', id }))
  }

  /** @returns What it answered; 0 where it carries nothing yet; nothing where it did not answer in time. */
  async #ask(order: (id: number) => WorkerOrder): Promise<number | undefined> {
    const id = ++this.#last
    const { promise, resolve } = Promise.withResolvers<number | undefined>()
    this.#asked.set(id, resolve)
    if (!this.#process.send(order(id)) || !this.#isHeard) resolve(0)
    let timer = setTimeout(() => {
      timer = setTimeout(() => resolve(undefined), ANSWER_MS / 2)
    }, ANSWER_MS / 2)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#asked.delete(id)
    }
  }

  async close(code: FaultCode, detail: string): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#ending = { code, detail }
    await this.#process[Symbol.asyncDispose]()
    // What it did not tell of itself.
    this.#tunnels.lost(new Fault(code, detail))
    this.#told.lost({ reason: code, detail })
  }

  #hear(news: WorkerMessage): void {
    this.#silentTicks = 0
    this.#isHeard = true
    switch (news.is) {
      case 'batch':
        this.#told.take(JSON.parse(news.text) as SessionBatch)
        this.#process.send({ do: 'taken' })
        return
      case 'load':
        this.#told.moved(news.moved)
        this.#load.take(news)
        return
      case 'resolve':
        void this.#resolve(news.id, news.host, news.by)
        return
      case 'brought':
        this.#tunnels.brought(news.id, news.fault && faultFromMessage(news.fault))
        return
      case 'closed':
        this.#closed(news.id)
        return
      case 'examine':
        void this.#examine(news.id)
        return
      case 'cut':
        this.#asked.get(news.id)?.(news.sessions)
        return
      case 'drained':
        this.#asked.get(news.id)?.(0)
        return
    }
  }

  #closed(id: number): void {
    const pipe = this.#tunnels.get(id)?.ticket.pipe.pipe
    if (pipe !== undefined) this.#told.closed(pipe)
    this.#tunnels.closed(id)
  }

  async #examine(id: number): Promise<void> {
    const tunnel = this.#tunnels.get(id)
    const { edge } = tunnel?.ticket.pipe ?? {}
    const fault = edge && (await this.#o.main.rawPhase.examine(edge, tunnel!.way))
    this.#process.send({ do: 'examined', id, fault: fault && faultToMessage(fault) })
  }

  #ended(fault: Fault): void {
    this.#o.onEnded(fault)
    this.#restarts++
    this.#silentTicks = 0
    this.#isHeard = false
    this.#load = new LoadTold(this.#o.main)
    for (const answer of this.#asked.values()) answer(0)
    this.#tunnels.lost(fault)
    const sessions = this.#told.lost({ reason: 'TUNNEL_LOST', detail: LOST })
    const about = { event: 'worker.lost', worker: this.#o.name, sessions }
    this.#o.main.log.warn(about, `${sessions} sessions ended with worker ${this.#o.name}`)
  }

  #kill(why: string): void {
    const { main, name } = this.#o
    main.log.error(
      { event: 'worker.killed', worker: name, pid: this.#process.pid },
      `Worker ${name} is killed: ${why}`,
    )
    this.#process.kill(why)
  }

  async #resolve(id: number, host: string, by: string | undefined): Promise<void> {
    const { pid } = this.#process
    const found = await this.#find(host, by)
    // The next process counts its questions from the beginning: to it this would be the answer to another one.
    if (this.#process.pid === pid) this.#process.send({ do: 'resolved', id, found })
  }

  async #find(host: string, by: string | undefined): Promise<ResolvedName> {
    const { resolver } = this.#o.main
    try {
      const addresses = await resolver.addresses(host, by)
      return { addresses, keepMs: resolver.keepsMs(host) }
    } catch (error) {
      return { fault: faultToMessage(asFault(error)), keepMs: resolver.keepsMs(host) }
    }
  }
}
