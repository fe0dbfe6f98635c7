/**
 * How long the doctor waits for a step: as long as the daemon does, or for as long as his own time lasts. Less only where
 * the daemon has met the same silence a moment ago, and has waited for all of it.
 *
 * @module
 */
import { Fault, type FaultCode } from '../base/faults.ts'
import { PATIENCE_MS, type WaitStep } from '../base/patience.ts'
import type { DaemonFacts } from './facts.ts'

export interface PatienceOptions {
  /** Code that the daemon gives up with just now, by its own account. */
  readonly daemonMet: Promise<string | undefined>
  readonly signal: AbortSignal
}

/** Of all steps together: what is left of ten seconds is for what follows. */
const ALL_MS = 8000
/** Enough to see again what the daemon has seen. */
const SEE_AGAIN_MS = 4000
/** However late it is: whoever answers at all nearly always does by then. */
const LEAST_MS = 1500

/** What the silence of each step is called. */
const SILENCE: Readonly<Record<WaitStep, FaultCode>> = {
  name: 'RESOLVER_UNREACHABLE',
  dial: 'EGRESS_BLOCKED',
  proxy: 'PROXY_UNREACHABLE',
  handshake: 'HANDSHAKE_TIMEOUT',
  answer: 'CONTROL_UNREACHABLE',
  handover: 'HANDSHAKE_TIMEOUT',
  application: 'APP_TIMEOUT',
  applicationTls: 'APP_TIMEOUT',
}

export class Patience {
  readonly #o: PatienceOptions
  readonly #startedAt = performance.now()

  constructor(o: PatienceOptions) {
    this.#o = o
  }

  /** For this step, if it begins now. */
  msFor(step: WaitStep): number {
    const leftMs = ALL_MS - (performance.now() - this.#startedAt)
    return Math.round(Math.max(LEAST_MS, Math.min(PATIENCE_MS[step], leftMs)))
  }

  /** Aborts when this step is not to be waited for any longer, with the fault that its silence is. */
  signalFor(step: WaitStep, where: string): AbortSignal & Disposable {
    const { signal, daemonMet } = this.#o
    const over = new AbortController()
    const startedAt = performance.now()
    const end = () => {
      const waitedMs = Math.round(performance.now() - startedAt)
      over.abort(new Fault(SILENCE[step], `no answer from ${where} (${waitedMs} ms)`))
    }
    const again = setTimeout(() => {
      void daemonMet.then((code) => code === SILENCE[step] && end())
    }, SEE_AGAIN_MS)
    const whole = setTimeout(end, this.msFor(step))
    const stop = () => over.abort(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    return Object.assign(over.signal, {
      [Symbol.dispose]() {
        clearTimeout(again)
        clearTimeout(whole)
        signal.removeEventListener('abort', stop)
      },
    })
  }
}

/** What the daemon gives up with, as it says; of one that is silent, as its record says. */
export async function daemonMet(asked: Promise<DaemonFacts>): Promise<string | undefined> {
  return asked.then(
    ({ fault, lastFault }) => fault?.code ?? lastFault?.code,
    () => undefined,
  )
}
