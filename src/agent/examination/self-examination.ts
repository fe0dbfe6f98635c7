/**
 * A daemon that cannot get up asks the doctor by itself, and says once what it is told.
 *
 *     failed → failed again → examined, one line in the log → … → up: how long it was, and why
 *
 * @module
 */
import type { BootTime } from '../../base/boot-clock.ts'
import type { Fault, FaultCode } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { StateDir } from '../../base/state-dir.ts'
import type { ControlMessage } from '../../wire/control.ts'
import { type Diagnose, DiagnosisResponder, type SendToControl } from './diagnosis.ts'
import { outagesMessages } from './outage-message.ts'
import { type Outage, Outages, type SelfVerdict } from './outages.ts'

/** The doctor, as a daemon knows it: given from outside, because nothing of a daemon depends on it. */
export type Examine = (
  asking: Pick<Fault, 'code' | 'hop' | 'detail' | 'seen'> & { readonly enrolling?: boolean },
  signal: AbortSignal,
) => Promise<SelfVerdict>

export interface SelfExaminationOptions {
  readonly log: Log
  /** None: outages are recorded and not explained. */
  readonly examine?: Examine
  /** Asked when the control plane wants to know; none: it is told that there is no doctor. */
  readonly diagnose?: Diagnose
  readonly nowMs?: () => number
  readonly bootNow?: () => BootTime
  /** Monotonic, in milliseconds. */
  readonly monotonicMs?: () => number
}

/** One failure is a hiccup. */
const EXAMINED_AT_ATTEMPT = 2
/** The cause may change while the symptom stays. */
const AGAIN_MS = 600_000
/** A symptom that changes is a reason to look again, but not at every attempt. */
const CHANGED_MS = 10_000
const STILL_NOTED_MS = 60_000

/** The part of the status document that says what is wrong, for how long, and what was wrong before. */
export interface OutageReport {
  readonly current?: Outage
  readonly past: readonly Outage[]
  /** How often the verdict has been confirmed since it was logged. */
  readonly repeats: number
}

export class SelfExamination implements AsyncDisposable {
  readonly #o: SelfExaminationOptions
  readonly #outages: Outages
  readonly #responder: DiagnosisResponder
  #send: SendToControl | undefined
  readonly #stop = new AbortController()
  readonly #monotonicMs: () => number
  /** Since the start of this process. */
  #attempts = 0
  #asked: { readonly code: FaultCode; readonly atMs: number } | undefined
  #still: { readonly fault: Fault; readonly atMs: number } | undefined
  #said: string | undefined
  #repeats = 0
  #running: Promise<void> | undefined

  /** With what earlier processes have left in the state directory. @throws {Fault} STATE_UNWRITABLE. */
  static async open(state: StateDir, o: SelfExaminationOptions): Promise<SelfExamination> {
    return new SelfExamination(await Outages.open(state, o), o)
  }

  private constructor(outages: Outages, o: SelfExaminationOptions) {
    this.#outages = outages
    this.#responder = new DiagnosisResponder(o.diagnose)
    this.#o = o
    this.#monotonicMs = o.monotonicMs ?? (() => performance.now())
  }

  report(): OutageReport {
    const { current, past } = this.#outages
    return { current, past, repeats: this.#repeats }
  }

  /** STOOD_STILL, for a minute after this process did: whoever looks then is told that it was not the network. */
  get stoodStill(): Fault | undefined {
    const { fault, atMs } = this.#still ?? {}
    return atMs !== undefined && this.#monotonicMs() - atMs < STILL_NOTED_MS ? fault : undefined
  }

  /** What keeps the record from the disk. */
  get unwritten(): Fault | undefined {
    return this.#outages.unwritten
  }

  /** Control is there: it is told of outages that it does not have yet, now and as they end. */
  resume(send: SendToControl): void {
    this.#send = send
    this.#tell()
  }

  /** Control is away: what it has not acknowledged is told again. */
  pause(): void {
    this.#send = undefined
  }

  /** @returns Whether the message was for this part. */
  message(message: ControlMessage): boolean {
    if (message.type === 'outages-kept') this.#outages.kept(message.ids)
    else if (message.type === 'diagnose') this.#responder.asked(message, (said) => this.#send?.(said))
    else return false
    return true
  }

  /** An attempt to get up failed. @param enrolling It was one to get an identity: until then nothing of it is up. */
  failed(fault: Fault, enrolling = false): void {
    this.#attempts++
    if (fault.code === 'STOOD_STILL') this.#still = { fault, atMs: this.#monotonicMs() }
    this.#outages.failed(fault)
    if (this.#attempts >= EXAMINED_AT_ATTEMPT && this.#running === undefined && this.#isDue(fault)) {
      this.#running = this.#ask(fault, enrolling).finally(() => {
        this.#running = undefined
      })
    }
  }

  /** All is well. */
  up(): void {
    this.#attempts = 0
    this.#asked = undefined
    this.#said = undefined
    this.#repeats = 0
    const over = this.#outages.ended()
    if (over !== undefined) this.#tell()
    // A hiccup is in the record; the log need not speak of it.
    if (over === undefined || over.attempts < EXAMINED_AT_ATTEMPT) return
    const { sinceMs, endedMs, attempts, verdict, code, hop } = over
    const durationMs = endedMs! - sinceMs
    const cause = verdict?.code === undefined ? { code, hop } : { code: verdict.code, hop: verdict.hop }
    this.#o.log.info(
      {
        event: 'doctor.recovered',
        durationMs,
        attempts,
        because: cause.code,
        hop: cause.hop,
        run: verdict?.run,
      },
      `Back after ${Math.round(durationMs / 1000)} s and ${attempts} attempts: it was ${cause.hop} ${cause.code}`,
    )
  }

  #tell(): void {
    for (const message of outagesMessages(this.#outages.untold)) this.#send?.(message)
  }

  #isDue({ code }: Fault): boolean {
    if (this.#o.examine === undefined || this.#stop.signal.aborted) return false
    if (this.#asked === undefined) return true
    const sinceMs = this.#monotonicMs() - this.#asked.atMs
    return sinceMs >= AGAIN_MS || (this.#asked.code !== code && sinceMs >= CHANGED_MS)
  }

  async #ask({ code, hop, detail, seen }: Fault, enrolling: boolean): Promise<void> {
    const { examine, log } = this.#o
    const { signal } = this.#stop
    this.#asked = { code, atMs: this.#monotonicMs() }
    const id = this.#outages.current?.id
    try {
      const verdict = await examine!({ code, hop, detail, seen, enrolling }, signal)
      // It came back meanwhile; if it is away again, that is another outage, which this says nothing of.
      if (id === undefined || this.#outages.current?.id !== id) return
      this.#outages.explained(id, verdict)
      this.#say(verdict)
    } catch (error) {
      if (signal.aborted) return
      log.warn({ event: 'doctor.failed', err: error }, 'The doctor could not run')
    }
  }

  /** A verdict is one line; the same again is a count. */
  #say(verdict: SelfVerdict): void {
    const { headline, ...fields } = verdict
    const same = this.#said === `${verdict.hop} ${verdict.code}`
    this.#said = `${verdict.hop} ${verdict.code}`
    this.#repeats = same ? this.#repeats + 1 : 0
    const level = same ? 'debug' : verdict.outcome === 'fault' ? 'error' : 'warn'
    this.#o.log[level]({ event: 'doctor.verdict', ...fields, repeats: this.#repeats }, headline)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#responder[Symbol.asyncDispose]()
    await this.#running
    await this.#outages.close()
  }
}
