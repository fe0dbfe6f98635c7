import { setTimeout as wait } from 'node:timers/promises'
import { backoffMs } from '../../base/backoff.ts'
import { eitherAborted } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import type { Parting } from '../../base/parting.ts'
import { type StandstillOptions, StandstillWatch } from '../../base/standstill.ts'
import type { BulkSource } from '../../link/control/bulk-queue.ts'
import type { ChannelOptions } from '../../link/control/control-channel.ts'
import { dialControl } from '../../link/control/control-dial.ts'
import type { AgentChannel } from '../../link/control/control-ends.ts'
import type { PendingRequestOptions } from '../../link/control/pending-requests.ts'
import { selfInflicted } from '../../link/control/self-inflicted.ts'
import type { Credentials, EdgeAddress } from '../../link/dial/credentials.ts'
import type { DialStep } from '../../link/dial/dial.ts'
import type { Egress } from '../../link/dial/egress.ts'
import { partingText } from '../../policy/parting-text.ts'
import type { AgentMessage, ControlMessage, HelloMessage, WelcomeMessage } from '../../wire/control.ts'
import { partingOf } from './stop-reason.ts'

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
      readonly welcome: WelcomeMessage
      readonly sinceMs: number
      readonly skewMs: number
    }
  | { readonly is: 'waiting'; readonly attempt: number; readonly because: Fault }
  | { readonly is: 'closed' }

/** Where to dial, and what came of it: the choice among several edges, or the only one. */
export interface LinkWay {
  /** For the next dial. */
  next(): EdgeAddress
  /** For each step of a dial; undefined: as dialControl does by itself. */
  readonly patienceMs: number | undefined
  /** The dial failed, or the connection was lost. @returns whether another edge is to be tried at once. */
  failed(fault: Fault): boolean
  /** What became of the second port of the edge that was dialled last, where it has one. */
  secondPort(fault: Fault | undefined): void
}

export function onlyEdge(edge: EdgeAddress): LinkWay {
  return { next: () => edge, patienceMs: undefined, failed: () => false, secondPort() {} }
}

/** Who dials: asked at every dial, so that a renewed certificate is used from the next one on. */
export interface LinkSelf {
  credentials(): Credentials
  hello(): HelloMessage
  /** As of dialControl. */
  judge?(welcome: WelcomeMessage): Promise<void>
}

/** What becomes of the connection. */
export interface LinkEvents {
  /** The full state: replaces what was known before. `skewMs` is positive when this clock is slow. */
  up?(welcome: WelcomeMessage, skewMs: number, address?: string): void
  /** The connection was lost, or an attempt failed: called once for each. `redialling`: it was given up here. */
  down?(fault: Fault, redialling: boolean): void
  /** The control plane tells its time anew, as in a welcome. */
  time?(skewMs: number): void
  message?(message: ControlMessage): void
  /** How far the attempt under way has come. */
  step?(step: DialStep): void
}

export interface ControlLinkOptions {
  readonly way: LinkWay
  readonly self: LinkSelf
  readonly on?: LinkEvents
  readonly egress: Egress
  readonly log: Log
  /** Whose link it is says each failure in lines of its own: those of the link are for a closer look then. */
  readonly isSaid?: boolean
  /** Why it failed, in the words of this role; as it came where there are none. */
  readonly inWords?: (fault: Fault) => Fault
  readonly backoff?: { readonly baseMs?: number; readonly capMs?: number; readonly random?: () => number }
  readonly channel?: ChannelOptions
  readonly standstill?: StandstillOptions
}

/** A connection that stood this long counts as a good one: the next loss is the first again. */
const STABLE_MS = 10_000
/** A fault that trying again cannot help is tried again at this pace, in case a person repairs it meanwhile. */
const HOPELESS_ATTEMPT = 7
/** Nobody is sent away for longer. */
const MAX_TOLD_MS = 120_000
/** The same fault at the same edge is said again after this long; meanwhile it is counted. */
const SAY_AGAIN_MS = 600_000

/** Keeps one control connection up for as long as it is served. */
export class ControlLink {
  readonly #o: ControlLinkOptions
  #state: LinkState = { is: 'closed' }
  #hurry = new AbortController()
  #dialled = ''
  /** Faults of this outage that were said, by code and edge. */
  readonly #said = new Map<string, { readonly atMs: number; readonly unsaid: number }>()

  constructor(options: ControlLinkOptions) {
    this.#o = options
  }

  get state(): LinkState {
    return this.#state
  }

  /** There is a connection, and it is not being closed. */
  get isUp(): boolean {
    return this.#state.is === 'up' && this.#state.channel.isOpen
  }

  /** No answer is waited for. */
  get isIdle(): boolean {
    return this.#state.is !== 'up' || this.#state.channel.isIdle
  }

  /** @returns false when there is no connection now; the message is then dropped. */
  send(message: AgentMessage): boolean {
    return this.#state.is === 'up' && this.#state.channel.send(message)
  }

  /** As ControlChannel.offer; nothing is asked of `source` when there is no connection now. */
  offer(source: BulkSource<AgentMessage>): void {
    if (this.#state.is === 'up') this.#state.channel.offer(source)
  }

  /** @throws {Fault} as ControlChannel.request; CONTROL_UNREACHABLE at once when there is no connection now. */
  async request(
    message: AgentMessage & { id: string },
    timeoutMs: number,
    o?: PendingRequestOptions,
  ): Promise<ControlMessage> {
    const state = this.#state
    if (state.is === 'up') return state.channel.request(message, timeoutMs, o)
    throw new Fault('CONTROL_UNREACHABLE', `the control connection is ${state.is}`, {
      seen: state.is === 'waiting' ? { because: state.because.code } : {},
    })
  }

  /** Drops the connection, or the wait for one, and dials at once. @param parting What the other end is told of it. */
  redial(parting: Parting): void {
    this.#hurry.abort()
    if (this.#state.is === 'up') this.#state.channel.close(undefined, parting)
  }

  /**
   * Dials, and dials again, until `signal` aborts: the other end is told why, where its reason is a `StopReason`. Never
   * rejects for a fault of network or peer.
   */
  async serve(signal: AbortSignal): Promise<void> {
    let attempt = 0
    using watch = new StandstillWatch(this.#o.standstill)
    while (!signal.aborted) {
      const beganMs = performance.now()
      this.#state = { is: 'dialing', attempt }
      const { fault: met, upMs } = await this.#once(signal)
      const fault = selfInflicted(
        this.#o.inWords?.(met) ?? met,
        watch.recent(beganMs),
        this.#o.self.hello().role,
      )
      if (signal.aborted) break
      const redialling = this.#hurry.signal.aborted
      const elsewhere = !redialling && this.#o.way.failed(fault)
      // Counted over all edges: that there is another one to try must not make it an endless first attempt.
      attempt = upMs >= STABLE_MS ? 0 : attempt + 1
      this.#state = { is: 'waiting', attempt, because: fault }
      this.#log(fault, { attempt, upMs, redialling })
      this.#o.on?.down?.(fault, redialling)
      await this.#pause(
        backoffMs(pauseFor(fault, attempt, elsewhere), this.#o.backoff) + toldMs(fault),
        signal,
      )
    }
    this.#state = { is: 'closed' }
  }

  /** One connection from dial to loss, and how long it stood. */
  async #once(signal: AbortSignal): Promise<{ fault: Fault; upMs: number }> {
    const { way, self, on, egress, log, channel: channelOptions } = this.#o
    const edge = way.next()
    this.#dialled = hostPort(edge)
    let upAt: number | undefined
    const upMs = () => (upAt === undefined ? 0 : Math.round(performance.now() - upAt))
    try {
      const { channel, welcome, skewMs, by, address } = await dialControl(edge, {
        egress,
        credentials: self.credentials(),
        hello: self.hello(),
        signal,
        timeoutMs: way.patienceMs,
        channel: { log, ...channelOptions },
        onStep: on?.step && ((step) => on.step!(step)),
        onControlPort: (fault) => way.secondPort(fault),
        judge: self.judge && ((told) => self.judge!(told)),
      })
      const stop = () => channel.close(undefined, partingOf(signal.reason))
      signal.addEventListener('abort', stop, { once: true })
      try {
        upAt = performance.now()
        this.#hurry = new AbortController()
        this.#state = { is: 'up', channel, welcome, sinceMs: Date.now(), skewMs }
        this.#said.clear()
        log.info({ event: 'control.up', edge: welcome.edge.id, skewMs }, `CONNECTED to ${hostPort(by)}`)
        on?.up?.(welcome, skewMs, address)
        channel.onMessage = (message) => this.#message(message)
        if (signal.aborted) stop()
        const why = await channel.closed
        return {
          fault: why ?? closedBy(channel.parting),
          upMs: upMs(),
        }
      } catch (thrown) {
        channel.close(asFault(thrown))
        throw thrown
      } finally {
        signal.removeEventListener('abort', stop)
      }
    } catch (thrown) {
      return { fault: asFault(thrown), upMs: upMs() }
    }
  }

  #message(message: ControlMessage): void {
    if (message.type !== 'time' || this.#state.is !== 'up') {
      this.#o.on?.message?.(message)
      return
    }
    const skewMs = message.serverTimeMs - Date.now()
    this.#state = { ...this.#state, skewMs }
    this.#o.log.info({ event: 'control.time', skewMs }, 'The clock of the control plane has jumped')
    this.#o.on?.time?.(skewMs)
  }

  /** Once for each edge and fault of an outage, and now and then while it lasts: the rest is for a closer look. */
  #log(fault: Fault, o: { attempt: number; upMs: number; redialling: boolean }): void {
    const key = `${fault.code} ${this.#dialled}`
    const before = this.#said.get(key)
    const nowMs = performance.now()
    const again = before !== undefined && nowMs - before.atMs < SAY_AGAIN_MS
    const unsaid = again ? before.unsaid + 1 : 0
    this.#said.set(key, { atMs: again ? before.atMs : nowMs, unsaid })
    const { code, hop, seen, detail } = fault
    const { attempt, upMs, redialling } = o
    const fields = { event: 'control.down', code, hop, seen, attempt, upMs }
    const unsaidBefore = again ? undefined : before?.unsaid
    const level = again || (this.#o.isSaid && !redialling) ? 'debug' : redialling ? 'info' : 'warn'
    this.#o.log[level]({ ...fields, unsaidBefore }, detail)
  }

  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    using either = eitherAborted(signal, this.#hurry.signal)
    await wait(delayMs, undefined, { signal: either }).catch(() => {})
    if (this.#hurry.signal.aborted) this.#hurry = new AbortController()
  }
}

/** In good order: by a server that says why, or by one of an earlier version. */
function closedBy(parting: Parting | undefined): Fault {
  if (parting === undefined) return new Fault('CONTROL_UNREACHABLE', 'the control connection was closed')
  const detail = `the server said goodbye: ${partingText(parting)}`
  return new Fault('CONTROL_UNREACHABLE', detail, { seen: { left: parting.why } })
}

/** When the server has said when to come again: not before, and not all who were told the same at once. */
function toldMs({ seen: { retryAfterS } }: Fault): number {
  if (typeof retryAfterS !== 'number') return 0
  return Math.min(MAX_TOLD_MS, retryAfterS * 1000) * (1 + Math.random() / 2)
}

/**
 * The first pauses are drawn from [0, base): an edge that restarts gets its agents back soon, and not as one wave.
 *
 * @param attempt Dials in a row that led to nothing, at whichever edge.
 * @param elsewhere There is an edge that this fault says nothing about.
 */
function pauseFor(fault: Fault, attempt: number, elsewhere: boolean): number {
  return fault.retry || elsewhere ? Math.max(0, attempt - 1) : Math.max(HOPELESS_ATTEMPT, attempt)
}
