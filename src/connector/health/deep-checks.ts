/**
 * Looks now and then at applications that a connection alone calls healthy: whose certificate answers, and whether
 * large packets pass. Only at those that control has this connector watch, one at a time.
 *
 * @module
 */

import type { SilenceWatch } from '../../agent/sessions/silence-watch.ts'
import type { Clock } from '../../base/clock.ts'
import { Condition } from '../../base/condition.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import { type Application, type ApplicationReach, keyOf } from './application-reach.ts'

/** What a user would meet behind a connection that stands; nothing when all is well. */
export type DeepCheck = (
  at: { readonly host: string; readonly port: number; readonly address: string; readonly nowMs: number },
  signal: AbortSignal,
) => Promise<Fault | undefined>

export interface DeepChecksOptions {
  readonly log: Log
  readonly reach: Pick<ApplicationReach, 'impaired'>
  /** Told of the same: large packets that are lost are why its sessions are not answered. */
  readonly silence: Pick<SilenceWatch<Application>, 'explained'>
  /** None: nobody looks. */
  readonly look: DeepCheck | undefined
  readonly clock: Clock
}

/** Where a session would connect to. */
export type AddressesOf = (application: Application) => Promise<readonly string[]>

/** Since the last look, before a session or a check of health is reason for another one. */
const PAUSE_MS = { session: 30_000, check: 300_000, impaired: 15_000, silent: 3000 } as const
/** Applications that wait for their turn, for each reason. What finds no room asks again when it is reached again. */
const MAX_WAITING = 100
const MAX_NOTES = 5

interface DeepCheckEntry {
  readonly application: Application
  where: AddressesOf
  lookedMs: number
  readonly condition: Condition
}

export class DeepChecks implements Disposable {
  readonly #o: DeepChecksOptions
  readonly #entries = new Map<string, DeepCheckEntry>()
  /** What is used comes before what is only checked. */
  readonly #waiting = { session: new Map<string, AddressesOf>(), check: new Map<string, AddressesOf>() }
  readonly #over = new AbortController()
  #working = false

  constructor(o: DeepChecksOptions) {
    this.#o = o
  }

  /** Of applications that are reached, and not as they should be: the first few. */
  get notes(): Fault[] {
    return [...this.#impaired()].flatMap(({ condition }) => condition.fault ?? []).slice(0, MAX_NOTES)
  }

  get impaired(): number {
    return [...this.#impaired()].length
  }

  /** It was connected to just now. Cheap when it has been looked at lately. */
  reached(application: Application, why: 'session' | 'check', where: AddressesOf): void {
    if (this.#o.look === undefined) return
    const key = keyOf(application)
    const entry = this.#entries.get(key) ?? {
      application,
      where,
      lookedMs: -Infinity,
      condition: this.#condition(application),
    }
    entry.where = where
    this.#entries.set(key, entry)
    this.#due(entry, why, entry.condition.fault === undefined ? PAUSE_MS[why] : PAUSE_MS.impaired)
  }

  /** It takes connections and answers nobody, or somebody waits: large packets that are lost on the way would explain it. */
  silent(application: Application): void {
    const entry = this.#entries.get(keyOf(application))
    if (entry !== undefined) this.#due(entry, 'session', PAUSE_MS.silent)
  }

  #due(entry: DeepCheckEntry, why: 'session' | 'check', pauseMs: number): void {
    const { look } = this.#o
    const nowMs = performance.now()
    if (look === undefined || nowMs - entry.lookedMs < pauseMs || this.#waiting[why].size >= MAX_WAITING)
      return
    entry.lookedMs = nowMs // its turn counts from here, so that it waits for one turn only
    this.#waiting[why].set(keyOf(entry.application), entry.where)
    if (!this.#working) void this.#work(look)
  }

  /** Nobody watches it any more. */
  forget(application: Application): void {
    const key = keyOf(application)
    for (const waiting of Object.values(this.#waiting)) waiting.delete(key)
    this.#entries.get(key)?.condition[Symbol.dispose]()
    this.#entries.delete(key)
  }

  *#impaired(): Iterable<DeepCheckEntry> {
    for (const entry of this.#entries.values()) if (entry.condition.fault !== undefined) yield entry
  }

  async #work(look: DeepCheck): Promise<void> {
    this.#working = true
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const [entry, where] = next
      try {
        const found = await this.#twice(entry, where, look)
        entry.lookedMs = performance.now()
        if (this.#entries.get(keyOf(entry.application)) === entry) entry.condition.set(found)
      } catch (error) {
        // A name that is gone, a program that cannot be started: whoever connects next says what is wrong.
        const { code, detail } = asFault(error)
        this.#o.log.debug({ event: 'application.not-looked-at', code }, detail)
      }
    }
    this.#working = false
  }

  #next(): [DeepCheckEntry, AddressesOf] | undefined {
    for (const waiting of Object.values(this.#waiting)) {
      for (const [key, where] of waiting) {
        waiting.delete(key)
        const entry = this.#entries.get(key)
        if (entry !== undefined) return [entry, where]
      }
    }
    return undefined
  }

  /** A packet may be late on a machine that is busy: what is new must be seen twice. */
  async #twice(entry: DeepCheckEntry, where: AddressesOf, look: DeepCheck): Promise<Fault | undefined> {
    const { host, port } = entry.application
    const [address] = await where(entry.application)
    if (address === undefined) return entry.condition.fault
    const once = () => look({ host, port, address, nowMs: this.#o.clock.nowMs() }, this.#over.signal)
    const found = await once()
    if (found === undefined || found.code === entry.condition.fault?.code) return found
    const again = await once()
    return again?.code === found.code ? again : entry.condition.fault
  }

  #condition(application: Application): Condition {
    const { log, reach, silence } = this.#o
    const { host, port } = application
    return new Condition(log, {
      begins: 'application.impaired',
      intro: 'Connects, but ',
      ends: 'application.well',
      over: `${hostPort({ host, port })} works as expected again`,
      about: { host, port },
      onChange(found) {
        reach.impaired(application, found)
        silence.explained(application, found?.code === 'PATH_MTU')
      },
    })
  }

  [Symbol.dispose](): void {
    this.#over.abort()
    for (const waiting of Object.values(this.#waiting)) waiting.clear()
    for (const { condition } of this.#entries.values()) condition[Symbol.dispose]()
    this.#entries.clear()
  }
}
