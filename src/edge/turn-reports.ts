import type { FaultCode } from '../base/faults.ts'
import { faultFromMessage } from '../link/control/fault-message.ts'
import type { Ticket } from '../pki/ticket.ts'
import type { Peer } from '../pki/verify.ts'
import type { EdgeWorkerReport, ShareAnswer } from '../wire/edge-worker.ts'
import type { HalfMode } from '../wire/handover.ts'
import type { PipeCounts } from './metrics.ts'
import { deviceOf, NO_SHARE, type PipeShare, type PipeShares } from './shares.ts'

type ReportLists = Omit<EdgeWorkerReport, 'ready' | 'drained' | 'pipes' | 'waiting' | 'cpuMs' | 'pipesJoined'>
type ReportItem<Name extends keyof ReportLists> = NonNullable<ReportLists[Name]>[number]

/** What the edge waits for. */
const AT_ONCE: ReadonlySet<keyof ReportLists> = new Set(['taken', 'came', 'wants', 'cut'] as const)
const LATER_MS = 10

/** What a worker tells its edge: of each turn of the event loop one message at most, whatever happens in it. */
export class TurnReports implements PipeCounts, PipeShares {
  readonly #send: (news: EdgeWorkerReport) => void
  readonly #figures: () => Pick<EdgeWorkerReport, 'pipes' | 'waiting'>
  #news: Partial<EdgeWorkerReport> = {}
  #isDue = false
  #timer: NodeJS.Timeout | undefined
  readonly #asked = new Map<number, PromiseWithResolvers<void>>()
  #last = 0

  constructor(
    send: (news: EdgeWorkerReport) => void,
    now: () => Pick<EdgeWorkerReport, 'pipes' | 'waiting'>,
  ) {
    this.#send = send
    this.#figures = now
  }

  /** With whatever else this turn brings. */
  say(news: Pick<EdgeWorkerReport, 'ready' | 'drained' | 'cpuMs'>): void {
    Object.assign(this.#news, news)
    this.#now()
  }

  add<Name extends keyof ReportLists>(name: Name, item: ReportItem<Name>): void {
    const list = (this.#news[name] ?? []) as ReportItem<Name>[]
    list.push(item)
    this.#news[name] = list as ReportLists[Name]
    if (AT_ONCE.has(name)) this.#now()
    else this.#later()
  }

  readonly refused = { add: (code: FaultCode) => this.add('refused', code) }

  halfArrived(mode: HalfMode): void {
    this.add('halves', mode)
  }

  pipeJoined(): void {
    this.#news.pipesJoined = (this.#news.pipesJoined ?? 0) + 1
    this.#later()
  }

  pipeEnded({ bytesAB, bytesBA, reason }: ReportItem<'pipesEnded'>): void {
    this.add('pipesEnded', { bytesAB, bytesBA, reason })
  }

  came({ identity }: Peer): Promise<void> | undefined {
    return identity.role === 'client' ? this.#ask('came', identity.id).granted : undefined
  }

  pipe(ticket: Ticket): PipeShare {
    const device = deviceOf(ticket)
    if (device === undefined) return NO_SHARE
    const { ask, granted } = this.#ask('wants', device)
    return { granted, joined: () => this.add('joined', ask), ended: () => this.add('ended', ask) }
  }

  answered(answers: readonly ShareAnswer[]): void {
    for (const [ask, fault] of answers) {
      const asked = this.#asked.get(ask)
      this.#asked.delete(ask)
      if (fault === undefined) asked?.resolve()
      else asked?.reject(faultFromMessage(fault))
    }
  }

  #ask(name: 'came' | 'wants', device: string): { ask: number; granted: Promise<void> } {
    const ask = ++this.#last
    const answer = Promise.withResolvers<void>()
    answer.promise.catch(() => {}) // whoever waits may be gone
    this.#asked.set(ask, answer)
    this.add(name, [ask, device])
    return { ask, granted: answer.promise }
  }

  #now(): void {
    if (this.#isDue) return
    this.#isDue = true
    setImmediate(() => this.#flush())
  }

  /** Nobody waits for it: a message costs the edge as much as what is in it. */
  #later(): void {
    this.#timer ??= setTimeout(() => this.#flush(), LATER_MS)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#isDue = false
    const news = this.#news
    this.#news = {}
    this.#send({ ...news, ...this.#figures() })
  }
}
