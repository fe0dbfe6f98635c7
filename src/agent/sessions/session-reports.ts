/**
 * Records of sessions on their way to the control plane: a few batches at a time, each told until control says that it
 * is durable. A control plane that is behind slows them down, and nothing else: requests and pings stand behind a few
 * kilobytes of records at most.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { Deadlines } from '../../base/deadlines.ts'
import { asFault, type Fault, type Hop } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { everyPeriod } from '../../base/wall-clock.ts'
import {
  type AgentMessage,
  type ControlMessage,
  MAX_SESSION_REPORTS,
  type SessionReport,
} from '../../wire/control.ts'
import { type Batch, SessionSpool } from './session-spool.ts'

/** Batches that are told and not answered yet: as many at first, and one more for each that is answered soon. */
const FEW_FLYING = 4
const MAX_FLYING = 16
const SOON_MS = 500
/** Of one batch. */
export const LIMITS = { maxItems: MAX_SESSION_REPORTS, maxBytes: 32_768 }
/** One that is not answered for this long is told again. */
const ANSWER_MS = 60_000
/** Control could not keep a batch: the next try, twice as long after each more. */
const RETRY_MS = 1000
const MAX_RETRY_MS = 30_000
/** For the last records of a process that ends. */
const LAST_MS = 2000
/**
 * After an absence this long control may have closed the books on sessions that go on: it does a minute after another
 * process of this agent has come, and may have missed this one earlier than that knew.
 */
const RETELL_AFTER_MS = 45_000
/** Control forgets what nobody has told of for days: what is open is told again so often. */
const RETELL_EVERY_MS = 43_200_000

export interface SessionReportsOptions {
  readonly log: Log
  readonly flushMs?: number
  /** A session younger than this when it ends is reported once, closed. */
  readonly openAfterMs?: number
  readonly maxBytes?: number
  readonly retryMs?: number
  /** That of the process which keeps the control connection, where this is another one. */
  readonly run?: string
}

/** What the reports need of a live session: the report as of now. */
export interface Reportable {
  report(state: 'open'): SessionReport
}

/** As ControlLink.request, but that nothing is lost when the connection ends first. */
export type AskAgain = (message: AgentMessage & { id: string }, timeoutMs: number) => Promise<ControlMessage>

export class SessionReports implements AsyncDisposable {
  /** Of this agent since its start: control tells by it which sessions have ended with the one before. */
  readonly run: string
  readonly #log: Log
  readonly #flushMs: number
  readonly #retryMs: number
  readonly #spool: SessionSpool
  readonly #young: Deadlines<Reportable>
  /** Told open, and not ended. */
  readonly #open = new Set<Reportable>()
  readonly #retelling = everyPeriod(RETELL_EVERY_MS, () => this.#retell())
  readonly #flying = new Set<Promise<void>>()
  #ask: AskAgain | undefined
  #timer: NodeJS.Timeout | undefined
  #mostFlying = FEW_FLYING
  #failures = 0
  /** Batches that failed together are told one by one, until so many have been taken. */
  #alone = 0
  #awaySinceMs = performance.now()

  constructor(options: SessionReportsOptions) {
    const { log, flushMs = 200, openAfterMs = 1000, maxBytes, retryMs = RETRY_MS } = options
    this.run = options.run ?? randomBytes(6).toString('base64url')
    this.#log = log
    this.#flushMs = flushMs
    this.#retryMs = retryMs
    this.#spool = new SessionSpool(log, maxBytes)
    this.#young = new Deadlines<Reportable>(openAfterMs, (session) => {
      this.#open.add(session)
      this.#push(session.report('open'), true)
    })
  }

  /** From here on what waits is in this file, too. Never rejects. */
  keepIn(path: string, hop: Hop): Promise<void> {
    return this.#spool.keepIn(path, hop, this.run)
  }

  get waiting(): number {
    return this.#spool.waiting
  }

  /** Records that were given up since the start. */
  get shed(): number {
    return this.#spool.shed
  }

  /** Sessions of which another process of this agent had no room to tell. */
  lose(count: number): void {
    this.#spool.lose(count)
  }

  /** Why what waits is in memory only. */
  get unwritten(): Fault | undefined {
    return this.#spool.unwritten
  }

  opened(session: Reportable): void {
    this.#young.add(session)
  }

  closed(session: Reportable, report: SessionReport): void {
    this.#young.delete(session)
    this.#push(report, this.#open.delete(session))
  }

  /** Control is up. */
  resume(ask: AskAgain): void {
    if (performance.now() - this.#awaySinceMs > RETELL_AFTER_MS) this.#retell()
    this.#ask = ask
    this.#mostFlying = FEW_FLYING
    this.#failures = 0
    this.flush()
  }

  /** Control is away: what it did not answer waits again. */
  pause(): void {
    if (this.#ask !== undefined) this.#awaySinceMs = performance.now()
    this.#ask = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#ask !== undefined && this.#flying.size < (this.#alone > 0 ? 1 : this.#mostFlying)) {
      const batch = this.#spool.take(this.#alone > 0 ? { ...LIMITS, maxItems: 1 } : LIMITS)
      if (batch === undefined) return
      const told: Promise<void> = this.#tell(batch, this.#ask).finally(() => this.#flying.delete(told))
      this.#flying.add(told)
    }
  }

  /** Resolves when control has everything, or in two seconds: what is left in the file is told after the next start. */
  async drained(timeoutMs = LAST_MS): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, timeoutMs)
    const over = promise.then(() => true)
    for (;;) {
      this.flush()
      if (
        this.#failures > 0 ||
        this.#flying.size === 0 ||
        (await Promise.race([over, ...this.#flying])) === true
      )
        break
    }
    clearTimeout(timer)
  }

  #retell(): void {
    for (const session of this.#open) this.#push(session.report('open'), true)
  }

  #push(report: SessionReport, told: boolean): void {
    this.#spool.push({ ...report, run: this.run }, told)
    if (this.#ask !== undefined && this.#failures === 0) this.#flushSoon()
  }

  /** A batch that is full at once; one that is not when it has waited for others. */
  #flushSoon(): void {
    if (this.#spool.unsent >= MAX_SESSION_REPORTS) this.flush()
    else if (this.#spool.unsent > 0) this.#later(this.#flushMs)
  }

  async #tell(batch: Batch, ask: AskAgain): Promise<void> {
    const { reports } = batch
    try {
      const shed = this.#spool.shed
      const askedMs = performance.now()
      const answer = await ask({ type: 'session', id: newId('req'), reports: [...reports], shed }, ANSWER_MS)
      const isSoon = performance.now() - askedMs < SOON_MS
      this.#mostFlying = isSoon ? Math.min(MAX_FLYING, this.#mostFlying + 1) : FEW_FLYING
      this.#spool.kept(batch)
      this.#failures = 0
      this.#noteRefused(answer)
      if (this.#alone > 0) {
        this.#alone--
        this.#later(0)
      } else if (this.#ask !== undefined) setImmediate(() => this.#flushSoon())
    } catch (error) {
      this.#failed(batch, asFault(error), ask === this.#ask)
    }
  }

  #noteRefused(answer: ControlMessage): void {
    if (answer.type !== 'session-kept' || answer.refused === 0) return
    const about = { event: 'session-report.refused', count: answer.refused }
    this.#log.warn(about, `The control plane refused ${answer.refused} session records`)
  }

  #failed(batch: Batch, fault: Fault, isUp: boolean): void {
    const { code, message } = fault
    // Not the state of the way or of the store, but something in these records: whatever it is, it is not told for ever.
    if (code === 'PROTOCOL_ERROR' || code === 'INTERNAL') {
      if (batch.reports.length === 1) {
        this.#log.error(
          { event: 'session-report.given-up', session: batch.reports[0]!.session, code },
          message,
        )
        this.#spool.giveUp(batch)
      } else {
        this.#alone = Math.max(this.#alone, batch.reports.length)
        this.#spool.back(batch)
      }
    } else this.#spool.back(batch)
    if (!isUp) return
    this.#failures++
    if (this.#failures === 1)
      this.#log.warn(
        { event: 'session-report.not-kept', code, waiting: this.waiting },
        `Session records are waiting: ${message}`,
      )
    this.#later(Math.min(MAX_RETRY_MS, this.#retryMs * 2 ** Math.min(10, this.#failures - 1)))
  }

  #later(ms: number): void {
    if (this.#ask === undefined) return
    if (ms === 0) setImmediate(() => this.flush())
    else this.#timer ??= setTimeout(() => this.flush(), ms).unref()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drained()
    this.pause()
    this.#young[Symbol.dispose]()
    this.#retelling[Symbol.dispose]()
    await Promise.all(this.#flying)
    await this.#spool.close()
  }
}
