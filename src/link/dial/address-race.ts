/**
 * Connects to the first of several addresses that answers: happy eyeballs (RFC 8305). An attempt that is slow is not
 * given up when the next one starts, so that what is far is not mistaken for dead. The losers are destroyed.
 *
 * Callbacks, not promises, and no deadline of its own: a connector does this once per session.
 *
 * @module
 */
import net from 'node:net'
import { KEEP_ALIVE } from '../../base/keep-alive.ts'

/** Time one address has for itself before the next one is tried beside it. Source: RFC 8305, 5. */
const HEAD_START_MS = 250

/** One address that was tried and did not answer in the affirmative. */
export interface FailedAttempt {
  readonly address: string
  /** errno name. */
  readonly errno: string
}

export interface AddressRaceOptions {
  /** IPv4 or IPv6, nothing that needs resolving; in the order they are tried. */
  readonly addresses: readonly string[]
  readonly port: number
  readonly headStartMs?: number
  /** The kernel looks whether the other host is still there; it does by default. */
  readonly keepAlive?: boolean
  /**
   * Called once: with a socket that is connected (no delay, half-open allowed, nobody reading yet, no listeners that do
   * anything any more), or without where every address failed.
   */
  readonly done: (socket?: net.Socket, address?: string) => void
}

export class AddressRace {
  readonly #o: AddressRaceOptions
  readonly #headStartMs: number
  /** Under way, by socket: which address. */
  readonly #trying = new Map<net.Socket, string>()
  readonly #failed: FailedAttempt[] = []
  #next = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: AddressRaceOptions) {
    this.#o = options
    this.#headStartMs = options.headStartMs ?? HEAD_START_MS
  }

  /** In the order they failed. */
  get failed(): readonly FailedAttempt[] {
    return this.#failed
  }

  /** Addresses that were tried, whatever became of it. */
  get tried(): readonly string[] {
    return this.#o.addresses.slice(0, this.#next)
  }

  /** Addresses that were tried and have said nothing yet. */
  get silent(): readonly string[] {
    return [...this.#trying.values()]
  }

  start(): void {
    clearTimeout(this.#timer)
    const { addresses, port, done } = this.#o
    const address = addresses[this.#next]
    if (address === undefined) {
      if (this.#trying.size === 0) done()
      return
    }
    this.#next++
    const socket = net.connect({
      host: address,
      port,
      noDelay: true,
      allowHalfOpen: true,
      autoSelectFamily: false,
      ...(this.#o.keepAlive !== false && KEEP_ALIVE),
    })
    this.#trying.set(socket, address)
    RACES.set(socket, this)
    socket.on('connect', onConnect).on('error', onError)
    if (this.#next < addresses.length) this.#timer = setTimeout(() => this.start(), this.#headStartMs)
  }

  connected(socket: net.Socket): void {
    const address = this.#trying.get(socket)
    this.#trying.delete(socket)
    this.stop()
    this.#o.done(socket, address)
  }

  failedAt(socket: net.Socket, { code }: NodeJS.ErrnoException): void {
    const address = this.#trying.get(socket)!
    this.#trying.delete(socket)
    this.#failed.push({ address, errno: code ?? 'EUNKNOWN' })
    this.start()
  }

  /** Gives up what is under way; `done` is then not called. */
  stop(): void {
    clearTimeout(this.#timer)
    for (const socket of this.#trying.keys()) {
      RACES.delete(socket)
      socket.destroy()
    }
    this.#trying.clear()
  }
}

/**
 * Listeners that stay, and are the same for every socket: one that is taken off leaves a table of half a kilobyte in its
 * place, for as long as the socket lives.
 */
const RACES = new WeakMap<net.Socket, AddressRace>()

function onConnect(this: net.Socket): void {
  const race = RACES.get(this)
  RACES.delete(this)
  race?.connected(this)
}

/** An attempt that was given up may still fail once, and what breaks later is for whoever has the socket then. */
function onError(this: net.Socket, error: NodeJS.ErrnoException): void {
  const race = RACES.get(this)
  RACES.delete(this)
  race?.failedAt(this, error)
}

/** RFC 8305 section 4: families take turns, beginning with the one the system prefers. */
export function interleave(addresses: readonly string[]): readonly string[] {
  const isSix = (address: string) => address.includes(':')
  const first = addresses.filter((one) => isSix(one) === isSix(addresses[0]!))
  if (first.length === addresses.length) return addresses
  const second = addresses.filter((one) => isSix(one) !== isSix(addresses[0]!))
  return Array.from({ length: Math.max(first.length, second.length) }, (_, at) => [first[at], second[at]])
    .flat()
    .filter((one) => one !== undefined)
}
