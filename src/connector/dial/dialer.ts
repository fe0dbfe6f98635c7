/**
 * Connects to one of several checked addresses of an application: happy eyeballs (RFC 8305), one deadline.
 *
 * Callbacks, not promises: this runs once per session.
 *
 * @module
 */
import net from 'node:net'
import { Deadlines } from '../../base/deadlines.ts'
import { Fault, type FaultCode } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { KEEP_ALIVE } from '../../base/keep-alive.ts'
import { PATIENCE_MS } from '../../base/patience.ts'
import { shortageOf, shortageText } from '../../base/shortage.ts'
import { StandstillWatch, standstillText } from '../../base/standstill.ts'

export interface DialerOptions {
  /** From the first attempt to the last. */
  readonly timeoutMs?: number
  /** Head start of each address over the next, RFC 8305 section 5. */
  readonly headStartMs?: number
}

/** Called once: with a socket that is connected and has no listeners, or with why not. */
export type Dialled = (fault: Fault | undefined, socket?: net.Socket, address?: string) => void

const MAX_ATTEMPTS = 8

export class Dialer implements Disposable {
  readonly #headStartMs: number
  readonly #deadlines: Deadlines<Attempts>
  readonly #watch = new StandstillWatch()

  constructor({ timeoutMs = PATIENCE_MS.application, headStartMs = 250 }: DialerOptions = {}) {
    this.#headStartMs = headStartMs
    this.#deadlines = new Deadlines(timeoutMs, (attempts) => attempts.expire(timeoutMs, this.#watch))
  }

  /**
   * @param addresses Not empty; IPv4 or IPv6, nothing that needs resolving.
   * @returns Gives the attempt up; `done` is then not called.
   */
  dial(addresses: readonly string[], port: number, done: Dialled): () => void {
    const attempts = new Attempts(
      interleave(addresses),
      port,
      this.#headStartMs,
      (fault, socket, address) => {
        this.#deadlines.delete(attempts)
        done(fault, socket, address)
      },
    )
    this.#deadlines.add(attempts)
    attempts.next()
    return () => {
      this.#deadlines.delete(attempts)
      attempts.stop()
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]()
    this.#deadlines[Symbol.dispose]()
  }
}

class Attempts {
  readonly #addresses: readonly string[]
  readonly #port: number
  readonly #headStartMs: number
  readonly #done: Dialled
  readonly #sockets = new Set<net.Socket>()
  readonly #failures: { address: string; errno: string }[] = []
  readonly #beganAtMs = performance.now()
  #tried = 0
  #timer: NodeJS.Timeout | undefined

  constructor(addresses: readonly string[], port: number, headStartMs: number, done: Dialled) {
    this.#addresses = addresses
    this.#port = port
    this.#headStartMs = headStartMs
    this.#done = done
  }

  next(): void {
    clearTimeout(this.#timer)
    const address = this.#addresses[this.#tried++]
    if (address === undefined) {
      if (this.#sockets.size === 0) this.#finish(this.#fault())
      return
    }
    const socket = net.connect({
      host: address,
      port: this.#port,
      allowHalfOpen: true,
      noDelay: true,
      autoSelectFamily: false,
      ...KEEP_ALIVE,
    })
    this.#sockets.add(socket)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      this.#sockets.delete(socket)
      this.#finish(undefined, socket, address)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      this.#sockets.delete(socket)
      this.#failures.push({ address, errno: error.code ?? 'unknown' })
      this.next()
    })
    if (this.#tried < this.#addresses.length) {
      this.#timer = setTimeout(() => this.next(), this.#headStartMs)
    }
  }

  /** Whoever did nothing meanwhile may have missed an answer, and says so. */
  expire(timeoutMs: number, watch: StandstillWatch): void {
    const open = this.#addresses.slice(0, this.#tried)
    const where = `${open.map((address) => hostPort({ host: address, port: this.#port })).join(', ')}`
    const still = watch.recent(this.#beganAtMs)
    const own = still === undefined ? '' : `; meanwhile ${standstillText(still, 'the connector itself')}`
    const stoodStill = still && { stoodStillMs: still.lostMs, kind: still.kind }
    const failed = this.#failures.map((f) => f.errno)
    this.#finish(
      new Fault('APP_TIMEOUT', `${where}: no answer in ${timeoutMs} ms${own}`, {
        seen: { addresses: open, port: this.#port, timeoutMs, failed, ...stoodStill },
      }),
    )
  }

  stop(): void {
    clearTimeout(this.#timer)
    for (const socket of this.#sockets) {
      socket.removeAllListeners()
      socket.on('error', () => {}) // an attempt under way may still fail once
      socket.destroy()
    }
    this.#sockets.clear()
  }

  #finish(fault: Fault | undefined, socket?: net.Socket, address?: string): void {
    this.stop()
    this.#done(fault, socket, address)
  }

  /** The failure of the address that came furthest: a refusal says more than a route that is not there. */
  #fault(): Fault {
    const ranked = this.#failures
      .map((failure) => ({ ...failure, code: faultCodeOf(failure.errno, failure.address) }))
      .sort((a, b) => RANK.indexOf(a.code) - RANK.indexOf(b.code))
    const { code, address, errno } = ranked[0]!
    return new Fault(code, dialText(errno, address, this.#port), {
      seen: { address, port: this.#port, errno, tried: this.#failures.map((f) => `${f.address} ${f.errno}`) },
    })
  }
}

const RANK: readonly FaultCode[] = [
  'FD_EXHAUSTED',
  'CONNECTOR_OVERLOADED',
  'APP_RESET',
  'APP_REFUSED',
  'APP_TIMEOUT',
  'APP_UNREACHABLE',
]

/** What was tried, and how it ended. */
export function dialText(errno: string, address: string, port: number): string {
  const what = shortageOf(errno, address) === undefined ? errno : shortageText(errno)
  return `${hostPort({ host: address, port })}: ${what}`
}

/** What an errno of connect(2) means for the application; or for this machine, where it was not even tried. */
export function faultCodeOf(errno: string, address?: string): FaultCode {
  const short = shortageOf(errno, address)
  if (short !== undefined) return short.code
  switch (errno) {
    case 'ECONNREFUSED':
      return 'APP_REFUSED'
    case 'ETIMEDOUT':
      return 'APP_TIMEOUT'
    case 'ECONNRESET':
    case 'EPIPE':
      return 'APP_RESET'
    default:
      return 'APP_UNREACHABLE'
  }
}

/** RFC 8305 section 4: families take turns, beginning with the one the system prefers. */
function interleave(addresses: readonly string[]): readonly string[] {
  if (addresses.length === 1) return addresses
  const isSix = (address: string) => address.includes(':')
  const first = addresses.filter((a) => isSix(a) === isSix(addresses[0]!))
  const second = addresses.filter((a) => isSix(a) !== isSix(addresses[0]!))
  const mixed: string[] = []
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    if (first[i] !== undefined) mixed.push(first[i]!)
    if (second[i] !== undefined) mixed.push(second[i]!)
  }
  return mixed.slice(0, MAX_ATTEMPTS)
}
