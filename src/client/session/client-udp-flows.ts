/**
 * UDP from local programs: one session per flow, opened by its first datagram and ended when it has been silent.
 *
 * @module
 */
import { Deadlines } from '../../base/deadlines.ts'
import type { Fault } from '../../base/faults.ts'
import type { Destination } from '../address/destination.ts'
import type { ClientSession, SessionEvents } from './client-session.ts'
import type { Opener } from './open-session.ts'

/** RFC 4787, REQ-5: a mapping lives two minutes or more. */
const IDLE_MS = 120_000
/** After a refusal the flow says nothing for this long: a program that goes on sending must not go on asking. */
const REFUSED_MS = 3000
/** Kept while the session opens; more is dropped, as UDP is. */
const MAX_WAITING = 32
const MAX_FLOWS = 1024

type UdpEntry = 'socks5-udp' | 'forward-udp'

export interface UdpFlowsOptions {
  readonly opener: Opener
  readonly entry: UdpEntry
  /** Hears why a flow was refused. */
  readonly trouble?: (fault: Fault) => void
  readonly idleMs?: number
  readonly maxFlows?: number
}

export class ClientUdpFlows implements Disposable {
  readonly #opener: Opener
  readonly #entry: UdpEntry
  readonly #trouble: UdpFlowsOptions['trouble']
  readonly #idleMs: number
  readonly #maxFlows: number
  readonly #flows = new Map<string, ClientUdpFlow>()
  readonly #idle: Deadlines<ClientUdpFlow>
  readonly #refused: Deadlines<ClientUdpFlow>

  constructor({ opener, entry, trouble, idleMs = IDLE_MS, maxFlows = MAX_FLOWS }: UdpFlowsOptions) {
    this.#opener = opener
    this.#entry = entry
    this.#trouble = trouble
    this.#idleMs = idleMs
    this.#maxFlows = maxFlows
    this.#idle = new Deadlines<ClientUdpFlow>(idleMs, (flow) => this.#expire(flow))
    this.#refused = new Deadlines<ClientUdpFlow>(REFUSED_MS, (flow) => this.#forget(flow))
  }

  get size(): number {
    return this.#flows.size
  }

  /**
   * Sends one datagram of the flow `key`, opening it if it is new.
   *
   * @param datagram The caller gives it away.
   * @param reply Called with each datagram that comes back; asked for only when the flow is new.
   */
  send(key: string, to: Destination, datagram: Buffer, reply: () => (datagram: Buffer) => void): void {
    const known = this.#flows.get(key)
    if (known !== undefined) {
      known.send(datagram)
      return
    }
    if (this.#flows.size >= this.#maxFlows) this.#makeRoom()
    const flow = new ClientUdpFlow(key, reply(), (ended, fault) => this.#ended(ended, fault))
    this.#flows.set(key, flow)
    this.#idle.add(flow)
    flow.send(datagram)
    flow.session ??= this.#open(to, flow)
  }

  #open(to: Destination, flow: ClientUdpFlow): ClientSession {
    const opener = this.#opener
    return opener.open(opener.lanes.choose(to, this.#entry), flow, opener.nowUs())
  }

  /** The flow that has been silent longest ends: a resolver takes a new port for each question and never comes back. */
  #makeRoom(): void {
    let quietest: ClientUdpFlow | undefined
    for (const flow of this.#flows.values()) {
      if (quietest === undefined || flow.lastMs < quietest.lastMs) quietest = flow
    }
    quietest!.close()
    this.#refused.delete(quietest!)
    this.#forget(quietest!)
  }

  #expire(flow: ClientUdpFlow): void {
    if (performance.now() - flow.lastMs < this.#idleMs) this.#idle.add(flow)
    else {
      flow.close()
      this.#forget(flow)
    }
  }

  #ended(flow: ClientUdpFlow, fault?: Fault): void {
    if (fault !== undefined) this.#trouble?.(fault)
    this.#idle.delete(flow)
    if (flow.refused) this.#refused.add(flow)
    else this.#forget(flow)
  }

  #forget(flow: ClientUdpFlow): void {
    this.#idle.delete(flow)
    if (this.#flows.get(flow.key) === flow) this.#flows.delete(flow.key)
  }

  [Symbol.dispose](): void {
    for (const flow of this.#flows.values()) flow.close()
    this.#flows.clear()
    this.#idle[Symbol.dispose]()
    this.#refused[Symbol.dispose]()
  }
}

class ClientUdpFlow implements SessionEvents {
  readonly key: string
  session: ClientSession | undefined
  refused = false
  /** Monotonic milliseconds of the last datagram, either way. */
  lastMs = performance.now()
  readonly #reply: (datagram: Buffer) => void
  readonly #onEnd: (flow: ClientUdpFlow, fault?: Fault) => void
  readonly #waiting: Buffer[] = []

  constructor(
    key: string,
    reply: (datagram: Buffer) => void,
    onEnd: (flow: ClientUdpFlow, fault?: Fault) => void,
  ) {
    this.key = key
    this.#reply = reply
    this.#onEnd = onEnd
  }

  send(datagram: Buffer): void {
    this.lastMs = performance.now()
    const stream = this.session?.isOpen ? this.session.stream : undefined
    if (stream !== undefined) stream.sendDatagram(datagram)
    else if (!this.refused && this.#waiting.length < MAX_WAITING) this.#waiting.push(datagram)
  }

  opened(session: ClientSession): void {
    this.session = session
    session.stream!.onDatagram = (datagram) => {
      this.lastMs = performance.now()
      this.#reply(datagram)
    }
    for (const datagram of this.#waiting.splice(0)) session.stream!.sendDatagram(datagram)
  }

  failed(fault: Fault): void {
    this.refused = true
    this.#waiting.length = 0
    this.#onEnd(this, fault)
  }

  closed(): void {
    this.#onEnd(this)
  }

  close(): void {
    if (this.session?.isOpen) this.session.stream?.end()
    else this.session?.abandon()
    this.#waiting.length = 0
  }
}
