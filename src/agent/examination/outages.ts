/**
 * The outages of one agent: when it lost its way, for how long, why, and what was seen. Kept in the state directory,
 * so that a restart in the middle of one neither ends nor forgets it.
 *
 * @module
 */

import { stat } from 'node:fs/promises'
import { z } from 'zod'
import { type BootTime, bootTime, elapsedMs } from '../../base/boot-clock.ts'
import { Condition } from '../../base/condition.ts'
import { asFault, FAULTS, type Fault, type FaultCode, HOPS } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { StateDir } from '../../base/state-dir.ts'

const FILE = 'outages.json'
/** Of its own, because to take it away needs no room on the disk. */
const RUNNING_FILE = 'running.json'
const MAX_PAST = 20
/** Other findings that a verdict names beside the first. */
const MAX_ALSO = 8
/** Dates that agree with what was measured to this much stay as they are. */
const DATE_MS = 2000
/** Attempts are counted in memory and written this often; begin, verdict and end are written at once. */
const WRITE_EVERY_MS = 60_000
/** What could not be written is tried again. */
const REWRITE_MS = 30_000

const code = z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]])
const hop = z.enum(HOPS)

/** What the doctor said, short: the headline and what goes with it. */
export const selfVerdict = z.object({
  run: z.string(),
  at: z.string(),
  durationMs: z.number(),
  outcome: z.enum(['healthy', 'fault', 'unknown']),
  headline: z.string(),
  code: code.optional(),
  hop: hop.optional(),
  seen: z.array(z.string()),
  fix: z.array(z.string()),
  verify: z.object({ run: z.string(), expect: z.string() }).optional(),
  /** Other roots beside the first: `edge TLS_INTERCEPTED`. */
  also: z.array(z.string()),
})
export type SelfVerdict = z.infer<typeof selfVerdict>

const outage = z.object({
  /** By which control knows it again when it is told twice. Records of earlier versions get theirs here. */
  id: z.string().default(() => newId('out')),
  sinceMs: z.number(),
  /** The same by the clock that nobody sets: dates may jump while it lasts. */
  began: z.object({ boot: z.string(), atMs: z.number() }).optional(),
  /** Absent while it lasts. */
  endedMs: z.number().optional(),
  attempts: z.number(),
  /** Of the last attempt. */
  code,
  hop,
  detail: z.string(),
  verdict: selfVerdict.optional(),
  /** Control has it for good. */
  kept: z.boolean().optional(),
})
export type Outage = z.infer<typeof outage>

/** The process that writes here. Taken away when it ends in good order: a killed one leaves it. */
const running = z.object({ pid: z.number() })

const file = z.object({
  version: z.literal(1),
  current: outage.optional(),
  past: z.array(outage).max(MAX_PAST),
  /** Earlier versions had it here. */
  running: running.optional(),
})

interface OutagesOptions {
  readonly log: Log
  readonly nowMs?: () => number
  readonly bootNow?: () => BootTime
}

export class Outages {
  readonly #state: StateDir
  readonly #log: Log
  readonly #nowMs: () => number
  readonly #bootNow: () => BootTime
  #current: Outage | undefined
  #past: readonly Outage[]
  #writing: Promise<void> = Promise.resolve()
  #writtenMs = 0
  readonly #unwritten: Condition
  #rewriting: NodeJS.Timeout | undefined

  /**
   * A damaged file is begun anew: it is a record, and must not keep a daemon from starting. Whoever was here before and
   * ended without a word is an outage, too.
   */
  static async open(state: StateDir, o: OutagesOptions): Promise<Outages> {
    const text = await state.read(FILE)
    let kept: z.infer<typeof file> = { version: 1, past: [] }
    try {
      if (text !== undefined) kept = file.parse(JSON.parse(text))
    } catch (error) {
      o.log.warn({ event: 'outages.damaged', file: state.file(FILE) }, asFault(error).message)
    }
    const before = (await readRunning(state)) ?? kept.running
    const outages = new Outages(state, kept, o)
    if (before !== undefined && kept.current === undefined) outages.#wasKilled(before.pid)
    outages.#write()
    await outages.#writing
    await outages.#mark() // from here on to be killed leaves a trace
    return outages
  }

  private constructor(
    state: StateDir,
    { current, past }: z.infer<typeof file>,
    { log, nowMs = Date.now, bootNow = bootTime }: OutagesOptions,
  ) {
    this.#state = state
    this.#current = current
    this.#past = past
    this.#log = log
    // The daemon serves on: a full disk is no reason to cut anybody off.
    this.#unwritten = new Condition(log, {
      begins: 'state.unwritten',
      ends: 'state.written',
      over: 'The state directory is writable again',
      level: 'error',
    })
    this.#nowMs = nowMs
    this.#bootNow = bootNow
  }

  /** When it was is not known: the time is that of the start after it. */
  #wasKilled(pid: number): void {
    const atMs = this.#nowMs()
    const detail = `process ${pid} exited unexpectedly, without an exit status, and was restarted`
    const killed = { id: newId('out'), sinceMs: atMs, endedMs: atMs, attempts: 1, detail }
    this.#past = [
      { ...killed, code: 'DAEMON_DOWN', hop: this.#state.hop ?? 'connector' } as const,
      ...this.#past,
    ]
    this.#past = this.#past.slice(0, MAX_PAST)
    this.#log.warn({ event: 'daemon.was-killed', pid }, `The ${detail}`)
  }

  /** The one that lasts. */
  get current(): Outage | undefined {
    return this.#current
  }

  /** Why the last state of things is not on disk: DISK_FULL, STATE_UNWRITABLE. Nothing else may need to be written for days. */
  get unwritten(): Fault | undefined {
    return this.#unwritten.fault
  }

  /** Those that have ended, newest first. */
  get past(): readonly Outage[] {
    return this.#past
  }

  /** Those that have ended and that control does not have yet, oldest first. */
  get untold(): readonly Outage[] {
    return this.#past.filter(({ kept }) => kept !== true).reverse()
  }

  /** Control has these for good. */
  kept(ids: readonly string[]): void {
    const known = new Set(ids)
    this.#past = this.#past.map((one) => (known.has(one.id) ? { ...one, kept: true } : one))
    this.#write()
  }

  /** One more attempt failed. */
  failed(fault: Fault): void {
    const { code, hop, detail } = fault
    const before = this.#current ?? this.#begun(fault)
    this.#current = { ...before, attempts: before.attempts + 1, code, hop, detail }
    if (before.attempts === 0 || this.#nowMs() - this.#writtenMs >= WRITE_EVERY_MS) this.#write()
  }

  /** What stood still has been away since it began to. */
  #begun({ seen: { stoodStillMs } }: Fault): Pick<Outage, 'id' | 'sinceMs' | 'began' | 'attempts'> {
    const agoMs = typeof stoodStillMs === 'number' ? stoodStillMs : 0
    const { boot, atMs } = this.#bootNow()
    const began = { boot, atMs: atMs - agoMs }
    return { id: newId('out'), sinceMs: this.#nowMs() - agoMs, began, attempts: 0 }
  }

  /**
   * What the doctor found in this outage. One that looked too late, and found all well or nothing to tell, takes nothing
   * from what was found while it lasted; a second finding goes before the first, which stays beside it.
   */
  explained(id: string, verdict: SelfVerdict): void {
    if (this.#current?.id !== id) return
    this.#current = { ...this.#current, verdict: together(this.#current.verdict, verdict) }
    this.#write()
  }

  /** @returns The outage that this ends. */
  ended(): Outage | undefined {
    if (this.#current === undefined) return undefined
    const over = this.#over(this.#current)
    this.#current = undefined
    this.#past = [over, ...this.#past].slice(0, MAX_PAST)
    this.#write()
    return over
  }

  /** How long it was is measured; where dates have jumped meanwhile, it began that long before now. */
  #over(current: Outage): Outage & { readonly endedMs: number } {
    const nowMs = this.#nowMs()
    const { began, sinceMs } = current
    const lastedMs = began && elapsedMs(began, this.#bootNow())
    if (lastedMs === undefined) return { ...current, endedMs: Math.max(sinceMs, nowMs) }
    const isAsDated = Math.abs(nowMs - sinceMs - lastedMs) < DATE_MS
    return { ...current, sinceMs: isAsDated ? sinceMs : nowMs - lastedMs, endedMs: nowMs }
  }

  /** The process ends in good order. Resolves when everything so far is on disk, or could not be. */
  async close(): Promise<void> {
    this.#write()
    await this.#writing
    clearTimeout(this.#rewriting)
    await this.#state.remove(RUNNING_FILE).catch((error: unknown) => this.#unwritten.set(asFault(error)))
  }

  async #mark(): Promise<void> {
    const text = `${JSON.stringify({ pid: process.pid } satisfies z.infer<typeof running>)}\n`
    await this.#state.write(RUNNING_FILE, text).catch((error: unknown) => this.#unwritten.set(asFault(error)))
  }

  #write(): void {
    this.#writtenMs = this.#nowMs()
    const content: z.infer<typeof file> = {
      ...{ version: 1, current: this.#current, past: [...this.#past] },
    }
    const text = `${JSON.stringify(content)}\n`
    clearTimeout(this.#rewriting)
    this.#writing = this.#writing
      .then(() => this.#state.write(FILE, text))
      .then(
        () => this.#unwritten.set(undefined),
        (error: unknown) => {
          this.#unwritten.set(asFault(error))
          this.#rewriting = setTimeout(() => this.#write(), REWRITE_MS).unref()
        },
      )
  }
}

function together(before: SelfVerdict | undefined, now: SelfVerdict): SelfVerdict {
  if (before?.code === undefined) return now
  if (now.code === undefined) return before
  const root = (one: SelfVerdict) => `${one.hop} ${one.code}`
  const also = [...now.also, root(before), ...before.also].filter((one) => one !== root(now))
  return { ...now, also: [...new Set(also)].slice(0, MAX_ALSO) }
}

async function readRunning(state: StateDir): Promise<z.infer<typeof running> | undefined> {
  try {
    return running.parse(JSON.parse((await state.read(RUNNING_FILE)) ?? ''))
  } catch {
    return undefined
  }
}

/** The outages that a daemon left here, for whoever looks after it has ended. */
export async function readOutages(
  state: StateDir,
): Promise<{ current?: Outage; past: readonly Outage[]; running?: { pid: number }; writtenMs?: number }> {
  const marked = await readRunning(state)
  const written = await stat(state.file(FILE)).catch(() => undefined)
  try {
    const kept = file.parse(JSON.parse((await state.read(FILE)) ?? ''))
    return { ...kept, running: marked ?? kept.running, writtenMs: written?.mtimeMs }
  } catch {
    return { past: [], running: marked }
  }
}
