/**
 * Looks each second at what the sessions of every application carry, and says which application takes connections and
 * answers nobody: a connection that stands is not an application that works. At a connector it judges the sessions of
 * everybody, at a client those of its own user. Of datagrams: only flows to which no answer came at all, where answers are
 * the rule.
 *
 * @module
 */
import type { Clock } from '../base/clock.ts'
import type { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { closingHop } from '../mux/closing-hop.ts'
import type { StreamEnd } from '../mux/options.ts'
import type { MuxStream } from '../mux/stream.ts'
import { AnswerRule } from '../policy/answer-rule.ts'
import { Exchange, type Moved } from '../policy/exchange.ts'
import { Flow } from '../policy/flow.ts'
import { type GivenUp, type Silence, Tally } from '../policy/silence.ts'
import type { Lossy } from '../probe/stalls.ts'
import { type StillSessions, stillSessions } from './still-sessions.ts'

const LOOK_MS = 1000
/** Applications that are remembered without a session. */
const MAX_APPLICATIONS = 2000
/**
 * Somebody waits for so long: is what was sent acknowledged at all? Or nothing has come for so long after something did:
 * is that all, or is the rest lost? What has ended looks the same from here; the kernel alone knows of a gap.
 */
const ASK_KERNEL_AFTER_MS = 3000
/** Between two such questions about an application: longer each time that nothing is lost. */
const ASK_KERNEL_MS = { first: 3000, last: 60_000 } as const
/** Between two questions about what has stopped, of all applications together: most of it is idle and no more. */
const STOPPED_PAUSE_MS = 2000
/** An end that the kernel makes when nobody acknowledges, of a question or of its own probes. */
const NOT_ACKNOWLEDGED = 'ETIMEDOUT'
const MAX_NOTES = 5

interface At {
  readonly host: string
  readonly port: number
  readonly protocol?: 'tcp' | 'udp'
}

/** One connection of a user to an application. */
export interface WatchedSession {
  readonly id: string | undefined
  readonly user: string
  /** Where it leads to. */
  readonly address: string | undefined
  /** TCP: of a socket of this process towards the application. */
  readonly nearPort?: number | undefined
}

/** Of what is said of an application: where it is, and what day a monotonic time was. */
export interface SilenceOf<A> {
  readonly application: A
  /** Where its sessions connect to. */
  readonly address: string | undefined
  /** Of a monotonic time, in milliseconds. */
  readonly wallMs: (monotonicMs: number) => number
}

interface Watched<S> {
  readonly session: S
  readonly stream: MuxStream
  readonly exchange: Exchange
  readonly startedMs: number
  /** It has said of which kind it is. */
  began: boolean
  /** It counts among those that gave up. */
  counted: boolean
  /** The kernel was asked about the pause that began then. */
  askedAboutMs: number
  /** Of datagrams; then there is no exchange. */
  readonly flow: Flow | undefined
}

interface Entry<A, S> {
  readonly application: A
  readonly tally: Tally
  /** It takes datagrams. */
  readonly rule: AnswerRule | undefined
  readonly sessions: Set<Watched<S>>
  address: string | undefined
  fault: Fault | undefined
  /** By something else that is known of the way to it. */
  explained: boolean
  askKernelMs: number
  askPauseMs: number
}

export interface SilenceWatchOptions<A, S extends WatchedSession = WatchedSession> {
  /** At which end of its streams this is. */
  readonly side: 'client' | 'connector'
  readonly clock: Clock
  readonly log: Log
  readonly keyOf: (application: A) => string
  readonly faultOf: (silence: Silence, of: SilenceOf<A>) => Fault
  /** Resolves when the way to the other end of its stream is known to stand, now; rejects where it does not. */
  readonly stands?: (session: S) => Promise<unknown>
  /** It is silent, or is not any more. */
  readonly onChange?: (application: A, fault: Fault | undefined) => void
  /** It fell silent: somebody may look why. */
  readonly onSilent?: (application: A) => void
  /** Connections to there that lose what is under way, as the kernel knows it. None: nobody can be asked. */
  readonly lossy?: (address: string, port: number) => Promise<readonly Lossy[]>
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

export class SilenceWatch<A extends At, S extends WatchedSession = WatchedSession> implements Disposable {
  readonly #o: SilenceWatchOptions<A, S>
  readonly #now: () => number
  readonly #entries = new Map<string, Entry<A, S>>()
  readonly #watched = new WeakMap<S, readonly [Entry<A, S>, Watched<S>]>()
  #timer: NodeJS.Timeout | undefined
  #asking = false
  /** When it may be asked again about what has stopped, of whichever application. */
  #stoppedMs = 0
  #over = false

  constructor(o: SilenceWatchOptions<A, S>) {
    this.#o = o
    this.#now = o.now ?? (() => performance.now())
  }

  /** Of the applications that are silent: the first few. */
  get notes(): Fault[] {
    return [...this.#entries.values()].flatMap(({ fault }) => fault ?? []).slice(0, MAX_NOTES)
  }

  get silent(): number {
    return [...this.#entries.values()].filter(({ fault }) => fault !== undefined).length
  }

  /** Where most sessions stand still, first. */
  get still(): StillSessions[] {
    return stillSessions(this.#entries.values(), this.#now())
  }

  /** That this one is silent, or that those who asked it until now have waited in vain, were it but one. */
  soFar(application: A): Fault | undefined {
    const entry = this.#entries.get(this.#o.keyOf(application))
    if (entry === undefined || entry.explained) return undefined
    const nowMs = this.#now()
    const silence = entry.tally.soFar(nowMs)
    return silence && this.#faultOf(entry, silence, nowMs)
  }

  /** A session stands. */
  opened(application: A, session: S, stream: MuxStream): void {
    if (this.#over) return
    const key = this.#o.keyOf(application)
    const entry = this.#entries.get(key) ?? newEntry(application)
    this.#entries.delete(key) // Set anew it comes last: the first are those that were not used for longest.
    this.#entries.set(key, entry)
    if (this.#entries.size > MAX_APPLICATIONS) this.#forgetOldest()
    const nowMs = this.#now()
    const exchange = new Exchange(nowMs)
    const watched = {
      session,
      stream,
      exchange,
      startedMs: nowMs,
      began: false,
      counted: false,
      askedAboutMs: -1,
      flow: entry.rule && new Flow(entry.tally, entry.rule, session.user),
    }
    entry.address = session.address
    entry.sessions.add(watched)
    this.#watched.set(session, [entry, watched])
    this.#timer ??= setInterval(() => this.look(), LOOK_MS).unref()
  }

  /** Of a session that carries datagrams: one came from the application. */
  answered(session: S): void {
    const found = this.#watched.get(session)
    if (found === undefined || this.#over) return
    const [entry, { flow }] = found
    const nowMs = this.#now()
    flow?.answered(nowMs)
    this.#judge(entry, nowMs)
  }

  /** @returns What the record of the session says of its end: how long an answer was waited for. */
  ended(session: S, end: StreamEnd): string | undefined {
    const found = this.#watched.get(session)
    if (found === undefined || this.#over) return undefined
    const [entry, watched] = found
    this.#watched.delete(session)
    entry.sessions.delete(watched)
    const nowMs = this.#now()
    this.#look(entry, watched, nowMs)
    const { exchange } = watched
    const askedMs = exchange.askedMs
    if (end.reason === 'APP_RESET' && end.detail === NOT_ACKNOWLEDGED) {
      const idleMs = askedMs === undefined ? nowMs - exchange.movedMs : exchange.idleMs
      const saw = `${session.address}: ${NOT_ACKNOWLEDGED}, what was sent was never acknowledged`
      entry.tally.lost({ is: 'lost', session: session.id!, user: session.user, atMs: nowMs, idleMs, saw })
    } else if (isGivenUp(end, this.#o.side)) this.#givenUp(entry, watched, nowMs)
    this.#judge(entry, nowMs)
    return askedMs === undefined || nowMs - askedMs < LOOK_MS
      ? undefined
      : waitedText(this.#moved(watched.stream), nowMs - askedMs)
  }

  /** Why its sessions are not answered is known, or is no more: either way what was counted until here says nothing. */
  explained(application: A, explained: boolean): void {
    const entry = this.#entries.get(this.#o.keyOf(application))
    if (entry === undefined || entry.explained === explained) return
    entry.explained = explained
    entry.tally.disregard()
    this.#judge(entry, this.#now())
  }

  /** Once a second; never throws. */
  look(): void {
    const nowMs = this.#now()
    let isNeeded = false
    for (const entry of this.#entries.values()) {
      const wish = { waits: false, stopped: false }
      for (const watched of entry.sessions) {
        this.#look(entry, watched, nowMs)
        wish.waits ||= waitsLong(watched, nowMs)
        wish.stopped ||= hasStopped(watched, nowMs)
        // It says no more, and whoever waits may be gone: nobody tells.
        if (this.#programEnded(watched.stream)) this.#givenUp(entry, watched, nowMs)
      }
      this.#judge(entry, nowMs)
      if (wish.waits && nowMs >= entry.askKernelMs) void this.#askKernel(entry, 'waits')
      else if (wish.stopped && nowMs >= this.#stoppedMs) void this.#askKernel(entry, 'stopped')
      isNeeded ||= entry.sessions.size > 0 || entry.fault !== undefined
    }
    if (isNeeded) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #moved(stream: MuxStream): Moved {
    const { bytesIn, bytesOut, peerSpokeLast } = stream
    return this.#o.side === 'connector'
      ? { up: bytesIn, down: bytesOut, awaits: peerSpokeLast }
      : { up: bytesOut, down: bytesIn, awaits: bytesOut > 0 && !peerSpokeLast }
  }

  #programEnded({ peerEnded, localEnded }: MuxStream): boolean {
    return this.#o.side === 'connector' ? peerEnded : localEnded
  }

  #look(entry: Entry<A, S>, watched: Watched<S>, nowMs: number): void {
    const { tally } = entry
    const { exchange, session, stream, flow } = watched
    const moved = this.#moved(stream)
    if (flow !== undefined) {
      const inVain = flow.look(moved, nowMs)
      if (inVain !== undefined) this.#count(entry, session, inVain)
      return
    }
    const answered = exchange.look(moved, nowMs)
    if (!watched.began && (moved.up > 0 || moved.down > 0)) {
      watched.began = true
      tally.began(stream.peerHeardFirst === (this.#o.side === 'connector'))
    }
    if (answered !== undefined) {
      watched.counted = false
      tally.filled(session.id)
      tally.answered(nowMs, answered)
    } else if (exchange.isOneWay && moved.down === 0) tally.oneWay()
  }

  /** Whoever asked has stopped waiting. */
  #givenUp(entry: Entry<A, S>, watched: Watched<S>, nowMs: number): void {
    const { tally } = entry
    if (watched.flow !== undefined) return
    const { exchange, session, startedMs } = watched
    const { up, down } = this.#moved(watched.stream)
    // Of one that greets, whoever connects waits for the greeting.
    const isNeverGreeted = up === 0 && down === 0 && tally.greets
    const askedMs = isNeverGreeted ? startedMs : exchange.askedMs
    if (watched.counted || askedMs === undefined || nowMs - askedMs < tally.patienceMs) return
    watched.counted = true
    this.#count(entry, session, { user: session.user, askedMs, endedMs: nowMs, upBytes: up })
  }

  #count(entry: Entry<A, S>, session: S, one: GivenUp): void {
    const { stands } = this.#o
    if (stands === undefined) entry.tally.gaveUp(one)
    else {
      const counts = () => {
        entry.tally.gaveUp(one)
        if (!this.#over) this.#judge(entry, this.#now())
      }
      stands(session).then(counts, () => {}) // without a way nobody could be answered
    }
  }

  #judge(entry: Entry<A, S>, nowMs: number): void {
    const silence = entry.explained ? undefined : entry.tally.silence(nowMs)
    const before = entry.fault
    if (silence === undefined && before === undefined) return
    const fault = silence && this.#faultOf(entry, silence, nowMs)
    entry.fault = fault
    if (fault?.detail === before?.detail) return
    const { application } = entry
    const { host, port, protocol } = application
    const { onChange, log } = this.#o
    onChange?.(application, fault)
    if (fault === undefined) {
      if (!entry.explained)
        log.info({ event: 'application.answers', host, port, protocol }, `${host}:${port} answers again`)
    } else if (before === undefined || before.seen.is !== fault.seen.is) {
      const { code, hop, seen, detail } = fault
      log.warn(
        { event: 'application.silent', code, hop, host, port, protocol, seen },
        `${entry.rule === undefined ? 'Connects, but ' : ''}${code}: ${detail}`,
      )
    }
    if (fault !== undefined && before === undefined) this.#o.onSilent?.(application)
  }

  #faultOf({ application, address }: Entry<A, S>, silence: Silence, nowMs: number): Fault {
    const { clock, faultOf } = this.#o
    const wallMs = (monotonicMs: number) => clock.nowMs() - (nowMs - monotonicMs)
    return faultOf(silence, { application, address, wallMs })
  }

  /** One question at a time: it starts a program. */
  async #askKernel(entry: Entry<A, S>, why: 'waits' | 'stopped'): Promise<void> {
    const { lossy } = this.#o
    const { address, application, tally } = entry
    if (lossy === undefined || address === undefined || this.#asking) return
    this.#asking = true
    try {
      const lost = new Map((await lossy(address, application.port)).map((one) => [one.nearPort, one]))
      const nowMs = this.#now()
      for (const watched of entry.sessions) {
        const { session, exchange } = watched
        if (nowMs - exchange.movedMs >= ASK_KERNEL_AFTER_MS) watched.askedAboutMs = exchange.movedMs
        const one = session.nearPort === undefined ? undefined : lost.get(session.nearPort)
        if (one === undefined) continue
        const { saw } = one
        const common = { session: session.id!, user: session.user, saw }
        if (one.is === 'gap')
          tally.lost({ ...common, is: 'gap', atMs: nowMs, sinceMs: exchange.movedMs, idleMs: 0 })
        else if (exchange.askedMs !== undefined)
          tally.lost({ ...common, is: 'lost', atMs: nowMs, idleMs: exchange.idleMs })
      }
      if (why === 'stopped') this.#stoppedMs = nowMs + STOPPED_PAUSE_MS
      else
        entry.askPauseMs =
          lost.size > 0 ? ASK_KERNEL_MS.first : Math.min(ASK_KERNEL_MS.last, entry.askPauseMs * 2)
      if (why === 'waits') entry.askKernelMs = nowMs + entry.askPauseMs
      this.#judge(entry, nowMs)
    } finally {
      this.#asking = false
    }
  }

  #forgetOldest(): void {
    for (const [key, { sessions, fault }] of this.#entries) {
      if (sessions.size > 0 || fault !== undefined) continue
      this.#entries.delete(key)
      return
    }
  }

  [Symbol.dispose](): void {
    this.#over = true
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#entries.clear()
  }
}

function newEntry<A extends At, S>(application: A): Entry<A, S> {
  const asks = { askKernelMs: 0, askPauseMs: ASK_KERNEL_MS.first }
  return {
    application,
    tally: new Tally(),
    rule: application.protocol === 'udp' ? new AnswerRule() : undefined,
    sessions: new Set(),
    address: undefined,
    fault: undefined,
    explained: false,
    ...asks,
  }
}

function waitsLong<S>({ exchange: { askedMs } }: Watched<S>, nowMs: number): boolean {
  return askedMs !== undefined && nowMs - askedMs >= ASK_KERNEL_AFTER_MS
}

/** What had begun to come has stopped, and nobody was asked about that yet. */
function hasStopped<S>({ exchange, askedAboutMs }: Watched<S>, nowMs: number): boolean {
  const { movedMs, isQuiet } = exchange
  return isQuiet && askedAboutMs < movedMs && nowMs - movedMs >= ASK_KERNEL_AFTER_MS
}

/** The program ended it, first and by itself: nobody took it away. */
function isGivenUp(end: StreamEnd, side: 'client' | 'connector'): boolean {
  return end.reason === 'CLIENT_RESET' || (end.reason === 'done' && closingHop(end, side) === 'client')
}

function waitedText({ up, down }: Moved, waitedMs: number): string {
  const waited = `no answer in ${Math.round(waitedMs / 1000)} s`
  return down === 0 ? `${up} B asked, ${waited}` : `${waited} to what was asked last; ${down} B came before`
}
