/**
 * Names as every program of this system resolves them (nsswitch, /etc/hosts, search domains): getaddrinfo, which holds a
 * thread for as long as the resolver is silent, 5 s for each server in resolv.conf that is, and all of them twice.
 *
 * libuv lends half of its pool to getaddrinfo (bin/node sets the size). Each kind of name has a share of that half for
 * itself, and names that were slow the last time get only part of the share: so dead names keep no living one waiting,
 * and no application keeps this machine from finding its edge. One lookup of a name at a time, however many ask.
 *
 * Where names are asked for on behalf of others, each of them has a share of threads and queue, and they take turns.
 *
 * @module
 */
import dns from 'node:dns'
import { Deadlines } from '../base/deadlines.ts'
import { CONNECTOR_SHARES } from '../base/share-table/connector.ts'
import { Pool } from '../base/shares.ts'
import { Turns } from '../base/turns.ts'
import { lookups } from './lookups.ts'

export interface FoundAddress {
  readonly address: string
  readonly family: number
}

export interface SystemNamesOptions {
  /** Lookups at once. */
  readonly threads: number
  readonly limitMs?: number
  /** Longer than this, and a name is a slow one. */
  readonly slowMs?: number
  readonly lookup?: (host: string) => Promise<readonly FoundAddress[]>
}

/** Longer than libc waits for one dead server of two (5 s) or for two of three (10 s): the answer of the next is taken. */
const LIMIT_MS = 15_000
const SLOW_MS = 2000
/** So long a name counts as slow after it was, unless it answers quickly before. */
const SLOW_FOR_MS = 600_000
const MAX_SLOW = 4096
const MAX_WAITING = CONNECTOR_SHARES.lookupsWaiting.of
/** What this process asks for itself: it has no share. */
const OWN = ''

const POOL_THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4
/** What libuv gives to getaddrinfo at most. */
const LOOKUP_THREADS = Math.floor((POOL_THREADS + 1) / 2)
const EDGE_THREADS = Math.max(1, Math.floor(LOOKUP_THREADS / 4))

/** Lookups at once, by kind of name. `others`: of applications and of the internet, which no process asks for both. */
export const NAME_THREADS = {
  edges: EDGE_THREADS,
  others: Math.max(1, LOOKUP_THREADS - EDGE_THREADS),
} as const

/** The lookup had no answer in time. */
export class NameTimeout extends Error {
  readonly code = 'ETIMEDOUT'
}

/** The lookup was never begun: all threads of its kind were taken. No resolver is to blame. */
export class NamesBusy extends Error {
  readonly code = 'EBUSY'
}

interface NameQuestion {
  readonly host: string
  /** For whom: it is looked up at the turn of whoever comes first, and nobody waits behind what another one asks. */
  readonly places: Place[]
  readonly answered: Promise<readonly FoundAddress[]>
  readonly resolve: (found: readonly FoundAddress[]) => void
  readonly reject: (error: Error) => void
}

interface Place {
  readonly host: string
  readonly by: string
}

export class SystemNames implements Disposable {
  readonly #threads: number
  readonly #slowThreads: number
  readonly #slowMs: number
  readonly #lookup: (host: string) => Promise<readonly FoundAddress[]>
  readonly #asked = new Map<string, NameQuestion>()
  /** Monotonic milliseconds at which each lookup under way began; it may outlive those who asked. */
  readonly #running = new Map<string, number>()
  readonly #quick = new Turns<Place>()
  readonly #late = new Turns<Place>()
  readonly #threadsOf: Pool
  readonly #waitingOf = new Pool(CONNECTOR_SHARES.lookupsWaiting)
  #lateRunning = 0
  /** Names that were slow, and until when they count as such. */
  readonly #slowUntilMs = new Map<string, number>()
  readonly #deadlines: Deadlines<NameQuestion>

  constructor({ threads, limitMs = LIMIT_MS, slowMs = SLOW_MS, lookup = getAddresses }: SystemNamesOptions) {
    this.#threads = threads
    this.#threadsOf = new Pool(CONNECTOR_SHARES.lookups, threads)
    this.#slowThreads = Math.max(1, Math.floor(threads / 2))
    this.#slowMs = slowMs
    this.#lookup = lookup
    this.#deadlines = new Deadlines(limitMs, (question) => {
      const { host } = question
      const error = this.#running.has(host)
        ? new NameTimeout(`no answer in ${limitMs} ms`)
        : new NamesBusy(
            `${this.#running.size} lookups are in progress, and none has completed in ${limitMs} ms`,
          )
      this.#settle(question)
      question.reject(error)
    })
  }

  /**
   * In the order the system prefers.
   *
   * @param by Whose share it is; none: this process itself.
   * @throws by rejection: NameTimeout, NamesBusy, a Fault LOOKUPS_BUSY when `by` has its share, or what getaddrinfo says (ENOTFOUND, EAI_AGAIN, …).
   */
  lookUp(host: string, by = OWN): Promise<readonly FoundAddress[]> {
    const asked = this.#asked.get(host)
    if (asked !== undefined) {
      this.alsoFor(host, by)
      return asked.answered
    }
    if (this.#quick.size + this.#late.size >= MAX_WAITING) {
      return Promise.reject(new NamesBusy(`${MAX_WAITING} lookups are already waiting`))
    }
    if (by !== OWN && !this.#waitingOf.mayTake(by)) return Promise.reject(this.#waitingOf.refusal(by))
    const { promise: answered, resolve, reject } = Promise.withResolvers<readonly FoundAddress[]>()
    answered.catch(() => {}) // whoever asked may not listen any more
    const question = { host, places: [], answered, resolve, reject }
    this.#asked.set(host, question)
    this.#deadlines.add(question)
    this.#wait(question, by)
    return answered
  }

  /** What is asked already has a place among the names of `by`, too. */
  alsoFor(host: string, by = OWN): void {
    const asked = this.#asked.get(host)
    if (asked?.places.every((place) => place.by !== by)) this.#wait(asked, by)
  }

  #wait({ host, places }: NameQuestion, by: string): void {
    if (by !== OWN) {
      if (!this.#waitingOf.mayTake(by)) return // it has the turn of others
      this.#waitingOf.take(by)
    }
    const place = { host, by }
    places.push(place)
    // Asked before, given up, and still on its way: what comes is for whoever waits then.
    if (this.#running.has(host)) return
    const queue = this.#isSlow(host) ? this.#late : this.#quick
    queue.add(by, place)
    this.#next()
  }

  /** Names that hold a thread, the one that has held it longest first. */
  get running(): string[] {
    return [...this.#running.keys()]
  }

  #next(): void {
    const mayGo = (by: string) => by === OWN || this.#threadsOf.mayTake(by)
    while (this.#running.size < this.#threads) {
      const quick = this.#quick.next(mayGo)
      const late = quick === undefined
      if (late && this.#lateRunning >= this.#slowThreads) return
      const place = quick ?? this.#late.next(mayGo)
      if (place === undefined) return
      // It may have come to its turn before, as that of another.
      if (!this.#running.has(place.host)) void this.#run(place, late)
    }
  }

  async #run({ host, by }: Place, late: boolean): Promise<void> {
    const isOwn = by === OWN
    if (!isOwn) this.#threadsOf.take(by)
    const beganMs = performance.now()
    this.#running.set(host, beganMs)
    lookups.underWay++
    if (late) this.#lateRunning++
    let settle: (question: NameQuestion) => void
    try {
      const found = await this.#lookup(host)
      settle = ({ resolve }) => resolve(found)
    } catch (error) {
      settle = ({ reject }) => reject(error as Error)
    }
    this.#running.delete(host)
    if (!isOwn) this.#threadsOf.give(by)
    lookups.underWay--
    if (late) this.#lateRunning--
    this.#note(host, performance.now() - beganMs)
    const question = this.#asked.get(host)
    if (question !== undefined) {
      this.#settle(question)
      settle(question)
    }
    this.#next()
  }

  #settle(question: NameQuestion): void {
    this.#deadlines.delete(question)
    this.#asked.delete(question.host)
    for (const place of question.places) {
      this.#quick.remove(place.by, place)
      this.#late.remove(place.by, place)
      if (place.by !== OWN) this.#waitingOf.give(place.by)
    }
  }

  #isSlow(host: string): boolean {
    return (this.#slowUntilMs.get(host) ?? 0) > performance.now()
  }

  #note(host: string, tookMs: number): void {
    this.#slowUntilMs.delete(host)
    if (tookMs < this.#slowMs) return
    if (this.#slowUntilMs.size >= MAX_SLOW) this.#slowUntilMs.delete(this.#slowUntilMs.keys().next().value!)
    this.#slowUntilMs.set(host, performance.now() + SLOW_FOR_MS)
  }

  [Symbol.dispose](): void {
    this.#deadlines[Symbol.dispose]()
  }
}

function getAddresses(host: string): Promise<FoundAddress[]> {
  return dns.promises.lookup(host, { all: true, order: 'verbatim' })
}
