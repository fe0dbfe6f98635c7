/**
 * Examinations that control asks connected agents for: one at a time for each, over its control connection.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import type {
  DiagnosisFinding,
  DiagnosisMessage,
  DiagnosisReport,
  DiagnosisStep,
  DiagnosisTarget,
} from '../../wire/control.ts'
import type { Connected } from './presence.ts'

/** Told as it goes. */
export interface DiagnosisListener {
  readonly step?: (step: DiagnosisStep) => void
  /** The headline, before the rest is known. */
  readonly first?: (finding: DiagnosisFinding) => void
}

interface OpenDiagnosis {
  readonly id: string
  readonly listener: DiagnosisListener
  readonly end: (result: DiagnosisReport | Fault) => void
  told: number
}

/** The agent itself gives up before this. */
const ALL_MS = 17_000
/** Far over the number of checks: an agent that tells more would fill the memory of whoever reads slowly. */
const MAX_TOLD = 256

export class Diagnoses {
  readonly #open = new Map<string, OpenDiagnosis>()

  /**
   * @param signal Whoever asked has gone: nobody waits any more.
   * @throws {Fault} CONFLICT if one is under way; CONNECTOR_DISCONNECTED if it goes away meanwhile;
   *   CONTROL_UNREACHABLE if it does not answer in time; what the agent says that kept it.
   */
  async ask(
    connected: Connected,
    app: DiagnosisTarget | undefined,
    { signal, ...listener }: DiagnosisListener & { readonly signal: AbortSignal },
  ): Promise<DiagnosisReport> {
    const { channel, peer } = connected
    const agent = peer.identity.id
    if (this.#open.has(agent)) throw new Fault('CONFLICT', `an examination of ${agent} is already running`)
    const id = newId('dgn')
    const { promise, resolve } = Promise.withResolvers<DiagnosisReport | Fault>()
    // A connection lives for months and keeps whatever waits for its end: that must not be the report.
    let waiting: typeof resolve | undefined = resolve
    const end = (result: DiagnosisReport | Fault) => waiting?.(result)
    const mine: OpenDiagnosis = { id, listener, end, told: 0 }
    this.#open.set(agent, mine)
    const silent = new Fault(
      'CONTROL_UNREACHABLE',
      `${agent} did not complete its examination in ${ALL_MS / 1000} s`,
    )
    const timer = setTimeout(end, ALL_MS, silent)
    const gone = () =>
      end(new Fault('CONNECTOR_DISCONNECTED', `${agent} disconnected during its examination`))
    const left = () => end(new Fault('CONFLICT', 'the requester of the examination has gone'))
    signal.addEventListener('abort', left, { once: true })
    void channel.closed.then(gone)
    try {
      if (!channel.send({ type: 'diagnose', id, app })) gone()
      const result = await promise
      if (result instanceof Fault) throw result
      return result
    } finally {
      waiting = undefined
      clearTimeout(timer)
      signal.removeEventListener('abort', left)
      if (this.#open.get(agent) === mine) this.#open.delete(agent)
    }
  }

  /** An agent tells of its examination. What nobody waits for any more is dropped. */
  said({ peer }: Connected, { id, step, first, report, failed }: DiagnosisMessage): void {
    const open = this.#open.get(peer.identity.id)
    if (open?.id !== id) return
    if (++open.told > MAX_TOLD) {
      open.end(
        new Fault('PROTOCOL_ERROR', `more than ${MAX_TOLD} messages in one examination`, {
          hop: 'connector',
        }),
      )
      return
    }
    if (step !== undefined) open.listener.step?.(step)
    if (first !== undefined) open.listener.first?.(first)
    if (report !== undefined) open.end(report)
    if (failed !== undefined) open.end(faultFromMessage(failed))
  }
}
