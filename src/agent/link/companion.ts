import type { Fault } from '../../base/faults.ts'
import type { ControlMessage, WelcomeMessage } from '../../wire/control.ts'
import type { ControlLink } from './control-link.ts'

/** What came with a connection. */
export interface Met {
  readonly link: ControlLink
  /** How slow this clock is against control. */
  readonly skewMs: number
  /** What the name of the edge led to. */
  readonly address: string | undefined
}

/**
 * What lives with the control connection of an agent and knows nothing of its other companions. All are told of
 * everything in the order that the agent was given them; a message goes to the first that takes it.
 *
 * None should throw but `judge`. What `up`, `time` or `message` throws gives the connection up, as half a state is worse than
 * none; what `down` or `tick` throws is logged.
 */
export interface Companion {
  /** For as long as the agent serves. */
  start?(link: ControlLink): Disposable
  /** Before anything of a welcome counts. @throws {Fault} where it is not to be believed: the connection is given up. */
  judge?(welcome: WelcomeMessage): Promise<void>
  /** The whole state: replaces what was known before. */
  up?(welcome: WelcomeMessage, met: Met): void
  /** Lost, or an attempt failed. @param redialling It was given up here, to come back at once: no failure. */
  down?(fault: Fault, redialling: boolean): void
  /** The control plane tells its time anew. */
  time?(skewMs: number): void
  /** @returns whether it was for this one. */
  message?(message: ControlMessage, link: ControlLink): boolean
  /** Now and then, connected or not. */
  tick?(link: ControlLink): void
}
