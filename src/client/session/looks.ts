/**
 * Looks at the way to an application that control makes from this device: with a large transfer in the tunnel, and with
 * the eyes of the connector. Asked for by whoever runs the doctor here, and by the client itself where somebody waits for
 * a first byte.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import { deadline, unlessAborted } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import { askAbout } from '../address/ask-about.ts'
import type { Destination } from '../address/destination.ts'
import type { PermitLink } from './permits.ts'

export interface LookResult {
  /** Every hop was looked at, and none failed. */
  readonly well: boolean
  readonly fault?: Fault
}

export interface LooksOptions {
  readonly control: () => Promise<PermitLink>
  readonly clock: Pick<Clock, 'monotonicUs'>
  readonly log: Log
}

/** Control gives up sooner than this, most of the time. */
const ASK_MS = 22_000
/** Between two that nobody asked for: whoever waits at once waits for one reason. */
const PAUSE_MS = 60_000
/** What was seen is said for so long; later it may be mended. */
const SAID_MS = 120_000
const MAX_KEPT = 16

export class Looks {
  readonly #o: LooksOptions
  readonly #seen = new Map<string, { readonly fault: Fault; readonly atUs: number }>()
  #lookedUs = Number.NEGATIVE_INFINITY

  constructor(o: LooksOptions) {
    this.#o = o
  }

  /** What the last looks saw. */
  get notes(): Fault[] {
    const fromUs = this.#o.clock.monotonicUs() - SAID_MS * 1000
    return [...this.#seen.values()].flatMap(({ fault, atUs }) => (atUs >= fromUs ? [fault] : []))
  }

  /** @throws {Fault} RATE_LIMITED, CONTROL_UNREACHABLE, and what an older control plane says, which knows no looks. */
  async look(to: Destination, signal: AbortSignal): Promise<LookResult> {
    const { host, port, key } = to
    using limit = deadline(ASK_MS, 'CONTROL_UNREACHABLE', 'the check did not complete', signal)
    const control = await unlessAborted(this.#o.control(), limit)
    const asked = control.request({ type: 'look', id: newId('req'), host, port }, ASK_MS)
    const answer = await unlessAborted(asked, limit)
    if (answer.type !== 'looked') throw new Fault('PROTOCOL_ERROR', `looked is not ${answer.type}`)
    this.#seen.delete(key)
    if (answer.found === undefined) return { well: answer.well }
    const { code, hop, detail, seen } = faultFromMessage(answer.found)
    const fault = new Fault(code, detail, { hop, seen: { ...seen, host, port, more: askAbout(to) } })
    this.#seen.set(key, { fault, atUs: this.#o.clock.monotonicUs() })
    if (this.#seen.size > MAX_KEPT) this.#seen.delete(this.#seen.keys().next().value!)
    return { well: false, fault }
  }

  /** Somebody waits for its first byte, and asks nobody. Never rejects. */
  async waits(to: Destination): Promise<void> {
    const nowUs = this.#o.clock.monotonicUs()
    if (nowUs - this.#lookedUs < PAUSE_MS * 1000) return
    this.#lookedUs = nowUs
    const { log } = this.#o
    try {
      const { fault } = await this.look(to, AbortSignal.timeout(ASK_MS))
      if (fault === undefined) return
      const { code, hop, seen } = fault
      const event = { event: 'application.impaired', code, hop, host: to.host, port: to.port, seen }
      log.warn(event, `A program is waiting for ${hostPort(to)}: ${code}: ${fault.detail}`)
    } catch (error) {
      const { code, detail } = asFault(error)
      log.debug({ event: 'application.not-looked-at', code }, detail)
    }
  }
}
