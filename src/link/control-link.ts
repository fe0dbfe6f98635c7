import { setTimeout as wait } from 'node:timers/promises'
import { backoffMs } from '../base/backoff.ts'
import { asFault, Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { AgentMessage, ControlMessage } from '../wire/control.ts'
import type { AgentChannel, ChannelOptions } from './control-channel.ts'
import { dialControl, type Hello, type Welcome } from './control-dial.ts'
import type { Credentials, EdgeAddress } from './credentials.ts'
import type { DialStep } from './dial.ts'
import { type Egress, hostPort } from './egress.ts'

/**
 * The life of the control connection of an agent.
 *
 *     dialing --welcome--> up --lost--> waiting --backoff--> dialing ...
 *        |                                 ^                              aborted: closed
 *        +--------------failed-------------+
 */
export type LinkState =
  | { readonly is: 'dialing'; readonly attempt: number }
  | {
      readonly is: 'up'
      readonly channel: AgentChannel
      readonly welcome: Welcome
      readonly sinceMs: number
      readonly skewMs: number
    }
  | { readonly is: 'waiting'; readonly attempt: number; readonly because: Fault }
  | { readonly is: 'closed' }

export interface ControlLinkOptions {
  /** Asked at every dial: there may be several. */
  readonly edge: EdgeAddress | (() => EdgeAddress)
  /** For each step of a dial, in milliseconds; undefined: as dialControl does by itself. */
  readonly timeoutMs?: () => number | undefined
  /** The dial failed, or the connection was lost: is there another edge that is to be tried at once? */
  readonly elsewhere?: (fault: Fault) => boolean
  readonly egress: Egress
  readonly log: Log
  /** Asked at every dial, so that a renewed certificate is used from the next one on. */
  readonly credentials: () => Credentials
  readonly hello: () => Hello
  /** The full state: replaces what was known before. `skewMs` is positive when this clock is slow. */
  readonly onUp?: (welcome: Welcome, skewMs: number) => void
  /** The connection was lost, or an attempt failed: called once for each. `redialling`: it was given up here. */
  readonly onDown?: (fault: Fault, redialling: boolean) => void
  readonly onMessage?: (message: ControlMessage) => void
  /** Why it failed, in the words of this role; as it came where there are none. */
  readonly inWords?: (fault: Fault) => Fault
  /** How far the attempt under way has come. */
  readonly onStep?: (step: DialStep) => void
  /** What became of the second port of the edge that was dialled last, where it has one. */
  readonly onControlPort?: (fault: Fault | undefined) => void
  readonly backoff?: { readonly baseMs?: number; readonly capMs?: number; readonly random?: () => number }
  readonly channel?: ChannelOptions
}

/** A connection that stood this long counts as a good one: the next loss is the first again. */
const STABLE_MS = 10_000
/** A fault that trying again cannot help is tried again at this pace, in case a person repairs it meanwhile. */
const HOPELESS_ATTEMPT = 7

/** Keeps one control connection up for as long as it is served. */
export class ControlLink {
  readonly #o: ControlLinkOptions
  #state: LinkState = { is: 'closed' }
  #hurry = new AbortController()

  constructor(options: ControlLinkOptions) {
    this.#o = options
  }

  get state(): LinkState {
    return this.#state
  }

  /** No answer is waited for. */
  get isIdle(): boolean {
    return this.#state.is !== 'up' || this.#state.channel.isIdle
  }

  /** @returns false when there is no connection now; the message is then dropped. */
  send(message: AgentMessage): boolean {
    return this.#state.is === 'up' && this.#state.channel.send(message)
  }

  /** @throws {Fault} as ControlChannel.request; CONTROL_UNREACHABLE at once when there is no connection now. */
  async request(message: AgentMessage & { id: string }, timeoutMs: number): Promise<ControlMessage> {
    const state = this.#state
    if (state.is === 'up') return state.channel.request(message, timeoutMs)
    throw new Fault('CONTROL_UNREACHABLE', `the control connection is ${state.is}`, {
      seen: state.is === 'waiting' ? { because: state.because.code } : {},
    })
  }

  /** Drops the connection, or the wait for one, and dials at once: a renewed certificate, a changed network. */
  redial(): void {
    this.#hurry.abort()
    if (this.#state.is === 'up') this.#state.channel.close()
  }

  /** Dials, and dials again, until `signal` aborts. Never rejects for a fault of network or peer. */
  async serve(signal: AbortSignal): Promise<void> {
    let attempt = 0
    while (!signal.aborted) {
      this.#state = { is: 'dialing', attempt }
      const { fault: met, upMs } = await this.#once(signal)
      const fault = this.#o.inWords?.(met) ?? met
      if (signal.aborted) break
      const redialling = this.#hurry.signal.aborted
      const elsewhere = !redialling && (this.#o.elsewhere?.(fault) ?? false)
      attempt = elsewhere || upMs >= STABLE_MS ? 0 : attempt + 1
      this.#state = { is: 'waiting', attempt, because: fault }
      this.#o.log[redialling ? 'info' : 'warn'](
        { event: 'control.down', code: fault.code, hop: fault.hop, seen: fault.seen, attempt, upMs },
        fault.detail,
      )
      this.#o.onDown?.(fault, redialling)
      await this.#pause(elsewhere ? 0 : pauseFor(fault, attempt), signal)
    }
    this.#state = { is: 'closed' }
  }

  /** One connection from dial to loss, and how long it stood. */
  async #once(signal: AbortSignal): Promise<{ fault: Fault; upMs: number }> {
    const { egress, log, channel: channelOptions } = this.#o
    const edge = typeof this.#o.edge === 'function' ? this.#o.edge() : this.#o.edge
    let upAt: number | undefined
    const upMs = () => (upAt === undefined ? 0 : Math.round(performance.now() - upAt))
    try {
      const { channel, welcome, skewMs, by } = await dialControl(edge, {
        egress,
        credentials: this.#o.credentials(),
        hello: this.#o.hello(),
        signal,
        timeoutMs: this.#o.timeoutMs?.(),
        channel: channelOptions,
        onStep: this.#o.onStep,
        onControlPort: this.#o.onControlPort,
      })
      const stop = () => channel.close()
      signal.addEventListener('abort', stop, { once: true })
      try {
        upAt = performance.now()
        this.#hurry = new AbortController()
        this.#state = { is: 'up', channel, welcome, sinceMs: Date.now(), skewMs }
        log.info({ event: 'control.up', edge: welcome.edge.id, skewMs }, `CONNECTED to ${hostPort(by)}`)
        this.#o.onUp?.(welcome, skewMs)
        channel.onMessage = (message) => this.#o.onMessage?.(message)
        if (signal.aborted) stop()
        const why = await channel.closed
        return {
          fault: why ?? new Fault('CONTROL_UNREACHABLE', 'the control connection was closed'),
          upMs: upMs(),
        }
      } finally {
        signal.removeEventListener('abort', stop)
      }
    } catch (thrown) {
      return { fault: asFault(thrown), upMs: upMs() }
    }
  }

  async #pause(exponent: number, signal: AbortSignal): Promise<void> {
    const delayMs = backoffMs(exponent, this.#o.backoff)
    const either = AbortSignal.any([signal, this.#hurry.signal])
    await wait(delayMs, undefined, { signal: either }).catch(() => {})
    if (this.#hurry.signal.aborted) this.#hurry = new AbortController()
  }
}

/** The first pause is drawn from [0, base): an edge that restarts gets its agents back soon, and not as one wave. */
function pauseFor(fault: Fault, attempt: number): number {
  return fault.retry ? Math.max(0, attempt - 1) : Math.max(HOPELESS_ATTEMPT, attempt)
}
