/**
 * Canaries that control asks clients for: one at a time for each device, over its control connection.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { idTimeMs, isId } from '../../base/ids.ts'
import { canonicalHost } from '../../policy/destination.ts'
import type { IssuedGrant } from '../../store/revocations.ts'
import type { ControlMessage, TraceStep, TraceTold, TraceWay } from '../../wire/control.ts'
import type { Connected } from '../presence/presence.ts'

/** Told as it goes. */
export interface TraceListener {
  step(step: TraceStep): void
  way(way: TraceWay): void
  session(id: string): void
}

/** What was traced. */
interface CanaryTo {
  readonly device: string
  readonly host: string
}

interface OpenTrace extends CanaryTo {
  readonly id: string
  readonly listener: TraceListener
  readonly end: (fault?: Fault) => void
}

/** Sessions of traces that are remembered: their reports come within moments. */
const MAX_CANARIES = 256
/** The clock of a device that is taken for the right one may be so slow. */
const CLOCKS_MS = 1000
/** The client itself gives up before this. */
const ALL_MS = 30_000

export class Traces {
  /** By id of the trace. */
  readonly #open = new Map<string, OpenTrace>()
  /** By session. */
  readonly #canaries = new Map<string, CanaryTo>()

  /**
   * Resolves when the client has said all.
   *
   * @throws {Fault} CONFLICT if one is under way; CONTROL_UNREACHABLE if the device goes away or does not answer.
   */
  async ask(
    connected: Connected,
    message: Extract<ControlMessage, { type: 'trace' }>,
    { signal, ...listener }: TraceListener & { readonly signal: AbortSignal },
  ): Promise<void> {
    const { channel, peer } = connected
    const device = peer.identity.id
    if ([...this.#open.values()].some((one) => one.device === device)) {
      throw new Fault('CONFLICT', `a trace from device ${device} is already running`)
    }
    const { promise, resolve } = Promise.withResolvers<Fault | undefined>()
    // The connection keeps what waits for its end, long after this has ended.
    let waiting: typeof resolve | undefined = resolve
    const end = (fault?: Fault) => waiting?.(fault)
    const host = message.canary === undefined ? '' : canonicalHost(message.host)
    this.#open.set(message.id, { id: message.id, device, host, listener, end })
    const unreachable = (detail: string) => end(new Fault('CONTROL_UNREACHABLE', detail, { hop: 'client' }))
    const timer = setTimeout(
      unreachable,
      ALL_MS,
      `the device did not complete its trace in ${ALL_MS / 1000} s`,
    )
    const left = () => end(new Fault('CONFLICT', 'the requester of the trace has gone'))
    signal.addEventListener('abort', left, { once: true })
    void channel.closed.then(() => unreachable('the device disconnected during its trace'))
    try {
      if (!channel.send(message)) unreachable('the device disconnected')
      const fault = await promise
      if (fault !== undefined) throw fault
    } finally {
      waiting = undefined
      clearTimeout(timer)
      signal.removeEventListener('abort', left)
      this.#open.delete(message.id)
    }
  }

  /** A client tells of its trace. What nobody waits for any more, or what another device asks about, is dropped. */
  told({ peer }: Connected, { id, step, way, session, end }: TraceTold): void {
    const open = this.#open.get(id)
    if (open?.device !== peer.identity.id) return
    if (step !== undefined) open.listener.step(step)
    if (way !== undefined) open.listener.way(way)
    if (session !== undefined) this.#canary(session, open)
    if (end === true) open.end()
  }

  /** Is this session of that device the canary of a trace? Of a trace it is one, to where the trace goes, and no older. */
  isCanary(session: string, { deviceId, host }: Pick<IssuedGrant, 'deviceId' | 'host'>): boolean {
    const canary = this.#canaries.get(session)
    return canary !== undefined && canary.device === deviceId && canary.host === host
  }

  #canary(session: string, { id, listener, device, host }: OpenTrace): void {
    listener.session(session)
    if (!isId(session, 'ses') || idTimeMs(session) < idTimeMs(id) - CLOCKS_MS) return
    this.#canaries.set(session, { device, host })
    if (this.#canaries.size > MAX_CANARIES) this.#canaries.delete(this.#canaries.keys().next().value!)
  }
}
