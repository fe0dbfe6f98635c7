/**
 * What is told of an application that is silent, and to whom: a note while it lasts, a line when it begins and one when
 * it ends, and whoever wants to know at once. What counts as silence, its caller knows.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import type { Silence } from '../../policy/silence.ts'

/** So many that wait are told, and no more. */
const MANY = 3

export interface At {
  readonly host: string
  readonly port: number
  readonly protocol?: 'tcp' | 'udp'
}

/** Of what is said of an application: where it is, and what day a monotonic time was. */
export interface SilenceOf<A> {
  readonly application: A
  /** Where its sessions connect to. */
  readonly address: string | undefined
  /** Of a monotonic time, in milliseconds. */
  readonly wallMs: (monotonicMs: number) => number
}

export interface SilenceReportsOptions<A> {
  readonly clock: Clock
  readonly log: Log
  readonly faultOf: (silence: Silence, of: SilenceOf<A>) => Fault
  /** It is silent, or is not any more. */
  readonly onChange?: (application: A, fault: Fault | undefined) => void
  /** So many of its sessions have waited for their first byte for long, three standing for more; none any more. */
  readonly onWaiting?: (application: A, sessions: number) => void
  /** It fell silent: somebody may look why. */
  readonly onSilent?: (application: A) => void
}

/** Of one application. */
export class SilenceReports<A extends At> {
  /** While it is silent. */
  fault: Fault | undefined
  #sinceMs = 0
  /** Of those that wait: what was told last. */
  #waits = 0
  readonly #application: A
  readonly #o: SilenceReportsOptions<A>

  constructor(application: A, o: SilenceReportsOptions<A>) {
    this.#application = application
    this.#o = o
  }

  /** @param answeredMs When somebody was answered last. */
  tell(
    silence: Silence | undefined,
    {
      nowMs,
      address,
      answeredMs = -1,
      explained,
    }: { nowMs: number; address?: string; answeredMs?: number; explained: boolean },
  ): void {
    const before = this.fault
    if (silence === undefined && before === undefined) return
    const fault = silence && this.faultOf(silence, { nowMs, address })
    this.fault = fault
    if (fault?.detail === before?.detail) return
    const { onChange, onSilent, log } = this.#o
    const { host, port, protocol } = this.#application
    onChange?.(this.#application, fault)
    if (fault === undefined) {
      // Else nobody waits any more, and that is no answer.
      const answers = answeredMs > this.#sinceMs
      const text = answers ? 'answers again' : 'has no waiting session any more'
      const event = answers ? 'application.answers' : 'application.unasked'
      if (!explained) log.info({ event, host, port, protocol }, `${hostPort({ host, port })} ${text}`)
    } else if (before === undefined || before.seen.is !== fault.seen.is) {
      const { code, hop, seen, detail } = fault
      log.warn(
        { event: 'application.silent', code, hop, host, port, protocol, seen },
        `${protocol === 'udp' ? '' : 'Connects, but '}${code}: ${detail}`,
      )
    }
    this.#sinceMs = silence?.sinceMs ?? 0
    if (fault !== undefined && before === undefined) onSilent?.(this.#application)
  }

  /** The first that has waited for long is worth a line, and no more than that. */
  tellWaits(sessions: number, waitedMs: number): void {
    const before = this.#waits
    this.#waits = Math.min(sessions, MANY)
    if (this.#waits === before) return
    this.#o.onWaiting?.(this.#application, this.#waits)
    if (before > 0 || sessions === 0) return
    const { host, port } = this.#application
    const who = sessions === 1 ? 'one session waits' : `${sessions} sessions wait`
    this.#o.log.info(
      { event: 'application.waited-for', host, port, sessions },
      `${who} for the first byte of ${hostPort({ host, port })}, for ${Math.round(waitedMs / 1000)} s`,
    )
  }

  faultOf(silence: Silence, { nowMs, address }: { nowMs: number; address?: string }): Fault {
    const { clock, faultOf } = this.#o
    const wallMs = (monotonicMs: number) => clock.nowMs() - (nowMs - monotonicMs)
    return faultOf(silence, { application: this.#application, address, wallMs })
  }
}
