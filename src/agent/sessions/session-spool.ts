/**
 * Session records that control does not have yet, in the order they were made: bounded in bytes, in memory and, where a
 * file is given, on disk, so that neither a killed process nor a restart loses them.
 *
 * @module
 */
import { Condition } from '../../base/condition.ts'
import { asFault, type Fault, type Hop } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { type SessionReport, sessionReport } from '../../wire/control.ts'
import { RecordFile } from './record-file.ts'

/** Some 70 000 records: twenty seconds of the most that one agent can do. */
export const MAX_SPOOL_BYTES = 33_554_432
/** Over the limit room is made for this part of it at once: not for each record that comes. */
const ROOM = 0.1
/** With this many waiting, the text alone is kept: it takes the least memory. */
const MAX_PARSED = 1000
/** The loss is said this often while it lasts. */
const SAY_MS = 10_000

interface SpoolEntry {
  readonly text: string
  /** What the text says, where few wait: it need not be parsed again. */
  readonly report: SessionReport | undefined
  readonly session: string
  /** Whose session it was. */
  readonly device: string
  readonly isOpen: boolean
  /** Control was told that it is open, or will be: without this record it stays open in the books. */
  readonly told: boolean
  state: 'waiting' | 'out' | 'done'
}

/** Records that go together. */
export interface Batch {
  readonly entries: readonly SpoolEntry[]
  readonly reports: readonly SessionReport[]
}

export interface SpoolLimits {
  readonly maxItems: number
  readonly maxBytes: number
}

export class SessionSpool {
  readonly #log: Log
  readonly #maxBytes: number
  #entries: SpoolEntry[] = []
  /** Before this place none waits. */
  #next = 0
  #waiting = 0
  #out = 0
  #bytes = 0
  #shed = 0
  #said = 0
  #saidMs = Number.NEGATIVE_INFINITY
  #file: RecordFile | undefined
  readonly #unwritten: Condition

  constructor(log: Log, maxBytes = MAX_SPOOL_BYTES) {
    this.#log = log
    this.#unwritten = new Condition(log, {
      begins: 'session-report.unwritten',
      intro: 'Records are in memory only: ',
      ends: 'session-report.written',
      over: 'Waiting records are on disk again',
      level: 'error',
    })
    this.#maxBytes = maxBytes
  }

  /** From here on in this file, too; with what a process before has left there. Never rejects: it serves without. */
  async keepIn(path: string, hop: Hop, run: string): Promise<void> {
    const onFault = (fault: Fault | undefined) => this.#unwritten.set(fault)
    const made = this.#entries
    this.#entries = []
    try {
      for (const line of await RecordFile.read(path)) {
        const report = readLine(line)
        // What is of this run and open was of a process before this one, which the agent has outlived: it has ended.
        const isOver = report?.state === 'open' && report.run === run
        if (report !== undefined && !isOver) this.#add(line, report, true)
      }
    } catch (error) {
      this.#log.warn({ event: 'session-report.unread', file: path }, asFault(error).message)
    }
    this.#entries.push(...made)
    const lines = () => this.#lines()
    const isEmpty = () => this.#bytes === 0
    this.#file = new RecordFile({ path, hop, maxBytes: this.#maxBytes, lines, isEmpty, onFault })
    if (this.#waiting > 0) {
      this.#log.info(
        { event: 'session-report.found', count: this.#waiting },
        `${this.#waiting} records are waiting here`,
      )
    }
    this.#bound()
    this.#file.rewrite()
  }

  /** Records that control does not have. */
  get waiting(): number {
    return this.#waiting
  }

  /** Of these, records that are in no batch. */
  get unsent(): number {
    return this.#waiting - this.#out
  }

  /** Records that were given up since the start, for want of room or because control cannot take them. */
  get shed(): number {
    return this.#shed
  }

  /** Why records are in memory only. */
  get unwritten(): Fault | undefined {
    return this.#unwritten.fault
  }

  /** @param told Of a record of the end: the session was told open before. */
  push(report: SessionReport, told: boolean): void {
    const text = JSON.stringify(report)
    this.#add(text, report, told)
    this.#file?.add(text)
    if (this.#bytes > this.#maxBytes) this.#bound()
  }

  /** The oldest that wait, or nothing. They are out until they are `kept` or put `back`. */
  take({ maxItems, maxBytes }: SpoolLimits): Batch | undefined {
    const entries: SpoolEntry[] = []
    let bytes = 0
    for (; this.#next < this.#entries.length && entries.length < maxItems; this.#next++) {
      const entry = this.#entries[this.#next]!
      if (entry.state !== 'waiting') continue
      bytes += Buffer.byteLength(entry.text) + 1
      if (entries.length > 0 && bytes > maxBytes) break
      entry.state = 'out'
      entries.push(entry)
    }
    if (entries.length === 0) return undefined
    this.#out += entries.length
    return {
      entries,
      reports: entries.map(({ text, report }) => report ?? (JSON.parse(text) as SessionReport)),
    }
  }

  /** Control has them. */
  kept({ entries }: Batch): void {
    for (const entry of entries) {
      entry.state = 'done'
      this.#bytes -= entry.text.length
    }
    this.#waiting -= entries.length
    this.#out -= entries.length
    let done = 0
    while (this.#entries[done]?.state === 'done') done++
    if (done === 0) return
    this.#entries.splice(0, done)
    this.#next -= done
    this.#file?.done(done)
  }

  /** Control has not taken them. */
  back({ entries }: Batch): void {
    for (const entry of entries) entry.state = 'waiting'
    this.#out -= entries.length
    this.#next = Math.min(this.#next, this.#entries.indexOf(entries[0]!))
  }

  /** Control cannot take them, now or ever. */
  giveUp(batch: Batch): void {
    this.#shed += batch.entries.length
    this.kept(batch)
  }

  /** Records that never came here. */
  lose(count: number): void {
    this.#shed += count
    this.#say()
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }

  #add(text: string, made: SessionReport, told: boolean): void {
    const { session, device = '', state } = made
    const report = this.#entries.length < MAX_PARSED ? made : undefined
    this.#entries.push({ text, report, session, device, told, isOpen: state === 'open', state: 'waiting' })
    this.#waiting++
    this.#bytes += text.length
  }

  /**
   * What is missed least goes first: that a session began when its end is here, then sessions that came and went, then
   * the oldest. A device that has more than an even share of the room loses its own before anybody else does.
   */
  #bound(): void {
    if (this.#bytes <= this.#maxBytes) return
    const target = this.#maxBytes * (1 - ROOM)
    const ended = new Set(this.#entries.filter((entry) => !entry.isOpen).map((entry) => entry.session))
    const before = this.#waiting
    const bytesOf = new Map<string, number>()
    for (const { device, text } of this.#entries) {
      bytesOf.set(device, (bytesOf.get(device) ?? 0) + text.length)
    }
    const evenBytes = target / bytesOf.size
    const isOver = ({ device }: SpoolEntry) => bytesOf.get(device)! > evenBytes
    for (const spare of [
      (entry: SpoolEntry) => entry.isOpen && ended.has(entry.session),
      (entry: SpoolEntry) => isOver(entry) && !entry.isOpen && !entry.told,
      isOver,
      () => true,
    ]) {
      if (this.#bytes <= target) break
      this.#entries = this.#entries.filter((entry) => {
        if (this.#bytes <= target || entry.state !== 'waiting' || !spare(entry)) return true
        this.#bytes -= entry.text.length
        bytesOf.set(entry.device, bytesOf.get(entry.device)! - entry.text.length)
        this.#waiting--
        return false
      })
    }
    this.#next = 0
    this.#shed += before - this.#waiting
    this.#file?.rewrite()
    this.#say()
  }

  #say(): void {
    const nowMs = performance.now()
    if (nowMs - this.#saidMs < SAY_MS) return
    this.#saidMs = nowMs
    const count = this.#shed - this.#said
    this.#said = this.#shed
    const about = { event: 'session-report.shed', count, waiting: this.#waiting }
    this.#log.warn(
      about,
      `${count} session records were dropped: the control plane does not accept them fast enough`,
    )
  }

  /** With those that are done with and stand behind one that is not: `done` counts them. */
  #lines(): string[] {
    return this.#entries.map(({ text }) => text)
  }
}

/** What cannot be read is the half line of a process that was killed, or the record of another version. */
function readLine(line: string): SessionReport | undefined {
  try {
    return sessionReport.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
