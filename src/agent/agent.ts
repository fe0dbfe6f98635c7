/**
 * What every process with a control connection is, whatever its role: it proves who it is, keeps one connection up, and
 * tells its companions what becomes of that. A role is its companions, and the one line that lists them.
 *
 *     dial → judge → up → messages, ticks … → down → dial …
 *
 * @module
 */
import os from 'node:os'
import { asFault, type Fault } from '../base/faults.ts'
import { PROGRAM } from '../base/version.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import type { DialStep } from '../link/dial/dial.ts'
import {
  type ControlMessage,
  type HelloMessage,
  PROTOCOL_VERSION,
  type WelcomeMessage,
} from '../wire/control.ts'
import { KNOWS_SHARDS } from '../wire/shard.ts'
import type { Companion } from './link/companion.ts'
import { ControlLink, type ControlLinkOptions } from './link/control-link.ts'
import { ENDING_FAULTS } from './link/ending-faults.ts'

const TICK_MS = 30_000
const MAX_HOST_CHARS = 253

export interface AgentOptions extends Omit<ControlLinkOptions, 'self' | 'on'> {
  readonly role: HelloMessage['role']
  readonly credentials: () => Credentials
  /** Of this process, as its session reports name it. */
  readonly run?: string
  /** By the clock of this machine. */
  readonly nowMs?: () => number
  readonly posture?: HelloMessage['posture']
  readonly companions: readonly Companion[]
  /** False: it goes on where its identity is used in two places, as a sign-in there shuts the other out. */
  readonly endsAsClone?: boolean
  readonly onStep?: (step: DialStep) => void
  readonly tickMs?: number
}

export class Agent {
  readonly link: ControlLink
  readonly #o: AgentOptions
  readonly #over = new AbortController()
  #fatal: Fault | undefined

  constructor(options: AgentOptions) {
    this.#o = options
    const { companions, credentials, onStep } = options
    this.link = new ControlLink({
      ...options,
      self: {
        credentials,
        hello: () => this.#hello(),
        judge: async (welcome) => {
          for (const companion of companions) await companion.judge?.(welcome)
        },
      },
      on: {
        up: (welcome, skewMs, address) => this.#up(welcome, skewMs, address),
        down: (fault, redialling) => this.#down(fault, redialling),
        time: (skewMs) => {
          for (const companion of companions) companion.time?.(skewMs)
        },
        message: (message) => this.#message(message),
        step: onStep,
      },
    })
  }

  get isUp(): boolean {
    return this.link.isUp
  }

  get rttUs(): number | undefined {
    const { state } = this.link
    return state.is === 'up' ? state.channel.rttUs : undefined
  }

  /**
   * Keeps the control connection until `signal` aborts.
   *
   * @throws {Fault} IDENTITY_CLONED: there is no place for this copy. Not where `endsAsClone` is false.
   */
  async serve(signal: AbortSignal): Promise<void> {
    using running = new DisposableStack()
    for (const companion of this.#o.companions) running.use(companion.start?.(this.link))
    const tick = setInterval(() => this.#tick(), this.#o.tickMs ?? TICK_MS)
    running.defer(() => clearInterval(tick))
    await this.link.serve(AbortSignal.any([signal, this.#over.signal]))
    if (this.#fatal !== undefined && !signal.aborted) throw this.#fatal
  }

  #hello(): HelloMessage {
    const { role, run, posture, nowMs = Date.now } = this.#o
    const host = os.hostname().slice(0, MAX_HOST_CHARS)
    return {
      type: 'hello',
      version: PROTOCOL_VERSION,
      program: PROGRAM,
      role,
      run,
      timeMs: nowMs(),
      host,
      posture,
      knows: [KNOWS_SHARDS],
    }
  }

  #up(welcome: WelcomeMessage, skewMs: number, address: string | undefined): void {
    const met = { link: this.link, skewMs, address }
    for (const companion of this.#o.companions) companion.up?.(welcome, met)
  }

  #down(fault: Fault, redialling: boolean): void {
    this.#each((companion) => companion.down?.(fault, redialling))
    if (redialling || this.#o.endsAsClone === false || !ENDING_FAULTS.has(fault.code)) return
    this.#fatal = fault
    this.#over.abort()
  }

  #message(message: ControlMessage): void {
    for (const companion of this.#o.companions) if (companion.message?.(message, this.link) === true) return
    this.#o.log.debug(
      { event: 'control.unexpected', type: message.type },
      `unexpected message: ${message.type}`,
    )
  }

  #tick(): void {
    this.#each((companion) => companion.tick?.(this.link))
  }

  /** What one of them throws here is a defect, and keeps nothing from the others. */
  #each(tell: (companion: Companion) => void): void {
    for (const companion of this.#o.companions) {
      try {
        tell(companion)
      } catch (error) {
        this.#o.log.error({ event: 'companion.defect', err: error }, asFault(error).message)
      }
    }
  }
}
