/**
 * Answers control that asks an agent to examine itself: one examination at a time, told as it goes.
 *
 * @module
 */
import { eitherAborted } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type {
  AgentMessage,
  DiagnosisFinding,
  DiagnosisMessage,
  DiagnosisReport,
  DiagnosisStep,
  DiagnosisTarget,
} from '../../wire/control.ts'
import { fitFinding, fitReport, fitStep } from './diagnosis-fit.ts'

/** What is known before the examination is over. */
export interface DiagnosisProgress {
  /** A judgement that nothing can change any more. */
  step(step: DiagnosisStep): void
  /** The headline, once: nothing can come before it. */
  first(finding: DiagnosisFinding): void
}

/** The doctor, as a daemon that is asked knows it: given from outside, because nothing of a daemon depends on it. */
export type Diagnose = (
  app: DiagnosisTarget | undefined,
  progress: DiagnosisProgress,
  signal: AbortSignal,
) => Promise<DiagnosisReport>

export type SendToControl = (message: AgentMessage) => void

/** Who asks has stopped listening by then. */
const ALL_MS = 15_000

/** Of one daemon, over all its control connections. */
export class DiagnosisResponder implements AsyncDisposable {
  readonly #diagnose: Diagnose | undefined
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined

  /** @param diagnose None: whoever asks is told so. */
  constructor(diagnose: Diagnose | undefined) {
    this.#diagnose = diagnose
  }

  /** @param send Of the connection that the question came by. */
  asked({ id, app }: { readonly id: string; readonly app?: DiagnosisTarget }, send: SendToControl): void {
    const tell = (said: Omit<DiagnosisMessage, 'type' | 'id'>) => send({ type: 'diagnosis', id, ...said })
    if (this.#running !== undefined) {
      const busy = new Fault('CONFLICT', 'an examination is already running')
      tell({ failed: faultToMessage(busy) })
      return
    }
    this.#running = this.#examine(app, tell).finally(() => {
      this.#running = undefined
    })
  }

  async #examine(
    app: DiagnosisTarget | undefined,
    tell: (said: Omit<DiagnosisMessage, 'type' | 'id'>) => void,
  ): Promise<void> {
    using signal = eitherAborted(this.#stop.signal, AbortSignal.timeout(ALL_MS))
    try {
      if (this.#diagnose === undefined) throw new Fault('INTERNAL', 'this daemon has no doctor')
      const report = await this.#diagnose(
        app,
        {
          step: (step) => tell({ step: fitStep(step) }),
          first: (found) => tell({ first: fitFinding(found) }),
        },
        signal,
      )
      tell({ report: fitReport(report) })
    } catch (error) {
      const fault = signal.aborted
        ? new Fault('CONTROL_UNREACHABLE', `the examination did not complete within ${ALL_MS / 1000} s`)
        : asFault(error)
      tell({ failed: faultToMessage(fault) })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }
}
