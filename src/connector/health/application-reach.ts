/**
 * Which applications this connector reaches, by the sessions that really dialled them.
 *
 * Control is told on every change. It sends no user where a dial has just failed, so nobody would notice the
 * recovery: while an application fails, the connector tries it by itself, ever less often.
 *
 * @module
 */
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { BulkSource } from '../../link/control/bulk-queue.ts'
import { listedFault } from '../../link/control/fault-message.ts'
import type { AgentMessage } from '../../wire/control.ts'

export interface Application {
  readonly segment: string
  readonly host: string
  readonly port: number
  /** TCP, unless it says so. */
  readonly protocol?: 'udp'
}

/** Dials the application as a session would; resolves with the fault, or with nothing. */
export type Attempt = (application: Application) => Promise<Fault | undefined>

const MAX_APPLICATIONS = 10_000
const MAX_TOLD = 5
const FIRST_RETRY_MS = 1000
const LAST_RETRY_MS = 15_000
/** Nobody has asked for it for this long: no more attempts. */
const TAIL_MS = 1_800_000
/** Attempts per tick of one second, so that a segment of many dead hosts is no port scan. */
const BUDGET_PER_SECOND = 20
/** Faults of this machine: they say nothing of the application. */
const NOT_OF_APPLICATION: ReadonlySet<string> = new Set(['FD_EXHAUSTED', 'LOOKUPS_BUSY'])
/** What nobody can try is known for so long after it was last refused. */
const UNTRIED_MS = 60_000

interface ReachEntry {
  readonly application: Application
  /** As of the last who asked: what a segment lets through may have been mended since the first. None: UDP cannot be tried. */
  attempt: Attempt | undefined
  fault: Fault | undefined
  /** It can be connected to, and all the same it is not as it should be. */
  impaired: Fault | undefined
  /** It can be connected to, and answers nobody. */
  silent: Fault | undefined
  /** Sessions that have waited for their first byte for long. */
  waits: number
  askedMs: number
  /** Somebody asked for it; else it was only watched. */
  used: boolean
  nextMs: number
  waitMs: number
  trying: boolean
}

export class ApplicationReach implements Disposable {
  readonly #known = new Map<string, ReachEntry>()
  readonly #failing = new Set<ReachEntry>()
  /** What control does not know yet, and whether it was found by a try. The last word of an application is the one told. */
  readonly #untold = new Map<ReachEntry, boolean>()
  #offer: ((source: BulkSource<AgentMessage>) => void) | undefined
  #timer: NodeJS.Timeout | undefined

  get failing(): number {
    return this.#failing.size
  }

  /** Of those that fail: the first few, with the reason. */
  get failures(): { readonly application: string; readonly fault: Fault }[] {
    return [...this.#failing]
      .slice(0, MAX_TOLD)
      .flatMap(({ application: { host, port, protocol }, fault }) =>
        fault
          ? [{ application: `${hostPort({ host, port })}${protocol === undefined ? '' : '/udp'}`, fault }]
          : [],
      )
  }

  /** A session dialled. Cheap when nothing changed. */
  note(application: Application, attempt: Attempt | undefined, fault: Fault | undefined): void {
    this.#note(application, attempt, fault, true)
  }

  #note(
    application: Application,
    attempt: Attempt | undefined,
    fault: Fault | undefined,
    used: boolean,
  ): void {
    if (fault !== undefined && NOT_OF_APPLICATION.has(fault.code)) return
    const key = keyOf(application)
    let entry = this.#known.get(key)
    if (entry !== undefined) {
      entry.askedMs = performance.now()
      entry.used ||= used
      entry.attempt = attempt
      if (entry.fault?.code === fault?.code) return
    } else {
      if (this.#known.size >= MAX_APPLICATIONS) this.#forgetOldest()
      const nowMs = performance.now()
      const turn = { nextMs: 0, waitMs: 0, trying: false }
      const closer = { impaired: undefined, silent: undefined, waits: 0 }
      entry = { application, attempt, fault, ...closer, askedMs: nowMs, used, ...turn }
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

  /** What a deep check at an application that can be connected to has found, or that it is well again. */
  impaired(application: Application, found: Fault | undefined): void {
    const entry = this.#known.get(keyOf(application))
    if (entry === undefined || entry.impaired?.code === found?.code) return
    entry.impaired = found
    this.#report(entry)
  }

  /** Its sessions ask and are not answered, or are again. Control has the latest figures with whatever is told next. */
  silent(application: Application, found: Fault | undefined): void {
    const entry = this.#known.get(keyOf(application))
    if (entry === undefined) return
    const isNews = entry.silent?.code !== found?.code || entry.silent?.seen.is !== found?.seen.is
    entry.silent = found
    if (isNews) this.#report(entry)
  }

  /** So many of its sessions wait for their first byte, or none any more: one here and one elsewhere tell more than each alone. */
  waiting(application: Application, waits: number): void {
    const entry = this.#known.get(keyOf(application))
    if (entry === undefined || entry.waits === waits) return
    entry.waits = waits
    this.#report(entry)
  }

  /** Control watches it no more, and nobody has used it: it is no part of this connector's health. */
  unwatched(application: Application): void {
    const key = keyOf(application)
    const entry = this.#known.get(key)
    if (entry === undefined) return
    entry.impaired = undefined // nobody looks any more whether it still is
    if (entry.used) return
    this.#forget(key, entry)
  }

  /** Control is up and knows nothing: everything is told again, as fast as it takes it. */
  resume(offer: (source: BulkSource<AgentMessage>) => void): void {
    for (const entry of this.#known.values()) this.#untold.set(entry, false)
    this.#offer = offer
    offer(this.#next)
  }

  pause(): void {
    this.#offer = undefined
    this.#untold.clear()
  }

  #change(entry: ReachEntry, fault: Fault | undefined): void {
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

  #report(entry: ReachEntry, probe = false): void {
    if (this.#offer === undefined) return
    this.#untold.set(entry, probe)
    this.#offer(this.#next)
  }

  readonly #next: BulkSource<AgentMessage> = () => {
    const first = this.#untold.entries().next().value
    if (first === undefined) return undefined
    const [entry, probe] = first
    this.#untold.delete(entry)
    const { application, fault, impaired, silent, waits } = entry
    const said = fault ?? impaired ?? silent
    return {
      type: 'reach',
      ...application,
      ok: fault === undefined,
      ...(said === undefined ? {} : { fault: listedFault(said) }),
      ...(probe ? { probe } : {}),
      ...(waits > 0 ? { waits } : {}),
    }
  }

  #tick(): void {
    const nowMs = performance.now()
    let budget = BUDGET_PER_SECOND
    for (const entry of this.#failing) {
      if (entry.attempt === undefined) {
        if (nowMs - entry.askedMs > UNTRIED_MS) this.#forget(keyOf(entry.application), entry)
      } else if (nowMs - entry.askedMs > TAIL_MS) this.#failing.delete(entry)
      else if (budget > 0 && !entry.trying && entry.nextMs <= nowMs) {
        budget--
        this.#try(entry, entry.attempt)
      }
    }
    if (this.#failing.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  async #try(entry: ReachEntry, attempt: Attempt): Promise<void> {
    entry.trying = true
    const fault = await attempt(entry.application)
    entry.trying = false
    if (!this.#failing.has(entry)) return // a session was faster
    if (fault?.code !== entry.fault?.code) this.#change(entry, fault)
    else this.#report(entry, true)
    entry.waitMs = Math.min(LAST_RETRY_MS, entry.waitMs * 2)
    entry.nextMs = performance.now() + entry.waitMs
  }

  #forgetOldest(): void {
    const [key, entry] = this.#known.entries().next().value!
    this.#forget(key, entry)
  }

  #forget(key: string, entry: ReachEntry): void {
    this.#known.delete(key)
    this.#failing.delete(entry)
    this.#untold.delete(entry)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#failing.clear()
    this.#known.clear()
    this.#untold.clear()
  }
}

export function keyOf({ segment, host, port, protocol }: Application): string {
  return `${segment} ${host} ${port}${protocol === undefined ? '' : ` ${protocol}`}`
}
