import type { Clock } from '../../base/clock.ts'
import { wordsOf } from '../../base/fault-words.ts'
import type { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { DialStep } from '../../link/dial/dial.ts'
import type { FaultMessage } from '../../wire/control.ts'
import { type BringUp, COLD, next, STAGE_NUMBERS, STAGES, type StageNumber } from './bring-up.ts'

/** A fault that repeats is said in full the first time, then once in this many. */
const SAY_EVERY = 20

const LAST_STAGE = 6

/** Hears of each attempt that failed, and of each canary that came through. */
export interface ProgressObserver {
  failed(fault: Fault): void
  up(): void
}

const NOTHING = { code: '', stage: 0, times: 0 }

/** One stage, as the status document has it. */
export interface StageReport {
  readonly stage: StageNumber
  readonly name: string
  readonly state: 'waiting' | 'running' | 'passed' | 'failed'
  /** Set once passed or failed. */
  readonly durationMs?: number
  readonly fault?: FaultMessage
}

/** The bring-up as it happens: keeps the stages and says each in the log, with its duration. */
export class Progress {
  readonly #log: Log
  readonly #clock: Clock
  #stages: BringUp = COLD
  #observer: ProgressObserver | undefined
  #repeated: { code: string; stage: number; times: number } = NOTHING

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** Who else hears of it, from here on. */
  observe(observer: ProgressObserver): void {
    this.#observer = observer
  }

  get stages(): BringUp {
    return this.#stages
  }

  begin(stage: StageNumber): void {
    this.#stages = next(this.#stages, { on: 'begin', stage, atUs: this.#clock.monotonicUs() })
  }

  /** @param seen What the stage found out, for the log. */
  pass(stage: StageNumber, seen: Readonly<Record<string, unknown>> = {}): void {
    const before = this.#stages[stage].is
    this.#stages = next(this.#stages, { on: 'pass', stage, atUs: this.#clock.monotonicUs() })
    if (stage === LAST_STAGE) this.#observer?.up()
    if (before === 'passed') return
    // While one fault repeats, the stages before it would be told at every attempt.
    const level = this.#repeated.times > 0 && stage < this.#repeated.stage ? 'debug' : 'info'
    if (stage >= this.#repeated.stage) this.#repeated = NOTHING
    const durationMs = durationOf(this.#stages, stage)
    this.#log[level](
      { event: 'bring-up.passed', stage, durationMs, ...seen },
      `Stage ${stage} of 6, ${STAGES[stage]}: passed in ${durationMs} ms`,
    )
  }

  /** The attempt under way has come this far; `after` is what the connection is made for. */
  step(step: DialStep, after: 4 | 5): void {
    if (step === 'dialling') this.begin(2)
    else if (step === 'resolved') {
      this.pass(2)
      this.begin(3)
    } else if (step === 'secured') {
      this.pass(3)
      this.begin(after)
    }
  }

  /** @param said By whoever saw it, in a line of its own: then this one is for a closer look. */
  fail(stage: StageNumber, fault: Fault, said = false): void {
    this.#stages = next(this.#stages, { on: 'fail', stage, atUs: this.#clock.monotonicUs(), fault })
    this.#observer?.failed(fault)
    const times = this.#repeated.code === fault.code ? this.#repeated.times + 1 : 1
    this.#repeated = { code: fault.code, stage, times }
    const durationMs = durationOf(this.#stages, stage)
    const { code, hop, seen } = fault
    const again = times > 1 ? ` (${times} times)` : ''
    const level = times % SAY_EVERY === 1 && !said ? 'error' : 'debug'
    this.#log[level](
      { event: 'bring-up.failed', stage, durationMs, code, hop, seen, times, fix: wordsOf(fault).fix },
      `Stage ${stage} of 6, ${STAGES[stage]}: ${fault.message}${again}`,
    )
  }

  report(): StageReport[] {
    return STAGE_NUMBERS.map((stage) => {
      const { is, ...rest } = this.#stages[stage]
      return {
        stage,
        name: STAGES[stage],
        state: is,
        ...('durationUs' in rest ? { durationMs: durationOf(this.#stages, stage) } : {}),
        ...('fault' in rest ? { fault: faultToMessage(rest.fault) } : {}),
      }
    })
  }
}

function durationOf(stages: BringUp, stage: StageNumber): number {
  const at = stages[stage]
  return 'durationUs' in at ? Math.round(at.durationUs / 100) / 10 : 0
}
