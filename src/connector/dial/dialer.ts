/**
 * Connects to one of several checked addresses of an application: happy eyeballs (RFC 8305), one deadline.
 *
 * Callbacks, not promises: this runs once per session.
 *
 * @module
 */
import type net from 'node:net'
import { Deadlines } from '../../base/deadlines.ts'
import { Fault, type FaultCode } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { PATIENCE_MS } from '../../base/patience.ts'
import { shortageOf, shortageText } from '../../base/shortage.ts'
import { StandstillWatch, standstillText } from '../../base/standstill.ts'
import { AddressRace, type FailedAttempt, interleave } from '../../link/dial/address-race.ts'
import { appFaultCode } from '../../link/dial/app-errno.ts'

export interface DialerOptions {
  /** From the first attempt to the last. */
  readonly timeoutMs?: number
  /** Head start of each address over the next, RFC 8305 section 5. */
  readonly headStartMs?: number
}

/** Called once: with a socket that is connected, or with why not. */
export type Dialled = (fault: Fault | undefined, socket?: net.Socket, address?: string) => void

const MAX_ATTEMPTS = 8

/** One application that is dialled. */
interface Dial {
  readonly race: AddressRace
  readonly port: number
  readonly beganAtMs: number
  readonly done: Dialled
}

export class Dialer implements Disposable {
  readonly #timeoutMs: number
  readonly #headStartMs: number | undefined
  readonly #deadlines: Deadlines<Dial>
  readonly #watch = new StandstillWatch()

  constructor({ timeoutMs = PATIENCE_MS.application, headStartMs }: DialerOptions = {}) {
    this.#timeoutMs = timeoutMs
    this.#headStartMs = headStartMs
    this.#deadlines = new Deadlines(timeoutMs, (dial) => {
      const fault = this.#timeout(dial)
      dial.race.stop()
      dial.done(fault)
    })
  }

  /**
   * @param addresses Not empty; IPv4 or IPv6, nothing that needs resolving.
   * @returns Gives the attempt up; `done` is then not called.
   */
  dial(addresses: readonly string[], port: number, done: Dialled): () => void {
    const race = new AddressRace({
      addresses: interleave(addresses).slice(0, MAX_ATTEMPTS),
      port,
      headStartMs: this.#headStartMs,
      keepAlive: false, // of a session that lasts: sessions/active-sessions.ts
      done: (socket, address) => {
        this.#deadlines.delete(dial)
        done(socket === undefined ? furthest(race.failed, port) : undefined, socket, address)
      },
    })
    const dial = { race, port, beganAtMs: performance.now(), done }
    this.#deadlines.add(dial)
    race.start()
    return () => {
      this.#deadlines.delete(dial)
      race.stop()
    }
  }

  /** Whoever did nothing meanwhile may have missed an answer, and says so. */
  #timeout({ race, port, beganAtMs }: Dial): Fault {
    const timeoutMs = this.#timeoutMs
    const addresses = race.tried
    const where = addresses.map((address) => hostPort({ host: address, port })).join(', ')
    const still = this.#watch.recent(beganAtMs)
    const own = still === undefined ? '' : `; meanwhile ${standstillText(still, 'the connector itself')}`
    const stoodStill = still && { stoodStillMs: still.lostMs, kind: still.kind }
    const failed = race.failed.map(({ errno }) => errno)
    return new Fault('APP_TIMEOUT', `${where}: no answer in ${timeoutMs} ms${own}`, {
      seen: { addresses, port, timeoutMs, failed, ...stoodStill },
    })
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]()
    this.#deadlines[Symbol.dispose]()
  }
}

/** The failure of the address that came furthest: a refusal says more than a route that is not there. */
function furthest(failed: readonly FailedAttempt[], port: number): Fault {
  const ranked = failed
    .map((failure) => ({ ...failure, code: appFaultCode(failure.errno, failure.address) }))
    .sort((a, b) => RANK.indexOf(a.code) - RANK.indexOf(b.code))
  const { code, address, errno } = ranked[0]!
  return new Fault(code, dialText(errno, address, port), {
    seen: { address, port, errno, tried: failed.map((one) => `${one.address} ${one.errno}`) },
  })
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
