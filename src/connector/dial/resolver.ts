/**
 * Names of applications to addresses, as every other program on this machine would resolve them, kept for a few
 * seconds: getaddrinfo tells no TTL.
 *
 * @module
 */
import dns from 'node:dns'
import { Fault, type FaultCode } from '../../base/faults.ts'
import { type NameEnd, nameEnd } from '../../base/name-errno.ts'
import { ownHop } from '../../base/own-hop.ts'
import { shortageFault } from '../../base/shortage.ts'
import { NAME_THREADS, NamesBusy, SystemNames } from '../../probe/system-names.ts'

export interface ResolverOptions {
  /** As `dns.lookup` with `all`; tests give their own. */
  readonly lookup?: (host: string) => Promise<readonly { address: string }[]>
  /** How long an answer is used again; short enough to follow a move. */
  readonly keepMs?: number
  /** As long a failure is: short, so that a repair shows, and all the same nobody asks hundreds of times a second. */
  readonly keepFailedMs?: number
  readonly timeoutMs?: number
  readonly threads?: number
  /** Of which a name found no thread; the names that hold them. Not more often than once in NOTED_MS. */
  readonly onBusy?: (note: Fault) => void
}

const MAX_KEPT = 4096
/** So long after the last name that found no thread, that is still said. */
const NOTED_MS = 60_000
const MAX_NAMED = 5

type KeptLookup = { readonly untilMs: number } & (
  | { readonly addresses: readonly string[] }
  | { readonly fault: Fault }
)

export class Resolver implements Disposable {
  readonly #names: SystemNames
  readonly #keepMs: number
  readonly #keepFailedMs: number
  readonly #kept = new Map<string, KeptLookup>()
  readonly #asked = new Map<string, Promise<readonly string[]>>()
  readonly #onBusy: ((note: Fault) => void) | undefined
  #busy: { readonly note: Fault; readonly untilMs: number } | undefined

  constructor(options: ResolverOptions = {}) {
    this.#onBusy = options.onBusy
    const { keepMs = 5000, keepFailedMs = 1000, timeoutMs, lookup, threads = NAME_THREADS.others } = options
    this.#keepMs = keepMs
    this.#keepFailedMs = keepFailedMs
    this.#names = new SystemNames({
      threads,
      limitMs: timeoutMs,
      lookup: lookup && (async (host) => (await lookup(host)).map(({ address }) => ({ address, family: 0 }))),
    })
  }

  /**
   * The addresses of `host`, in the order the system prefers; the same array as long as the answer is kept.
   * At once when known, so that the common case costs no turn of the event loop.
   *
   * @param by The user who asks, whose share of the look-ups it is; none: this process itself.
   * @throws {Fault} by rejection: APP_NAME_NXDOMAIN, APP_RESOLVER_DOWN, LOOKUPS_BUSY.
   */
  addresses(host: string, by?: string): readonly string[] | Promise<readonly string[]> {
    const kept = this.#kept.get(host)
    if (kept !== undefined) {
      if (kept.untilMs > performance.now()) {
        return 'addresses' in kept ? kept.addresses : Promise.reject(kept.fault)
      }
      this.#kept.delete(host)
    }
    const known = this.#asked.get(host)
    if (known !== undefined) {
      this.#names.alsoFor(host, by)
      return known
    }
    const asked = this.#ask(host, by)
    this.#asked.set(host, asked)
    return asked
  }

  /** How long the answer for `host` is used again; 0 where there is none. */
  keepsMs(host: string): number {
    return Math.max(0, (this.#kept.get(host)?.untilMs ?? 0) - performance.now())
  }

  async #ask(host: string, by: string | undefined): Promise<readonly string[]> {
    try {
      const found = await this.#names.lookUp(host, by)
      const addresses = [...new Set(found.map(({ address }) => address))]
      if (addresses.length === 0) throw Object.assign(new Error('empty'), { code: 'ENODATA' })
      this.#keep(host, { addresses, untilMs: performance.now() + this.#keepMs })
      return addresses
    } catch (error) {
      // One user with their share of the look-ups is no trouble of this machine, and the name may be had by another.
      if (error instanceof Fault) throw error
      const fault = faultOf(host, error as NodeJS.ErrnoException)
      if (fault.code === 'LOOKUPS_BUSY') this.#noteBusy()
      this.#keep(host, { fault, untilMs: performance.now() + this.#keepFailedMs })
      throw fault
    } finally {
      this.#asked.delete(host)
    }
  }

  /** LOOKUPS_BUSY for a minute after a name found no thread, with those that held them: for whoever looks after this machine. */
  get busy(): Fault | undefined {
    return this.#busy !== undefined && this.#busy.untilMs > performance.now() ? this.#busy.note : undefined
  }

  #noteBusy(): void {
    const silent = this.#names.running
    const named = silent.slice(0, MAX_NAMED).join(', ')
    const more = silent.length > MAX_NAMED ? ', …' : ''
    const text = `every lookup thread is held by a name without an answer (${silent.length}): ${named}${more}`
    const note = new Fault('LOOKUPS_BUSY', text, { seen: { silent: silent.slice(0, MAX_NAMED) } })
    if (this.busy === undefined) this.#onBusy?.(note)
    this.#busy = { note, untilMs: performance.now() + NOTED_MS }
  }

  #keep(host: string, answer: KeptLookup): void {
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
    this.#kept.set(host, answer)
  }

  [Symbol.dispose](): void {
    this.#names[Symbol.dispose]()
    this.#kept.clear()
  }
}

function faultOf(host: string, error: NodeJS.ErrnoException): Fault {
  const errno = error.code ?? 'unknown'
  const resolvers = { name: host, resolvers: dns.getServers(), uid: process.getuid?.() ?? -1 }
  const short = shortageFault(error.code, `${host} was not looked up`, {
    cause: error,
    seen: { ...resolvers, errno },
  })
  if (short !== undefined) return short
  const code = codeOf(error)
  // Ours are in words; those of getaddrinfo are known by their code.
  const answer = error.code === 'ETIMEDOUT' || error instanceof NamesBusy ? error.message : errno
  const what = code === 'APP_NAME_NXDOMAIN' ? 'has no address' : answer
  const seen = { ...resolvers, answer }
  const hop = code === 'INTERNAL' ? ownHop() : undefined
  return new Fault(code, `${host}: ${what}`, { cause: error, hop, seen })
}

/** Only what says so is the resolver's; an errno that nobody has met is nobody's, and told as it is. */
function codeOf(error: NodeJS.ErrnoException): FaultCode {
  if (error instanceof NamesBusy) return 'LOOKUPS_BUSY'
  return CODES[nameEnd(error.code ?? 'unknown')]
}

const CODES = {
  'no-name': 'APP_NAME_NXDOMAIN',
  'no-answer': 'APP_RESOLVER_DOWN',
  unknown: 'INTERNAL',
} as const satisfies Record<NameEnd, FaultCode>
