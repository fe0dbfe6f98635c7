/**
 * UDP flows: one connected socket per session, which hears nobody but the application it was opened to.
 *
 * Where an application has several addresses, a flow begins with the first that can be sent to, and goes to the next one
 * when it is refused, or when the program repeats itself because nothing comes. Once anything came back it stays.
 *
 * @module
 */
import dgram from 'node:dgram'
import { Deadlines } from '../../base/deadlines.ts'
import { Fault } from '../../base/faults.ts'
import { appFaultCode } from '../../link/dial/app-errno.ts'
import type { MuxStream } from '../../mux/stream.ts'
import { dialText } from '../dial/dialer.ts'

/** RFC 4787 REQ-5 asks for at least two minutes; the tunnel costs nothing while idle, a port does. */
const IDLE_MS = 120_000
/** What may be kept for a flow whose socket is not ready; more is dropped, as UDP is. */
const MAX_EARLY = 64
/** What is sent again to the next address when one refuses. */
const MAX_AGAIN = 8
/** Of either: room for the longest datagram, and no more than a stream of TCP may send before it is answered. */
const MAX_KEPT_BYTES = 65_536
/** A program that sends more after this time, with nothing come back, is taken to repeat itself. */
const SILENCE_MS = 1000

/** Keeps the first datagrams of a stream, which come right behind its OPEN, until `ConnectorUdpFlows.open` takes them over. */
export function holdEarly(stream: MuxStream): Buffer[] {
  const early: Buffer[] = []
  stream.onDatagram = (datagram) => keep(datagram, early, MAX_EARLY)
  return early
}

function keep(datagram: Buffer, kept: Buffer[], most: number): void {
  if (kept.length >= most) return
  const bytes = kept.reduce((sum, each) => sum + each.length, datagram.length)
  if (bytes <= MAX_KEPT_BYTES) kept.push(datagram)
}

/** What is seen of a flow. Called so that what it throws ends the flow, and no more. */
export interface FlowEvents {
  /** Once: the flow runs, and begins with this address. */
  ready(address: string): void
  /** The application, or its machine, refuses: before it runs, or in the middle. */
  failed(fault: Fault): void
  /** Once: the first datagram has come back. */
  answered(): void
}

export class ConnectorUdpFlows implements Disposable {
  readonly #idleMs: number
  readonly #idle: Deadlines<ConnectorUdpFlow>

  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs
    this.#idle = new Deadlines<ConnectorUdpFlow>(idleMs, (flow) => this.#expire(flow))
  }

  /**
   * Joins `stream` to one of the addresses of `to`.
   *
   * @param early What `holdEarly` keeps; sent first.
   */
  open(
    stream: MuxStream,
    early: Buffer[],
    to: { readonly addresses: readonly string[]; readonly port: number },
    events: FlowEvents,
  ): () => void {
    const flow = new ConnectorUdpFlow(stream, early, to)
    this.#idle.add(flow)
    stream.ended.then(() => {
      this.#idle.delete(flow)
      flow.close()
    })
    flow.start(events)
    return () => flow.close()
  }

  #expire(flow: ConnectorUdpFlow): void {
    if (performance.now() - flow.lastMs < this.#idleMs) this.#idle.add(flow)
    else flow.stream.end()
  }

  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]()
  }
}

class ConnectorUdpFlow {
  readonly stream: MuxStream
  /** Monotonic milliseconds of the last datagram, either way. */
  lastMs = performance.now()
  readonly #addresses: readonly string[]
  readonly #port: number
  readonly #early: Buffer[]
  /** Sent and not answered, for the next address; nothing once there was an answer, or no other address. */
  #unanswered: Buffer[] | undefined
  #at = -1
  #sinceMs = 0
  #socket: dgram.Socket | undefined
  /** The socket may be sent to. */
  #connected = false
  #events: FlowEvents | undefined
  #isReady = false
  #isAnswered = false
  #closed = false

  constructor(
    stream: MuxStream,
    early: Buffer[],
    { addresses, port }: { addresses: readonly string[]; port: number },
  ) {
    this.stream = stream
    this.#early = early
    this.#addresses = addresses
    this.#port = port
    if (addresses.length > 1) this.#unanswered = []
  }

  start(events: FlowEvents): void {
    this.#events = events
    this.#next()
  }

  /** To the next address. After the last one nothing is left to try. */
  #next(): void {
    this.#at++
    const address = this.#addresses[this.#at]!
    const socket = dgram.createSocket({ type: address.includes(':') ? 'udp6' : 'udp4' })
    this.#socket?.close()
    this.#socket = socket
    this.#connected = false
    this.#sinceMs = performance.now()
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (socket === this.#socket) this.#failed(address, error)
    })
    socket.on('message', (datagram, from) => {
      // Between bind and connect the kernel lets anyone in.
      if (from.port !== this.#port || from.address !== address) return
      this.lastMs = performance.now()
      this.#unanswered = undefined
      this.stream.sendDatagram(datagram)
      if (this.#isAnswered) return
      this.#isAnswered = true
      this.stream.guard(() => this.#events?.answered())
    })
    // Where there is no route the callback is given the error, whatever its type says.
    socket.connect(this.#port, address, (error?: NodeJS.ErrnoException) => {
      if (this.#closed || socket !== this.#socket) return
      if (error) return this.#failed(address, error)
      this.#connected = true
      if (!this.#isReady) this.stream.guard(() => this.#events?.ready(address))
      this.#isReady = true
      this.stream.onDatagram = (datagram) => this.#take(datagram)
      for (const datagram of this.#unanswered ?? []) this.#send(datagram)
      for (const datagram of this.#early.splice(0)) this.#take(datagram)
    })
  }

  get #hasAnother(): boolean {
    return this.#unanswered !== undefined && this.#at + 1 < this.#addresses.length
  }

  #failed(address: string, error: NodeJS.ErrnoException): void {
    if (this.#closed) return
    if (this.#hasAnother) {
      this.#next()
      return
    }
    const errno = error.code ?? 'unknown'
    const fault = new Fault(appFaultCode(errno, address), dialText(errno, address, this.#port), {
      cause: error,
      seen: { address, port: this.#port, errno, tried: this.#addresses.slice(0, this.#at + 1) },
    })
    this.stream.guard(() => this.#events?.failed(fault))
    this.close()
  }

  #take(datagram: Buffer): void {
    this.lastMs = performance.now()
    if (this.#closed) return
    if (this.#unanswered !== undefined) keep(datagram, this.#unanswered, MAX_AGAIN)
    if (!this.#connected) return // it goes with what is sent again
    if (this.#hasAnother && this.lastMs - this.#sinceMs > SILENCE_MS) {
      // What waits is sent once the next socket is there.
      this.#unanswered = [datagram]
      this.#next()
    } else this.#send(datagram)
  }

  #send(datagram: Buffer): void {
    const socket = this.#socket!
    socket.send(datagram, (error) => {
      // A refusal of the peer (ICMP) comes as an error of a later send; EMSGSIZE and a full buffer are drops.
      if (error !== null && (error as NodeJS.ErrnoException).code === 'ECONNREFUSED') {
        socket.emit('error', error)
      }
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.stream.onDatagram = undefined
    this.#early.length = 0
    this.#unanswered = undefined
    this.#socket?.close()
  }
}
