/**
 * Looks each second at what the sessions of every application carry, and says which application takes connections and
 * answers nobody: a connection that stands is not an application that works. At a connector it judges the sessions of
 * everybody, at a client those of its own user.
 *
 * @module
 */
import type { Clock } from '../base/clock.ts'
import type { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { closingHop } from '../mux/closing-hop.ts'
import type { StreamEnd } from '../mux/options.ts'
import type { MuxStream } from '../mux/stream.ts'
import { Exchange, type Moved } from '../policy/exchange.ts'
import { type Silence, Tally } from '../policy/silence.ts'
import type { Unacknowledged } from '../probe/stalls.ts'

const LOOK_MS = 1000
/** Applications that are remembered without a session. */
const MAX_APPLICATIONS = 2000
/** Somebody waits for so long: is what was sent acknowledged at all? */
const ASK_KERNEL_AFTER_MS = 3000
/** Between two such questions about an application: longer each time that nothing is lost. */
const ASK_KERNEL_MS = { first: 3000, last: 60_000 } as const
/** An end that the kernel makes when nobody acknowledges, of a question or of its own probes. */
const NOT_ACKNOWLEDGED = 'ETIMEDOUT'
const MAX_NOTES = 5

interface At {
  readonly host: string
  readonly port: number
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
}

interface Entry<A, S> {
  readonly application: A
  readonly tally: Tally
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
  /** Connections to there in which what is sent is not acknowledged. None: nobody can be asked. */
  readonly unacknowledged?: (address: string, port: number) => Promise<readonly Unacknowledged[]>
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
    const watched = { session, stream, exchange, startedMs: nowMs, began: false, counted: false }
    entry.address = session.address
    entry.sessions.add(watched)
    this.#watched.set(session, [entry, watched])
    this.#timer ??= setInterval(() => this.look(), LOOK_MS).unref()
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
      entry.tally.lost({ session: session.id!, user: session.user, atMs: nowMs, idleMs, saw })
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
      let waitsSinceMs = nowMs
      for (const watched of entry.sessions) {
        this.#look(entry, watched, nowMs)
        const askedMs = watched.exchange.askedMs
        if (askedMs !== undefined) waitsSinceMs = Math.min(waitsSinceMs, askedMs)
        // It says no more, and whoever waits may be gone: nobody tells.
        if (this.#programEnded(watched.stream)) this.#givenUp(entry, watched, nowMs)
      }
      this.#judge(entry, nowMs)
      if (nowMs - waitsSinceMs >= ASK_KERNEL_AFTER_MS && nowMs >= entry.askKernelMs)
        void this.#askKernel(entry)
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

  #look({ tally }: Entry<A, S>, watched: Watched<S>, nowMs: number): void {
    const { exchange, stream } = watched
    const moved = this.#moved(stream)
    const answered = exchange.look(moved, nowMs)
    if (!watched.began && (moved.up > 0 || moved.down > 0)) {
      watched.began = true
      tally.began(stream.peerHeardFirst === (this.#o.side === 'connector'))
    }
    if (answered !== undefined) {
      watched.counted = false
      tally.answered(nowMs, answered)
    } else if (exchange.isOneWay && moved.down === 0) tally.oneWay()
  }

  /** Whoever asked has stopped waiting. */
  #givenUp(entry: Entry<A, S>, watched: Watched<S>, nowMs: number): void {
    const { tally } = entry
    const { exchange, session, startedMs } = watched
    const { up, down } = this.#moved(watched.stream)
    // Of one that greets, whoever connects waits for the greeting.
    const isNeverGreeted = up === 0 && down === 0 && tally.greets
    const askedMs = isNeverGreeted ? startedMs : exchange.askedMs
    if (watched.counted || askedMs === undefined || nowMs - askedMs < tally.patienceMs) return
    watched.counted = true
    const one = { user: session.user, askedMs, endedMs: nowMs, upBytes: up }
    const { stands } = this.#o
    if (stands === undefined) tally.gaveUp(one)
    else {
      const counts = () => {
        tally.gaveUp(one)
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
    const { host, port } = application
    const { onChange, log } = this.#o
    onChange?.(application, fault)
    if (fault === undefined) {
      if (!entry.explained)
        log.info({ event: 'application.answers', host, port }, `${host}:${port} answers again`)
    } else if (before === undefined || before.seen.is !== fault.seen.is) {
      const { code, hop, seen, detail } = fault
      log.warn(
        { event: 'application.silent', code, hop, host, port, seen },
        `Connects, but ${code}: ${detail}`,
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
  async #askKernel(entry: Entry<A, S>): Promise<void> {
    const { unacknowledged } = this.#o
    const { address, application, tally } = entry
    if (unacknowledged === undefined || address === undefined || this.#asking) return
    this.#asking = true
    try {
      const lost = new Map(
        (await unacknowledged(address, application.port)).map((one) => [one.nearPort, one]),
      )
      const nowMs = this.#now()
      for (const { session, exchange } of entry.sessions) {
        const one = session.nearPort === undefined ? undefined : lost.get(session.nearPort)
        if (one === undefined || exchange.askedMs === undefined) continue
        const { idleMs } = exchange
        tally.lost({ session: session.id!, user: session.user, atMs: nowMs, idleMs, saw: one.saw })
      }
      entry.askPauseMs =
        lost.size > 0 ? ASK_KERNEL_MS.first : Math.min(ASK_KERNEL_MS.last, entry.askPauseMs * 2)
      entry.askKernelMs = nowMs + entry.askPauseMs
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

function newEntry<A, S>(application: A): Entry<A, S> {
  const asks = { askKernelMs: 0, askPauseMs: ASK_KERNEL_MS.first }
  return {
    application,
    tally: new Tally(),
    sessions: new Set(),
    address: undefined,
    fault: undefined,
    explained: false,
    ...asks,
  }
}

/** The program ended it, first and by itself: nobody took it away. */
function isGivenUp(end: StreamEnd, side: 'client' | 'connector'): boolean {
  return end.reason === 'CLIENT_RESET' || (end.reason === 'done' && closingHop(end, side) === 'client')
}

function waitedText({ up, down }: Moved, waitedMs: number): string {
  const waited = `no answer in ${Math.round(waitedMs / 1000)} s`
  return down === 0 ? `${up} B asked, ${waited}` : `${waited} to what was asked last; ${down} B came before`
}
