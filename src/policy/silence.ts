/**
 * Is an application silent? By the sessions that asked it: several that gave up, again and again or of several users,
 * and nobody who was answered since the first of them asked; or fewer that had no byte at all for long. What answers
 * slowly, greets by itself, or is only ever written to is none of that. Pure.
 *
 * @module
 */

import type { Answered } from './exchange.ts'
import { LongWaits, type WaitingSession } from './long-waits.ts'
import { Survived } from './survived.ts'
import { WindowedMax } from './windowed-max.ts'

/** A session that asked, was not answered, and was given up by whoever waited. */
export interface GivenUp {
  readonly user: string
  readonly askedMs: number
  readonly endedMs: number
  /** Sent, in all. */
  readonly upBytes: number
  /** Not one byte had ever come in it. */
  readonly isUnheard?: boolean
}

/** A session that loses bytes on the way, as the kernel knows it. */
export interface SessionLoss {
  /** `lost`: the other end does not even acknowledge what is sent. `gap`: of what it sends some never comes. */
  readonly is: 'lost' | 'gap'
  readonly session: string
  readonly user: string
  /** When it was seen. */
  readonly atMs: number
  /** Since when it is so; as of then, if it does not say. */
  readonly sinceMs?: number
  /** Nothing had moved in it for so long before it was asked. */
  readonly idleMs: number
  /** When the kernel last sent what is not acknowledged; as of then, if it does not say. */
  readonly sentMs?: number
  /** Of what the kernel says. */
  readonly saw: string
}

export interface Silence {
  /** `silent`: nobody is answered. `lost`, `gap`: bytes are lost on the way there, or back, in some sessions or in all. */
  readonly is: 'silent' | 'lost' | 'gap'
  readonly sessions: number
  readonly users: number
  readonly sinceMs: number
  /** Of the last that gave up, or of the last that asked, where some of them still wait. */
  readonly upBytes: number
  readonly waitedMs: number
  /** So many of them. */
  readonly waiting: number
  readonly answeredMs: number | undefined
  /** Of those that were lost: the shortest pause before the question. */
  readonly idleMs: number
  readonly saw: readonly string[]
}

/** Of the last of them. */
export function howWaited({ waiting }: Pick<Silence, 'waiting'>): string {
  return waiting > 0 ? 'waits, for' : 'gave up after'
}

const SESSIONS = 3
/** Of one user the sessions must not be of one moment only: a page that opens six connections is one try. */
const AGAIN_MS = 3000
/** Nobody has tried for so long: then it is not known. */
const REMEMBER_MS = 300_000
const MAX_KEPT = 32
/** Whoever gives up sooner has not waited. */
const LEAST_PATIENCE_MS = 4000
const MOST_PATIENCE_MS = 600_000
/** Longer than the longest that was answered: a long poll may take its time. */
const PATIENCE_OVER_SLOWEST = 2
const GREETINGS = 2
/** So much at once needs packets of full size. */
const FULL_PACKETS_BYTES = 8192
/** Two pauses that differ by less are alike: what is known of them is known by looks. */
const LOOKS_APART_MS = 2000

/** What is known of one application. */
export class Tally {
  #answeredMs: number | undefined
  readonly #slowest = new WindowedMax()
  #greeted = 0
  #asked = 0
  #oneWay = false
  #givenUp: GivenUp[] = []
  /** Those that are not kept any more, too. */
  #gaveUp = 0
  #lost: SessionLoss[] = []
  readonly #survived = new Survived()
  readonly #long: LongWaits

  /** @param answersAsARule Whoever asks something like it is answered: known before anybody was. */
  constructor(answersAsARule = false) {
    this.#long = new LongWaits(answersAsARule)
  }

  get answeredMs(): number | undefined {
    return this.#answeredMs
  }

  get someGaveUp(): boolean {
    return this.#gaveUp > 0
  }

  /** How long somebody must have waited, to have waited in vain. */
  get patienceMs(): number {
    return Math.min(MOST_PATIENCE_MS, Math.max(LEAST_PATIENCE_MS, this.#slowest.ms * PATIENCE_OVER_SLOWEST))
  }

  /** It is known to speak first: whoever asks nothing waits for that. */
  get greets(): boolean {
    return this.#greeted >= GREETINGS && this.#asked === 0
  }

  /** @param idleMs Nothing had moved for so long before the question. */
  answered(nowMs: number, { tookMs, idleMs, bytes }: Answered): void {
    this.#answeredMs = nowMs
    this.#oneWay = false
    this.#slowest.note(tookMs, nowMs)
    const askedMs = nowMs - tookMs
    this.#nobodyGaveUp()
    this.#long.answered(nowMs, tookMs)
    this.#survived.note({ askedMs, idleMs })
    // A pause as long as theirs, and an answer: the way does not forget any more.
    // What is small comes through where full packets are lost.
    this.#lost = this.#lost.filter((one) =>
      one.is === 'gap'
        ? bytes < FULL_PACKETS_BYTES
        : one.atMs > askedMs || one.idleMs > idleMs + LOOKS_APART_MS,
    )
  }

  /** @param spokeFirst The application did, in a session that has said something. */
  began(spokeFirst: boolean): void {
    if (spokeFirst) this.#greeted++
    else this.#asked++
  }

  oneWay(): void {
    this.#oneWay = true
    this.#nobodyGaveUp()
  }

  /** Of those that asked in vain until here the reason is known, and it is not the application. */
  disregard(): void {
    this.#nobodyGaveUp()
    this.#lost = []
  }

  gaveUp(one: GivenUp): void {
    if (this.#oneWay) return
    if (this.#answeredMs !== undefined && this.#answeredMs >= one.askedMs) return
    this.#gaveUp++
    this.#givenUp.push(one)
    if (this.#givenUp.length > MAX_KEPT) this.#givenUp.splice(1, 1) // the first says since when
  }

  lost(one: SessionLoss): void {
    // What was last sent before an answer came on this way is late, not lost: the kernel tries ever less often.
    if (one.is === 'lost' && this.#survived.since(one.sentMs ?? one.atMs, one.idleMs - LOOKS_APART_MS)) return
    if (this.#lost.some(({ session, is }) => session === one.session && is === one.is)) return
    this.#lost.push(one)
    if (this.#lost.length > MAX_KEPT) this.#lost.shift()
  }

  /** Bytes come in order: those behind a gap follow it. */
  filled(id: string | undefined): void {
    if (this.#lost.some(({ is }) => is === 'gap'))
      this.#lost = this.#lost.filter(({ is, session }) => is !== 'gap' || session !== id)
  }

  /** @param waiting Those that asked and have had no byte yet: all of them, each time. */
  silence(nowMs: number, waiting: readonly WaitingSession[] = []): Silence | undefined {
    this.#forget(nowMs)
    return (
      this.#onTheWay('lost') ?? this.#onTheWay('gap') ?? this.#silent() ?? this.#longSilent(nowMs, waiting)
    )
  }

  /** As silence, of fewer than would prove it: for whoever asks because they have waited in vain. */
  soFar(nowMs: number, waiting: readonly WaitingSession[] = []): Silence | undefined {
    const silence = this.silence(nowMs, waiting)
    if (silence !== undefined) return silence
    const still = this.#oneWay ? [] : this.#long.since(nowMs, waiting, this.patienceMs)
    return this.#inVain(nowMs, this.#givenUp, still)
  }

  /** Of `waiting` those that have had no byte for so long that it is worth a word. */
  waitLong(nowMs: number, waiting: readonly WaitingSession[]): readonly WaitingSession[] {
    return this.#oneWay ? [] : this.#long.of(nowMs, waiting)
  }

  #longSilent(nowMs: number, waiting: readonly WaitingSession[]): Silence | undefined {
    if (this.#oneWay) return undefined
    const unheard = this.#givenUp.filter(({ isUnheard }) => isUnheard)
    return this.#long.prove(nowMs, waiting, unheard)
      ? this.#inVain(nowMs, this.#givenUp, this.#long.of(nowMs, waiting))
      : undefined
  }

  #forget(nowMs: number): void {
    const last = this.#givenUp.at(-1)
    if (last !== undefined && last.endedMs + REMEMBER_MS <= nowMs) this.#nobodyGaveUp()
    this.#lost = this.#lost.filter(({ atMs }) => atMs + REMEMBER_MS > nowMs)
  }

  #nobodyGaveUp(): void {
    this.#givenUp = []
    this.#gaveUp = 0
  }

  #silent(): Silence | undefined {
    const [first] = this.#givenUp
    const last = this.#givenUp.at(-1)
    if (first === undefined || last === undefined) return undefined
    const users = usersOf(this.#givenUp)
    const sinceMs = Math.min(...this.#givenUp.map(({ askedMs }) => askedMs))
    const again = last.askedMs - sinceMs >= AGAIN_MS
    const tooFew = this.#gaveUp < SESSIONS || (users < 2 && !again)
    return tooFew ? undefined : this.#inVain(last.endedMs, this.#givenUp, [])
  }

  #inVain(
    nowMs: number,
    gaveUp: readonly GivenUp[],
    waiting: readonly WaitingSession[],
  ): Silence | undefined {
    const ended = gaveUp.at(-1)
    const last: WaitingSession | undefined = waiting.at(-1) ?? ended
    if (last === undefined) return undefined
    const all: readonly WaitingSession[] = [...gaveUp, ...waiting]
    const sinceMs = Math.min(...all.map(({ askedMs }) => askedMs))
    const waitedMs = (last === ended ? ended.endedMs : nowMs) - last.askedMs
    return {
      ...{ is: 'silent', sessions: this.#gaveUp + waiting.length, users: usersOf(all), sinceMs },
      ...{ upBytes: last.upBytes, waitedMs, waiting: waiting.length },
      ...{ answeredMs: this.#answeredMs, idleMs: 0, saw: [] },
    }
  }

  #onTheWay(is: SessionLoss['is']): Silence | undefined {
    const lost = this.#lost.filter((one) => one.is === is)
    const users = usersOf(lost)
    if (lost.length === 0 || (lost.length < SESSIONS && users < 2)) return undefined
    const sinceMs = Math.min(...lost.map((one) => one.sinceMs ?? one.atMs))
    return {
      ...{ is, sessions: lost.length, users, sinceMs, upBytes: 0, waitedMs: 0, waiting: 0 },
      answeredMs: this.#answeredMs,
      idleMs: Math.min(...lost.map(({ idleMs }) => idleMs)),
      saw: lost.slice(-2).map(({ saw }) => saw),
    }
  }
}

function usersOf(all: readonly { readonly user: string }[]): number {
  return new Set(all.map(({ user }) => user)).size
}
