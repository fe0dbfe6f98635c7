/**
 * Names of applications to addresses, as every other program on this machine would resolve them
 * (nsswitch, /etc/hosts, search domains), which on Linux means getaddrinfo on the thread pool of the process.
 *
 * The pool is small and shared, and a dead resolver holds a thread for many seconds; so lookups are bounded,
 * questions for one name are asked once, answers are kept for a few seconds and failures are not kept.
 *
 * @module
 */
import dns from 'node:dns'
import { Deadlines } from '../base/deadlines.ts'
import { Fault } from '../base/faults.ts'

export interface ResolverOptions {
  /** As `dns.lookup` with `all`; tests give their own. */
  readonly lookup?: (host: string) => Promise<readonly { address: string }[]>
  /** How long an answer is used again. getaddrinfo tells no TTL; this is short enough to follow a move. */
  readonly keepMs?: number
  readonly timeoutMs?: number
  /** Lookups at once: below the size of the thread pool, which TLS, files and signatures use too. */
  readonly maxRunning?: number
}

const MAX_KEPT = 4096
const MAX_WAITING = 1024
const POOL_THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4

interface Question {
  readonly host: string
  readonly answered: Promise<readonly string[]>
  readonly resolve: (addresses: readonly string[]) => void
  readonly reject: (fault: Fault) => void
}

export class Resolver implements Disposable {
  readonly #lookup: NonNullable<ResolverOptions['lookup']>
  readonly #keepMs: number
  readonly #maxRunning: number
  readonly #kept = new Map<string, { addresses: readonly string[]; untilMs: number }>()
  readonly #asked = new Map<string, Question>()
  readonly #waiting: Question[] = []
  readonly #deadlines: Deadlines<Question>
  #running = 0

  constructor(options: ResolverOptions = {}) {
    const { keepMs = 5000, timeoutMs = 5000, maxRunning = Math.max(2, POOL_THREADS - 2) } = options
    this.#lookup = options.lookup ?? ((host) => dns.promises.lookup(host, { all: true, order: 'verbatim' }))
    this.#keepMs = keepMs
    this.#maxRunning = maxRunning
    this.#deadlines = new Deadlines(timeoutMs, (question) =>
      this.#fail(question, resolverDown(question.host, `no answer in ${timeoutMs} ms`)),
    )
  }

  /**
   * The addresses of `host`, in the order the system prefers; the same array as long as the answer is kept.
   * At once when known, so that the common case costs no turn of the event loop.
   *
   * @throws {Fault} by rejection: APP_NAME_NXDOMAIN, APP_RESOLVER_DOWN.
   */
  addresses(host: string): readonly string[] | Promise<readonly string[]> {
    const kept = this.#kept.get(host)
    if (kept !== undefined) {
      if (kept.untilMs > performance.now()) return kept.addresses
      this.#kept.delete(host)
    }
    return (this.#asked.get(host) ?? this.#ask(host)).answered
  }

  #ask(host: string): Question {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
    promise.catch(() => {}) // a session that ended meanwhile no longer listens
    const question: Question = { host, answered: promise, resolve, reject }
    if (this.#waiting.length >= MAX_WAITING) {
      reject(resolverDown(host, `${MAX_WAITING} names wait already`))
      return question
    }
    this.#asked.set(host, question)
    this.#deadlines.add(question)
    this.#waiting.push(question)
    this.#next()
    return question
  }

  #next(): void {
    while (this.#running < this.#maxRunning) {
      const question = this.#waiting.shift()
      if (question === undefined) return
      if (this.#asked.get(question.host) !== question) continue // its deadline has passed
      this.#running++
      this.#lookup(question.host)
        .then(
          (found) => this.#keep(question, [...new Set(found.map(({ address }) => address))]),
          (error: NodeJS.ErrnoException) => this.#fail(question, faultOf(question.host, error)),
        )
        .finally(() => {
          this.#running--
          this.#next()
        })
    }
  }

  #keep(question: Question, addresses: readonly string[]): void {
    if (addresses.length === 0) {
      this.#fail(question, faultOf(question.host, Object.assign(new Error('empty'), { code: 'ENODATA' })))
      return
    }
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    this.#kept.set(question.host, { addresses, untilMs: performance.now() + this.#keepMs })
    this.#settle(question)
    question.resolve(addresses)
  }

  #fail(question: Question, fault: Fault): void {
    this.#settle(question)
    question.reject(fault)
  }

  #settle(question: Question): void {
    this.#deadlines.delete(question)
    if (this.#asked.get(question.host) === question) this.#asked.delete(question.host)
  }

  [Symbol.dispose](): void {
    this.#deadlines[Symbol.dispose]()
    this.#kept.clear()
  }
}

/** EAI_NONAME and EAI_NODATA come as ENOTFOUND: the resolver answered. Everything else: it could not. */
function faultOf(host: string, error: NodeJS.ErrnoException): Fault {
  const errno = error.code ?? 'unknown'
  if (errno === 'ENOTFOUND' || errno === 'ENODATA') {
    return new Fault('APP_NAME_NXDOMAIN', `${host} has no address`, {
      cause: error,
      seen: seenOf(host, errno),
    })
  }
  return resolverDown(host, errno, error)
}

function resolverDown(host: string, what: string, cause?: unknown): Fault {
  return new Fault('APP_RESOLVER_DOWN', `${host}: ${what}`, { cause, seen: seenOf(host, what) })
}

function seenOf(name: string, answer: string) {
  return { name, answer, resolvers: dns.getServers(), uid: process.getuid?.() ?? -1 }
}
