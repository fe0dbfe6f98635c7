/**
 * Looks now and then at applications that a connection alone calls healthy: whose certificate answers, and whether
 * large packets pass. Only at those that control has this connector watch, one at a time.
 *
 * @module
 */
import type { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { type Application, keyOf, type Reach } from './reach.ts'

/** What a user would meet behind a connection that stands; nothing when all is well. Never rejects. */
export type LookCloser = (
  at: { readonly host: string; readonly port: number; readonly addresses: readonly string[] },
  signal: AbortSignal,
) => Promise<Fault | undefined>

export interface CloserLooksOptions {
  readonly log: Log
  readonly reach: Pick<Reach, 'impaired'>
  /** None: nobody looks. */
  readonly look: LookCloser | undefined
}

/** Where a session would connect to. */
export type Where = (application: Application) => Promise<readonly string[]>

/** Since the last look, before a session or a check of health is reason for another one. */
const PAUSE_MS = { session: 30_000, check: 300_000, impaired: 15_000 } as const
/** Applications that wait for their turn. What finds no room asks again when it is used or checked again. */
const MAX_WAITING = 100
const MAX_NOTES = 5

interface Entry {
  readonly application: Application
  lookedMs: number
  fault: Fault | undefined
}

export class CloserLooks implements Disposable {
  readonly #o: CloserLooksOptions
  readonly #entries = new Map<string, Entry>()
  readonly #waiting = new Map<string, Where>()
  readonly #over = new AbortController()
  #working = false

  constructor(o: CloserLooksOptions) {
    this.#o = o
  }

  /** Of applications that are reached, and not as they should be: the first few. */
  get notes(): Fault[] {
    return [...this.#impaired()].flatMap(({ fault }) => fault ?? []).slice(0, MAX_NOTES)
  }

  get impaired(): number {
    return [...this.#impaired()].length
  }

  /** It was connected to just now. Cheap when it has been looked at lately. */
  reached(application: Application, why: 'session' | 'check', where: Where): void {
    if (this.#o.look === undefined) return
    const key = keyOf(application)
    const entry = this.#entries.get(key) ?? { application, lookedMs: -Infinity, fault: undefined }
    const pauseMs = entry.fault === undefined ? PAUSE_MS[why] : PAUSE_MS.impaired
    const nowMs = performance.now()
    if (nowMs - entry.lookedMs < pauseMs || this.#waiting.size >= MAX_WAITING) return
    entry.lookedMs = nowMs // its turn counts from here, so that it waits for one turn only
    this.#entries.set(key, entry)
    this.#waiting.set(key, where)
    if (!this.#working) void this.#work(this.#o.look)
  }

  /** Nobody watches it any more. */
  forget(application: Application): void {
    const key = keyOf(application)
    this.#waiting.delete(key)
    this.#entries.delete(key)
  }

  *#impaired(): Iterable<Entry> {
    for (const entry of this.#entries.values()) if (entry.fault !== undefined) yield entry
  }

  async #work(look: LookCloser): Promise<void> {
    this.#working = true
    for (const [key, where] of this.#waiting) {
      if (this.#over.signal.aborted) break
      this.#waiting.delete(key)
      const entry = this.#entries.get(key)
      if (entry !== undefined) await this.#lookAt(entry, where, look)
    }
    this.#working = false
  }

  async #lookAt(entry: Entry, where: Where, look: LookCloser): Promise<void> {
    const { host, port } = entry.application
    const addresses = await where(entry.application).catch(() => []) // the next check says why
    const once = () => look({ host, port, addresses }, this.#over.signal)
    let found = addresses.length === 0 ? entry.fault : await once()
    // A packet may be late on a machine that is busy: what is new must be seen twice.
    if (found !== undefined && found.code !== entry.fault?.code) {
      const again = await once()
      found = again?.code === found.code ? again : entry.fault
    }
    entry.lookedMs = performance.now()
    if (this.#entries.get(keyOf(entry.application)) === entry) this.#judge(entry, found)
  }

  #judge(entry: Entry, found: Fault | undefined): void {
    const before = entry.fault
    entry.fault = found
    if (found?.code === before?.code) return
    const { log, reach } = this.#o
    const { host, port } = entry.application
    reach.impaired(entry.application, found)
    if (found === undefined) {
      log.info(
        { event: 'application.well', host, port, was: before?.code },
        `${host}:${port} is as it should be again`,
      )
      return
    }
    const { code, hop, seen, detail } = found
    log.warn(
      { event: 'application.impaired', code, hop, host, port, seen },
      `Connects, but ${code}: ${detail}`,
    )
  }

  [Symbol.dispose](): void {
    this.#over.abort()
    this.#waiting.clear()
    this.#entries.clear()
  }
}
