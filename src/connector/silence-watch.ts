/**
 * Looks each second at what the sessions of every application carry, and says which application takes connections and
 * answers nobody: a connection that stands is not an application that works.
 *
 * @module
 */
import type { Clock } from '../base/clock.ts'
import type { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { closingHop } from '../mux/closing-hop.ts'
import type { StreamEnd } from '../mux/options.ts'
import { Exchange } from '../policy/exchange.ts'
import { type Silence, Tally } from '../policy/silence.ts'
import type { Unacknowledged } from '../probe/stalls.ts'
import { type Application, keyOf, type Reach } from './reach.ts'
import type { Session } from './session.ts'
import { silenceFault } from './silence-fault.ts'

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

interface Watched {
  readonly session: Session
  readonly exchange: Exchange
  readonly startedMs: number
  /** It has said of which kind it is. */
  began: boolean
  /** It counts among those that gave up. */
  counted: boolean
}

interface Entry {
  readonly application: Application
  readonly tally: Tally
  readonly sessions: Set<Watched>
  address: string | undefined
  fault: Fault | undefined
  /** By something else that is known of the way to it. */
  explained: boolean
  askKernelMs: number
  askPauseMs: number
}

export interface SilenceWatchOptions {
  readonly clock: Clock
  readonly log: Log
  readonly reach: Pick<Reach, 'silent'>
  /** It fell silent: somebody may look why. */
  readonly onSilent?: (application: Application) => void
  /** Connections to there in which what is sent is not acknowledged. None: nobody can be asked. */
  readonly unacknowledged?: (address: string, port: number) => Promise<readonly Unacknowledged[]>
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

export class SilenceWatch implements Disposable {
  readonly #o: SilenceWatchOptions
  readonly #now: () => number
  readonly #entries = new Map<string, Entry>()
  readonly #watched = new WeakMap<Session, readonly [Entry, Watched]>()
  #timer: NodeJS.Timeout | undefined
  #asking = false

  constructor(o: SilenceWatchOptions) {
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
  opened(application: Application, session: Session): void {
    const key = keyOf(application)
    const entry = this.#entries.get(key) ?? newEntry(application)
    this.#entries.delete(key) // Set anew it comes last: the first are those that were not used for longest.
    this.#entries.set(key, entry)
    if (this.#entries.size > MAX_APPLICATIONS) this.#forgetOldest()
    const nowMs = this.#now()
    const watched = { session, exchange: new Exchange(nowMs), startedMs: nowMs, began: false, counted: false }
    entry.address = session.address
    entry.sessions.add(watched)
    this.#watched.set(session, [entry, watched])
    this.#timer ??= setInterval(() => this.look(), LOOK_MS).unref()
  }

  /** @returns What the record of the session says of its end: how long an answer was waited for. */
  ended(session: Session, end: StreamEnd): string | undefined {
    const found = this.#watched.get(session)
    if (found === undefined) return undefined
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
      entry.tally.lost({ session: session.id, user: userOf(session), atMs: nowMs, idleMs, saw })
    } else if (isGivenUp(end)) this.#givenUp(entry, watched, nowMs)
    this.#judge(entry, nowMs)
    return askedMs === undefined || nowMs - askedMs < LOOK_MS
      ? undefined
      : waitedText(session, nowMs - askedMs)
  }

  /** Why its sessions are not answered is known, or is no more: either way what was counted until here says nothing. */
  explained(application: Application, explained: boolean): void {
    const entry = this.#entries.get(keyOf(application))
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
        if (watched.session.stream.peerEnded) this.#givenUp(entry, watched, nowMs)
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

  #look({ tally }: Entry, watched: Watched, nowMs: number): void {
    const { exchange, session } = watched
    const { stream } = session
    const moved = { up: stream.bytesIn, down: stream.bytesOut, awaits: stream.peerSpokeLast }
    const answered = exchange.look(moved, nowMs)
    if (!watched.began && (moved.up > 0 || moved.down > 0)) {
      watched.began = true
      tally.began(stream.peerHeardFirst)
    }
    if (answered !== undefined) {
      watched.counted = false
      tally.answered(nowMs, answered)
    } else if (exchange.isOneWay && moved.down === 0) tally.oneWay()
  }

  /** Whoever asked has stopped waiting. */
  #givenUp({ tally }: Entry, watched: Watched, nowMs: number): void {
    const { exchange, session, startedMs } = watched
    const { bytesIn, bytesOut } = session.stream
    // Of one that greets, whoever connects waits for the greeting.
    const isNeverGreeted = bytesIn === 0 && bytesOut === 0 && tally.greets
    const askedMs = isNeverGreeted ? startedMs : exchange.askedMs
    if (watched.counted || askedMs === undefined || nowMs - askedMs < tally.patienceMs) return
    watched.counted = true
    tally.gaveUp({ user: userOf(session), askedMs, endedMs: nowMs, upBytes: bytesIn })
  }

  #judge(entry: Entry, nowMs: number): void {
    const silence = entry.explained ? undefined : entry.tally.silence(nowMs)
    const before = entry.fault
    if (silence === undefined && before === undefined) return
    const fault = silence && this.#faultOf(entry, silence, nowMs)
    entry.fault = fault
    if (fault?.detail === before?.detail) return
    const { application } = entry
    const { host, port } = application
    const { reach, log } = this.#o
    reach.silent(application, fault)
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

  #faultOf({ application, address }: Entry, silence: Silence, nowMs: number): Fault {
    const { clock } = this.#o
    const wallMs = (monotonicMs: number) => clock.nowMs() - (nowMs - monotonicMs)
    return silenceFault(silence, { application, address, wallMs })
  }

  /** One question at a time: it starts a program. */
  async #askKernel(entry: Entry): Promise<void> {
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
        tally.lost({ session: session.id, user: userOf(session), atMs: nowMs, idleMs, saw: one.saw })
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
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#entries.clear()
  }
}

function newEntry(application: Application): Entry {
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

function userOf({ held }: Session): string {
  return held!.grant.user
}

/** The program ended it, first and by itself: nobody took it away. */
function isGivenUp(end: StreamEnd): boolean {
  return end.reason === 'CLIENT_RESET' || (end.reason === 'done' && closingHop(end, 'connector') === 'client')
}

function waitedText({ stream }: Session, waitedMs: number): string {
  const waited = `no answer in ${Math.round(waitedMs / 1000)} s`
  return stream.bytesOut === 0
    ? `${stream.bytesIn} B asked, ${waited}`
    : `${waited} to what was asked last; ${stream.bytesOut} B came before`
}
