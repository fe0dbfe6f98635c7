/**
 * Looks each second at what the sessions of every application carry, and counts those that ask an application which takes
 * connections and answers nobody: a connection that stands is not an application that works. At a connector it judges the
 * sessions of everybody, at a client those of its own user. Of datagrams: only flows to which no answer came at all, where
 * answers are the rule.
 *
 * @module
 */
import type { Fault } from '../../base/faults.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import { AnswerRule } from '../../policy/answer-rule.ts'
import { answersAsARule } from '../../policy/answering-ports.ts'
import { Flow } from '../../policy/flow.ts'
import type { WaitingSession } from '../../policy/long-waits.ts'
import { type GivenUp, Tally } from '../../policy/silence.ts'
import type { Lossy } from '../../probe/stalls.ts'
import { type KernelQueried, KernelQueries } from './kernel-queries.ts'
import { SessionWaits } from './session-waits.ts'
import { type At, SilenceReports, type SilenceReportsOptions } from './silence-reports.ts'
import { type StillSessions, stillSessions, waitingSessions } from './still-sessions.ts'
import {
  isGivenUp,
  movedIn,
  programEnded,
  type Side,
  type Watched,
  type WatchedSession,
  type WatchedStream,
  waitedText,
  watch,
} from './watched-session.ts'

const LOOK_MS = 1000
/** Applications that are remembered without a session. */
const MAX_APPLICATIONS = 2000
/** An end that the kernel makes when nobody acknowledges, of a question or of its own probes. */
const NOT_ACKNOWLEDGED = 'ETIMEDOUT'
const MAX_NOTES = 5

interface SilenceEntry<A extends At, S> extends KernelQueried<S> {
  readonly application: A
  readonly told: SilenceReports<A>
  /** It takes datagrams. */
  readonly rule: AnswerRule | undefined
  readonly sessions: Set<Watched<S>>
  /** As of the last look. */
  waiting: readonly WaitingSession[]
  /** By something else that is known of the way to it. */
  explained: boolean
}

export interface SilenceWatchOptions<A, S extends WatchedSession = WatchedSession>
  extends SilenceReportsOptions<A> {
  readonly side: Side
  readonly keyOf: (application: A) => string
  /** Resolves when the way to the other end of its stream is known to stand, now; rejects where it does not. */
  readonly stands?: (session: S) => Promise<unknown>
  /** Whoever uses this session has waited for its first byte for long. Once. */
  readonly onWaits?: (application: A, session: S, fault: Fault) => void
  /** Connections to there that lose what is under way, as the kernel knows it. None: nobody can be asked. */
  readonly lossy?: (address: string, port: number) => Promise<readonly Lossy[]>
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

export class SilenceWatch<A extends At, S extends WatchedSession = WatchedSession> implements Disposable {
  readonly #o: SilenceWatchOptions<A, S>
  readonly #now: () => number
  readonly #entries = new Map<string, SilenceEntry<A, S>>()
  readonly #watched = new WeakMap<S, readonly [SilenceEntry<A, S>, Watched<S>]>()
  readonly #kernel: KernelQueries | undefined
  readonly #waits: SessionWaits<S>
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(o: SilenceWatchOptions<A, S>) {
    this.#o = o
    this.#now = o.now ?? (() => performance.now())
    this.#waits = new SessionWaits(o)
    this.#kernel = o.lossy && new KernelQueries(o.lossy, this.#now)
  }

  /** Of the applications that are silent, now: the first few. */
  get notes(): Fault[] {
    if (this.silent > 0) this.look() // whoever was answered a moment ago ended it
    return this.#faults.slice(0, MAX_NOTES)
  }

  get silent(): number {
    return this.#faults.length
  }

  get #faults(): Fault[] {
    return [...this.#entries.values()].flatMap(({ told }) => told.fault ?? [])
  }

  /** Where most sessions stand still, first. */
  get still(): StillSessions[] {
    return stillSessions(this.#entries.values(), this.#now())
  }

  /** Where sessions have waited for their first byte for long. */
  get waiting(): StillSessions[] {
    const nowMs = this.#now()
    const long = [...this.#entries.values()].map(({ application, tally, waiting }) => {
      return { application, waiting: tally.waitLong(nowMs, waiting) }
    })
    return waitingSessions(long, nowMs)
  }

  /** That this one is silent, or that those who asked it until now have waited in vain, were it but one. */
  soFar(application: A): Fault | undefined {
    const entry = this.#entries.get(this.#o.keyOf(application))
    if (entry === undefined || entry.explained) return undefined
    const nowMs = this.#now()
    const silence = entry.tally.soFar(nowMs, entry.waiting)
    return silence && entry.told.faultOf(silence, { nowMs, address: entry.address })
  }

  /** A session stands. */
  opened(application: A, session: S, stream: WatchedStream): void {
    if (this.#over) return
    const key = this.#o.keyOf(application)
    const entry = this.#entries.get(key) ?? this.#newEntry(application)
    this.#entries.delete(key) // Set anew it comes last: the first are those that were not used for longest.
    this.#entries.set(key, entry)
    if (this.#entries.size > MAX_APPLICATIONS) this.#forgetOldest()
    const flow = entry.rule && new Flow(entry.tally, entry.rule, session.user)
    const watched = watch(session, stream, { nowMs: this.#now(), flow })
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
      const saw = `${session.address}: ${NOT_ACKNOWLEDGED}, the data sent was never acknowledged`
      entry.tally.lost({ is: 'lost', session: session.id!, user: session.user, atMs: nowMs, idleMs, saw })
    } else if (isGivenUp(end, this.#o.side)) this.#givenUp(entry, watched, nowMs)
    if (watched.waits !== 'no') entry.waiting = this.#waits.of(entry.sessions)
    this.#judge(entry, nowMs)
    return askedMs === undefined || nowMs - askedMs < LOOK_MS
      ? undefined
      : waitedText(movedIn(watched.stream, this.#o.side), nowMs - askedMs)
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
    const { side } = this.#o
    let isNeeded = false
    for (const entry of this.#entries.values()) {
      for (const watched of entry.sessions) {
        this.#look(entry, watched, nowMs)
        // It says no more, and whoever waits may be gone: nobody tells.
        if (programEnded(watched.stream, side)) this.#givenUp(entry, watched, nowMs)
        this.#waits.look(watched, nowMs, entry.tally.patienceMs)
      }
      entry.waiting = this.#waits.of(entry.sessions)
      this.#judge(entry, nowMs)
      this.#tellWaits(entry, nowMs)
      void this.#kernel?.ask(entry)?.then(() => this.#judge(entry, this.#now()))
      isNeeded ||= entry.sessions.size > 0 || entry.told.fault !== undefined
    }
    if (isNeeded) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(entry: SilenceEntry<A, S>, watched: Watched<S>, nowMs: number): void {
    const { tally } = entry
    const { exchange, session, stream, flow } = watched
    const moved = movedIn(stream, this.#o.side)
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

  #tellWaits(entry: SilenceEntry<A, S>, nowMs: number): void {
    const { onWaits } = this.#o
    const long = entry.explained ? [] : entry.tally.waitLong(nowMs, entry.waiting)
    entry.told.tellWaits(long.length, nowMs - (long[0]?.askedMs ?? nowMs))
    if (onWaits === undefined || long.length === 0) return
    for (const session of this.#waits.untold(entry.sessions, long)) {
      const fault = this.soFar(entry.application)
      if (fault !== undefined) onWaits(entry.application, session, fault)
    }
  }

  /** Whoever asked has stopped waiting. */
  #givenUp(entry: SilenceEntry<A, S>, watched: Watched<S>, nowMs: number): void {
    const { tally } = entry
    if (watched.flow !== undefined) return
    const { exchange, session, startedMs } = watched
    const { up, down } = movedIn(watched.stream, this.#o.side)
    // Of one that greets, whoever connects waits for the greeting.
    const isNeverGreeted = up === 0 && down === 0 && tally.greets
    const askedMs = isNeverGreeted ? startedMs : exchange.askedMs
    if (watched.counted || askedMs === undefined || nowMs - askedMs < tally.patienceMs) return
    watched.counted = true
    const one = { user: session.user, askedMs, endedMs: nowMs, upBytes: up, isUnheard: down === 0 }
    this.#count(entry, session, one)
  }

  #count(entry: SilenceEntry<A, S>, session: S, one: GivenUp): void {
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

  #judge({ tally, waiting, explained, told, address }: SilenceEntry<A, S>, nowMs: number): void {
    const silence = explained ? undefined : tally.silence(nowMs, waiting)
    told.tell(silence, { nowMs, address, answeredMs: tally.answeredMs, explained })
  }

  #newEntry(application: A): SilenceEntry<A, S> {
    const isUdp = application.protocol === 'udp'
    return {
      ...{ application, port: application.port, address: undefined, sessions: new Set() },
      tally: new Tally(!isUdp && answersAsARule(application.port)),
      told: new SilenceReports(application, this.#o),
      rule: isUdp ? new AnswerRule() : undefined,
      ...{ waiting: [], explained: false, asks: undefined },
    }
  }

  #forgetOldest(): void {
    for (const [key, { sessions, told }] of this.#entries) {
      if (sessions.size > 0 || told.fault !== undefined) continue
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
