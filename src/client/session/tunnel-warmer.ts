import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Destination } from '../address/destination.ts'

/**
 * When the last tunnel to a connector is lost, one destination that was in use is asked for anew, so that the next
 * session finds a tunnel; at once, or when control is back.
 */
export class TunnelWarmer {
  readonly #ask: (to: Destination) => Promise<unknown>
  readonly #log: Log
  #waiting: Destination | undefined

  constructor(o: { ask: (to: Destination) => Promise<unknown>; log: Log }) {
    this.#ask = o.ask
    this.#log = o.log
  }

  lost(inUse: Destination | undefined, controlIsUp: boolean): void {
    if (inUse === undefined) return
    this.#waiting = inUse
    if (controlIsUp) this.controlIsUp()
  }

  controlIsUp(): void {
    const to = this.#waiting
    if (to === undefined) return
    this.#waiting = undefined
    this.#ask(to).catch((error: unknown) => {
      const { code, detail } = asFault(error)
      if (code === 'CONTROL_UNREACHABLE') this.#waiting = to // both were cut: asked again when control is back
      const about = { destination: to.key, code }
      this.#log.info({ event: 'tunnel.not-rewarmed', ...about }, `${to.key}: ${code}: ${detail}`)
    })
  }
}
