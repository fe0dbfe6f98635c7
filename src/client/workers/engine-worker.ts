/**
 * One more process of a client that carries sessions: an engine whose control connection is the client's.
 *
 * @module
 */
import type net from 'node:net'
import { type Clock, systemClock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { faultFromMessage, faultToMessage } from '../../link/control/fault-message.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { AgentMessage, ControlMessage } from '../../wire/control.ts'
import type { CameBy } from '../entry/elsewhere.ts'
import { ForwardedElsewhere } from '../entry/forward-listener.ts'
import { LocalProxy } from '../entry/local-proxy.ts'
import { LocalUsers } from '../entry/local-users.ts'
import type { Covered } from '../entry/pac.ts'
import type { EdgeWay } from '../session/bring-tunnel.ts'
import type { PermitLink } from '../session/permits.ts'
import type { Answer, EngineOrder, EngineReport, Question, ToldUplink } from './engine-messages.ts'
import { detailsOf, figuresOf } from './engine-status.ts'
import { LoadMeter } from './load-meter.ts'
import { type EngineUplink, type EngineWelcome, SessionEngine } from './session-engine.ts'

const LOAD_MS = 250
const TICK_MS = 2000

export class EngineWorker implements AsyncDisposable {
  readonly #tell: (news: EngineReport) => void
  readonly #clock: Clock = systemClock
  readonly #engine: SessionEngine
  readonly #uplink: ToldUplinkOf
  readonly #meter: LoadMeter
  readonly #forwards: ForwardedElsewhere
  readonly #proxy: LocalProxy
  readonly #timers: readonly NodeJS.Timeout[]
  readonly #over: number[] = []
  #covered: Covered
  #metrics = ''

  static async open(
    order: EngineOrder & { do: 'start' },
    { tell, log }: { tell: (news: EngineReport) => void; log: Log },
  ): Promise<EngineWorker> {
    const uplink = new ToldUplinkOf(order.uplink, tell)
    const { run, tunnelsPerConnector, egress, records, welcome } = order
    const engine = new SessionEngine({ log, clock: systemClock, tunnelsPerConnector, uplink, run })
    engine.egress = egress
    await engine.reports.keepIn(records, 'client')
    let worker: EngineWorker | undefined
    const proxy = await LocalProxy.open({
      places: [],
      opener: engine.opener,
      users: new LocalUsers({ everyone: true }), // who comes in was asked where it came in
      log,
      covered: () => worker!.#covered,
      metrics: () => worker!.#metrics,
    })
    worker = new EngineWorker(engine, { uplink, proxy, tell, covered: order.covered })
    if (welcome !== undefined) worker.#up(welcome)
    worker.#tellLoad()
    return worker
  }

  private constructor(
    engine: SessionEngine,
    o: { uplink: ToldUplinkOf; proxy: LocalProxy; tell: (news: EngineReport) => void; covered: Covered },
  ) {
    this.#engine = engine
    this.#uplink = o.uplink
    this.#proxy = o.proxy
    this.#tell = o.tell
    this.#covered = o.covered
    this.#meter = new LoadMeter(engine, this.#clock)
    this.#forwards = new ForwardedElsewhere(engine.opener)
    this.#timers = [
      setInterval(() => this.#tellLoad(), LOAD_MS),
      setInterval(() => this.#uplink.isUp && engine.tick(), TICK_MS),
    ]
  }

  take(order: Exclude<EngineOrder, { do: 'start' | 'stop' }>, socket: net.Socket | undefined): void {
    const { do: what } = order
    if (what === 'serve') {
      if (socket !== undefined) this.#serve(socket, order.id, order.came)
    } else if (what === 'answer') this.#uplink.answered(order.id, order.answer)
    else if (what === 'uplink') this.#follow(order.uplink)
    else if (what === 'welcome') {
      this.#covered = order.covered
      this.#up(order.welcome)
    } else if (what === 'message') this.#engine.message(order.message)
    else if (what === 'renewed') this.#engine.renewed()
    else if (what === 'draining') this.#engine.draining(order.edge)
    else if (what === 'details') {
      const figures = figuresOf(this.#engine)
      this.#tell({ is: 'details', details: detailsOf(this.#engine, this.#clock), figures })
    } else this.#metrics = order.text
  }

  #up(welcome: EngineWelcome): void {
    this.#engine.up(welcome)
    if (this.#uplink.isUp) this.#resume()
  }

  #follow(told: ToldUplink): void {
    const { isUp: wasUp, told: before } = this.#uplink
    // One object for each certificate: what is made of it is kept by it.
    const isSame = before.credentials?.certificate === told.credentials?.certificate
    this.#uplink.told = isSame ? { ...told, credentials: before.credentials } : told
    if (told.isUp && !wasUp) this.#resume()
    if (!told.isUp && wasUp) this.#engine.reports.pause()
  }

  #resume(): void {
    this.#engine.reports.resume((message, timeoutMs) => this.#uplink.request(message, timeoutMs))
  }

  #serve(socket: net.Socket, id: number, came: CameBy): void {
    socket.allowHalfOpen = true // as the listener that accepted it says
    socket.once('close', () => {
      if (this.#over.push(id) === 1) setImmediate(() => this.#tell({ is: 'over', ids: this.#over.splice(0) }))
    })
    if (came.by === 'local-proxy') this.#proxy.serve(socket)
    else this.#forwards.serve(socket, came.to, this.#clock.monotonicUs() + came.startedUs)
  }

  #tellLoad(): void {
    this.#tell({ is: 'load', load: this.#meter.load, figures: figuresOf(this.#engine) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#engine.opener.stop()
    this.#forwards[Symbol.dispose]()
    await this.#proxy[Symbol.asyncDispose]()
    await this.#engine[Symbol.asyncDispose]()
    this.#tellLoad()
  }
}

/** The control connection of the client, asked through the channel to it. */
class ToldUplinkOf implements EngineUplink, PermitLink {
  told: ToldUplink
  readonly way: EdgeWay = {
    reroute: (pipe) => pipe, // done where the ticket came in
    pipeLost: async (edge, fault) => {
      const answer = await this.#ask({ ask: 'edge-lost', edge, fault: faultToMessage(fault) })
      return 'is' in answer && answer.is
    },
  }
  readonly #tell: (news: EngineReport) => void
  readonly #asked = new Map<number, (answer: Answer) => void>()
  #nextId = 0

  constructor(told: ToldUplink, tell: (news: EngineReport) => void) {
    this.told = told
    this.#tell = tell
  }

  get isUp(): boolean {
    return this.told.isUp
  }

  get skewMs(): number {
    return this.told.skewMs
  }

  get user(): string | undefined {
    return this.told.user
  }

  credentials(): Credentials {
    const { credentials, refusal } = this.told
    if (credentials !== undefined) return credentials
    throw refusal === undefined ? new Fault('REAUTH_NEEDED', 'not signed in') : faultFromMessage(refusal)
  }

  async control(): Promise<PermitLink> {
    return this
  }

  async request(message: AgentMessage & { id: string }, timeoutMs: number): Promise<ControlMessage> {
    const answer = await this.#ask({ ask: 'control', message, timeoutMs })
    if ('fault' in answer) throw faultFromMessage(answer.fault)
    if ('message' in answer) return answer.message
    throw new Fault('INTERNAL', 'the client answered another question', { hop: 'client' })
  }

  answered(id: number, answer: Answer): void {
    this.#asked.get(id)?.(answer)
    this.#asked.delete(id)
  }

  #ask(question: Question): Promise<Answer> {
    const id = this.#nextId++
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#asked.set(id, resolve)
    this.#tell({ is: 'question', id, question })
    return promise
  }
}
