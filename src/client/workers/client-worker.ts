import type net from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import { KeptProcess } from '../../base/kept-process.ts'
import type { Log } from '../../base/log.ts'
import { faultFromMessage, faultToMessage } from '../../link/control/fault-message.ts'
import { cutSocket } from '../../mux/cut-socket.ts'
import type { AgentMessage, ControlMessage, SessionReport } from '../../wire/control.ts'
import type { CameBy } from '../entry/elsewhere.ts'
import type { Answer, EngineOrder, EngineReport, Question } from './engine-messages.ts'
import { type EngineDetails, type EngineFigures, pastOf, sumOfFigures } from './engine-status.ts'
import type { ProcessLoad } from './spill.ts'

export interface ClientWorkerOptions {
  /** Which one it is, from 1. */
  readonly number: number
  /** The file that it runs. */
  readonly entry: string
  readonly clock: Clock
  readonly log: Log
  /** All that it has to know now. */
  readonly start: () => EngineOrder & { do: 'start' }
  /** @throws {Fault} as the control plane answers. */
  readonly askControl: (message: AgentMessage & { id: string }, timeoutMs: number) => Promise<ControlMessage>
  readonly edgeLost: (edge: string, fault: Fault) => boolean | Promise<boolean>
  /** A session of which control was told that it is open, and which ended with the process. */
  readonly sessionLost: (report: SessionReport) => void
  /** It ended unasked. */
  readonly onEnded: (fault: Fault) => void
  readonly metrics: () => string
}

/** One that says nothing for this long has no time for a new session. */
const SILENT_US = 3_000_000
/** For a status that somebody waits for. */
const DETAILS_MS = 500
/** It starts in a third of a second; where it cannot at all, trying costs. */
const RESTART_CAP_MS = 5000

/** One more process of this client that carries sessions: what it is given, what it asks, what is left when it ends. */
export class ClientWorker implements AsyncDisposable {
  readonly #o: ClientWorkerOptions
  readonly #process: KeptProcess<EngineOrder, EngineReport>
  /** Held here too: if the process is killed its sessions end with a reset, and not as if they were complete. */
  readonly #sockets = new Map<number, net.Socket>()
  /** Sessions that control knows to be open. */
  readonly #open = new Map<string, SessionReport>()
  #nextId = 0
  #load: ProcessLoad | undefined
  #heardUs = Number.NEGATIVE_INFINITY
  /** Looks since it was heard: of a time when this process stood still nobody is to blame. */
  #silentLooks = 0
  #figures: EngineFigures | undefined
  /** Of processes before this one. */
  #past = sumOfFigures([])
  #details: PromiseWithResolvers<EngineDetails | undefined> | undefined

  constructor(o: ClientWorkerOptions) {
    this.#o = o
    this.#process = new KeptProcess<EngineOrder, EngineReport>({
      kind: 'worker',
      name: `client worker ${o.number}`,
      hop: 'client',
      entry: o.entry,
      restartCapMs: RESTART_CAP_MS,
      log: o.log,
      first: o.start,
      last: () => ({ do: 'stop' }),
      onNews: (news) => this.#take(news),
      onEnded: (fault) => {
        o.onEnded(fault)
        this.#ended()
      },
    })
    this.#process.start()
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** What it carries; nothing while it cannot take a session. */
  get load(): ProcessLoad | undefined {
    const isSilent = this.#o.clock.monotonicUs() - this.#heardUs > SILENT_US
    // What was given since it last counted counts, too.
    return isSilent
      ? undefined
      : this.#load && { ...this.#load, sessions: Math.max(this.#load.sessions, this.#sockets.size) }
  }

  /** Of this process, and of those before it. */
  get figures(): EngineFigures[] {
    return this.#figures === undefined ? [this.#past] : [this.#past, this.#figures]
  }

  /** @param most One that was silent for more looks than this is ended, and another one started. */
  look(most: number): void {
    const { pid } = this
    if (pid === undefined || ++this.#silentLooks <= most) return
    this.#silentLooks = 0
    const about = { event: 'worker.killed', worker: this.#o.number, pid }
    this.#o.log.error(about, `Client worker ${this.#o.number} does not answer and is killed`)
    this.#process.kill('it has said nothing for long')
  }

  tell(order: EngineOrder): void {
    this.#process.send(order)
  }

  /** @returns false when it does not run now. */
  serve(socket: net.Socket, came: CameBy): boolean {
    const id = this.#nextId++
    const passed =
      came.by === 'forward'
        ? { ...came, startedUs: came.startedUs - this.#o.clock.monotonicUs() } // its clock begins elsewhere
        : came
    if (!this.#process.give({ do: 'serve', id, came: passed }, socket)) return false
    this.#sockets.set(id, socket)
    socket.once('close', () => this.#sockets.delete(id))
    return true
  }

  /** What it says of itself; nothing if it does not answer soon. */
  async details(): Promise<EngineDetails | undefined> {
    if (this.#details === undefined) {
      const asked = Promise.withResolvers<EngineDetails | undefined>()
      this.#details = asked
      const timer = setTimeout(asked.resolve, DETAILS_MS, undefined)
      void asked.promise.then(() => {
        clearTimeout(timer)
        this.#details = undefined
      })
      if (!this.#process.send({ do: 'details' })) asked.resolve(undefined)
    }
    return this.#details.promise
  }

  #take(news: EngineReport): void {
    if (news.is === 'question') void this.#answer(news.id, news.question)
    else if (news.is === 'over') for (const id of news.ids) this.#sockets.get(id)?.destroy()
    else if (news.is === 'details') {
      this.#figures = news.figures
      this.#details?.resolve(news.details)
    } else {
      this.#load = news.load
      this.#figures = news.figures
      this.#heardUs = this.#o.clock.monotonicUs()
      this.#silentLooks = 0
      this.tell({ do: 'metrics', text: this.#o.metrics() })
    }
  }

  async #answer(id: number, question: Question): Promise<void> {
    const { pid } = this
    const answer = await this.#answerTo(question).catch(
      (thrown: unknown): Answer => ({ fault: faultToMessage(asFault(thrown)) }),
    )
    const isSame = this.pid === pid
    if ('message' in answer && question.ask === 'control' && question.message.type === 'session')
      this.#note(question.message.reports, isSame)
    // The next process counts its questions from the beginning: to it this would be the answer to another one.
    if (isSame) this.tell({ do: 'answer', id, answer })
  }

  async #answerTo(question: Question): Promise<Answer> {
    const { askControl, edgeLost } = this.#o
    if (question.ask === 'edge-lost')
      return { is: await edgeLost(question.edge, faultFromMessage(question.fault)) }
    return { message: await askControl(question.message, question.timeoutMs) }
  }

  /** Control has these. @param lives The process that carries them: else it ended while control was being told. */
  #note(reports: readonly SessionReport[], lives: boolean): void {
    for (const report of reports) {
      if (report.state === 'closed') this.#open.delete(report.session)
      else if (lives) this.#open.set(report.session, report)
      else this.#o.sessionLost(report)
    }
  }

  #ended(): void {
    this.#silentLooks = 0
    for (const socket of this.#sockets.values()) cutSocket(socket)
    this.#sockets.clear()
    for (const report of this.#open.values()) this.#o.sessionLost(report)
    this.#open.clear()
    if (this.#figures !== undefined) this.#past = sumOfFigures([this.#past, pastOf(this.#figures)])
    this.#figures = undefined
    this.#load = undefined
    this.#details?.resolve(undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]()
    this.#ended()
  }
}
