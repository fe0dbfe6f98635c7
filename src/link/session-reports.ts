/**
 * Records of sessions on their way to the control plane: batched, bounded while it is away, sent again when a
 * connection broke before anyone can know that they arrived (control keeps one record per session, so twice is once).
 *
 * @module
 */

import { Deadlines } from '../base/deadlines.ts'
import type { Log } from '../base/log.ts'
import { type AgentMessage, MAX_SESSION_REPORTS, type SessionReport } from '../wire/control.ts'

export interface SessionReportsOptions {
  readonly log: Log
  /** Reports kept while control is away; over it the oldest go, "open" ones first. */
  readonly maxWaiting?: number
  readonly flushMs?: number
  /** A session younger than this when it ends is reported once, closed. */
  readonly openAfterMs?: number
  /** Reports sent this long before a connection broke may not have arrived. */
  readonly unsureMs?: number
}

/** What the reports need of a live session: the report as of now. */
export interface Reportable {
  report(state: 'open'): SessionReport
}

type Send = (message: AgentMessage) => void

export class SessionReports implements Disposable {
  readonly #log: Log
  readonly #maxWaiting: number
  readonly #flushMs: number
  readonly #unsureMs: number
  readonly #young: Deadlines<Reportable>
  #waiting: SessionReport[] = []
  #sent: { atMs: number; reports: SessionReport[] }[] = []
  #send: Send | undefined
  #timer: NodeJS.Timeout | undefined
  #dropped = 0

  constructor(options: SessionReportsOptions) {
    const { log, maxWaiting = 20_000, flushMs = 200, openAfterMs = 1000, unsureMs = 12_000 } = options
    this.#log = log
    this.#maxWaiting = maxWaiting
    this.#flushMs = flushMs
    this.#unsureMs = unsureMs
    this.#young = new Deadlines<Reportable>(openAfterMs, (session) => this.#push(session.report('open')))
  }

  get waiting(): number {
    return this.#waiting.length
  }

  opened(session: Reportable): void {
    this.#young.add(session)
  }

  closed(session: Reportable, report: SessionReport): void {
    this.#young.delete(session)
    this.#push(report)
  }

  /** Control is up: everything that waits is sent, then batches as they come. */
  resume(send: Send): void {
    this.#send = send
    if (this.#dropped > 0) {
      this.#log.warn(
        { event: 'sessions.dropped', count: this.#dropped },
        `${this.#dropped} session records were dropped while the control plane was away`,
      )
      this.#dropped = 0
    }
    this.flush()
  }

  /** Control is away: what was sent last goes back in front. */
  pause(): void {
    this.#send = undefined
    this.#forgetSure()
    this.#waiting = [...this.#sent.flatMap(({ reports }) => reports), ...this.#waiting]
    this.#sent = []
    this.#bound()
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#send === undefined) return
    this.#forgetSure()
    while (this.#waiting.length > 0) {
      const reports = this.#waiting.splice(0, MAX_SESSION_REPORTS)
      this.#sent.push({ atMs: performance.now(), reports })
      this.#send({ type: 'session', reports })
    }
  }

  #push(report: SessionReport): void {
    this.#waiting.push(report)
    if (this.#send === undefined) this.#bound()
    else if (this.#waiting.length >= MAX_SESSION_REPORTS) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), this.#flushMs).unref()
  }

  #forgetSure(): void {
    const beforeMs = performance.now() - this.#unsureMs
    const first = this.#sent.findIndex(({ atMs }) => atMs >= beforeMs)
    this.#sent.splice(0, first === -1 ? this.#sent.length : first)
  }

  #bound(): void {
    if (this.#waiting.length <= this.#maxWaiting) return
    const target = Math.floor(this.#maxWaiting * 0.9) // in steps, so that a full queue is not rebuilt per report
    const before = this.#waiting.length
    const closed = new Set(this.#waiting.filter((r) => r.state === 'closed').map((r) => r.session))
    let excess = before - target
    this.#waiting = this.#waiting.filter((report) => {
      const spare = excess > 0 && report.state === 'open' && closed.has(report.session)
      if (spare) excess--
      return !spare
    })
    if (this.#waiting.length > target) this.#waiting.splice(0, this.#waiting.length - target)
    this.#dropped += before - this.#waiting.length
  }

  [Symbol.dispose](): void {
    this.flush()
    clearTimeout(this.#timer)
    this.#young[Symbol.dispose]()
  }
}
