/**
 * Which applications this connector reaches, by the sessions that really dialled them.
 *
 * Control is told on every change. It sends no user where a dial has just failed, so nobody would notice the
 * recovery: while an application fails, the connector tries it by itself, ever less often.
 *
 * @module
 */
import type { Fault } from '../base/faults.ts'
import { faultToMessage } from '../link/fault-message.ts'
import type { AgentMessage } from '../wire/control.ts'

export interface Application {
  readonly segment: string
  readonly host: string
  readonly port: number
}

/** Dials the application as a session would; resolves with the fault, or with nothing. */
export type Attempt = (application: Application) => Promise<Fault | undefined>

const MAX_APPLICATIONS = 10_000
const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 15_000
/** Nobody has asked for it for this long: no more attempts. */
const TAIL_MS = 1_800_000
/** Attempts per tick of one second, so that a segment of many dead hosts is no port scan. */
const BUDGET_PER_SECOND = 20
/** Faults of this machine, or of the request: they say nothing of the application. */
const NOT_OF_APPLICATION: ReadonlySet<string> = new Set(['FD_EXHAUSTED', 'ADDRESS_FORBIDDEN'])

interface Entry {
  readonly application: Application
  readonly attempt: Attempt
  fault: Fault | undefined
  /** It can be connected to, and all the same it is not as it should be. */
  impaired: Fault | undefined
  askedMs: number
  /** Somebody asked for it; else it was only watched. */
  used: boolean
  nextMs: number
  waitMs: number
  trying: boolean
}

export class Reach implements Disposable {
  readonly #known = new Map<string, Entry>()
  readonly #failing = new Set<Entry>()
  #tell: ((message: AgentMessage) => void) | undefined
  #timer: NodeJS.Timeout | undefined

  get failing(): number {
    return this.#failing.size
  }

  /** A session dialled. Cheap when nothing changed. */
  note(application: Application, attempt: Attempt, fault: Fault | undefined): void {
    this.#note(application, attempt, fault, true)
  }

  #note(application: Application, attempt: Attempt, fault: Fault | undefined, used: boolean): void {
    if (fault !== undefined && NOT_OF_APPLICATION.has(fault.code)) return
    const key = keyOf(application)
    let entry = this.#known.get(key)
    if (entry !== undefined) {
      entry.askedMs = performance.now()
      entry.used ||= used
      if (entry.fault?.code === fault?.code) return
    } else {
      if (this.#known.size >= MAX_APPLICATIONS) this.#forgetOldest()
      const nowMs = performance.now()
      const turn = { nextMs: 0, waitMs: 0, trying: false }
      entry = { application, attempt, fault, impaired: undefined, askedMs: nowMs, used, ...turn }
      this.#known.set(key, entry)
    }
    this.#change(entry, fault)
  }

  /** This connector tried by itself. Told each time: what control knows ends when it is not told again. */
  probed(application: Application, attempt: Attempt, fault: Fault | undefined): void {
    this.#note(application, attempt, fault, false)
    if (fault !== undefined && NOT_OF_APPLICATION.has(fault.code)) return
    this.#report(this.#known.get(keyOf(application))!, true)
  }

  /** What a closer look at an application that can be connected to has found, or that it is well again. */
  impaired(application: Application, found: Fault | undefined): void {
    const entry = this.#known.get(keyOf(application))
    if (entry === undefined || entry.impaired?.code === found?.code) return
    entry.impaired = found
    this.#report(entry)
  }

  /** Control watches it no more, and nobody has used it: it is no part of this connector's health. */
  unwatched(application: Application): void {
    const key = keyOf(application)
    const entry = this.#known.get(key)
    if (entry === undefined) return
    entry.impaired = undefined // nobody looks any more whether it still is
    if (entry.used) return
    this.#known.delete(key)
    this.#failing.delete(entry)
  }

  /** Control is up and knows nothing: everything is told again. */
  resume(tell: (message: AgentMessage) => void): void {
    this.#tell = tell
    for (const entry of this.#known.values()) this.#report(entry)
  }

  pause(): void {
    this.#tell = undefined
  }

  #change(entry: Entry, fault: Fault | undefined): void {
    entry.fault = fault
    this.#report(entry)
    if (fault === undefined) {
      this.#failing.delete(entry)
      return
    }
    entry.waitMs = FIRST_RETRY_MS
    entry.nextMs = performance.now() + entry.waitMs
    this.#failing.add(entry)
    this.#timer ??= setInterval(() => this.#tick(), 1000).unref()
  }

  #report({ application, fault, impaired }: Entry, probe = false): void {
    const said = fault ?? impaired
    this.#tell?.({
      type: 'reach',
      ...application,
      ok: fault === undefined,
      ...(said === undefined ? {} : { fault: faultToMessage(said) }),
      ...(probe ? { probe } : {}),
    })
  }

  #tick(): void {
    const nowMs = performance.now()
    let budget = BUDGET_PER_SECOND
    for (const entry of this.#failing) {
      if (nowMs - entry.askedMs > TAIL_MS) this.#failing.delete(entry)
      else if (budget > 0 && !entry.trying && entry.nextMs <= nowMs) {
        budget--
        this.#try(entry)
      }
    }
    if (this.#failing.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  async #try(entry: Entry): Promise<void> {
    entry.trying = true
    const fault = await entry.attempt(entry.application)
    entry.trying = false
    if (!this.#failing.has(entry)) return // a session was faster
    if (fault?.code !== entry.fault?.code) this.#change(entry, fault)
    else this.#report(entry, true)
    entry.waitMs = Math.min(LAST_RETRY_MS, entry.waitMs * 2)
    entry.nextMs = performance.now() + entry.waitMs
  }

  #forgetOldest(): void {
    const [key, entry] = this.#known.entries().next().value!
    this.#known.delete(key)
    this.#failing.delete(entry)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#failing.clear()
    this.#known.clear()
  }
}

export function keyOf({ segment, host, port }: Application): string {
  return `${segment} ${host} ${port}`
}
