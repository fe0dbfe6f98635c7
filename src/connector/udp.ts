/**
 * UDP flows: one connected socket per session, which hears nobody but the application it was opened to.
 *
 * @module
 */
import dgram from 'node:dgram'
import { Deadlines } from '../base/deadlines.ts'
import { Fault } from '../base/faults.ts'
import type { MuxStream } from '../mux/stream.ts'
import { endpoint, faultCodeOf } from './dialer.ts'

/** RFC 4787 REQ-5 asks for at least two minutes; the tunnel costs nothing while idle, a port does. */
const IDLE_MS = 120_000
/** What may be kept for a flow whose socket is not ready; more is dropped, as UDP is. */
const MAX_EARLY = 64

/** Keeps the first datagrams of a stream, which come right behind its OPEN, until `UdpFlows.open` takes them over. */
export function holdEarly(stream: MuxStream): Buffer[] {
  const early: Buffer[] = []
  stream.onDatagram = (datagram) => {
    if (early.length < MAX_EARLY) early.push(datagram)
  }
  return early
}

export class UdpFlows implements Disposable {
  readonly #idleMs: number
  readonly #idle: Deadlines<Flow>

  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs
    this.#idle = new Deadlines<Flow>(idleMs, (flow) => this.#expire(flow))
  }

  /**
   * Joins `stream` to `to`.
   *
   * @param early What `holdEarly` keeps; sent first.
   * @param ready Called once: with nothing when the flow runs, or with why it does not.
   */
  open(
    stream: MuxStream,
    early: Buffer[],
    to: { readonly address: string; readonly port: number },
    ready: (fault: Fault | undefined) => void,
  ): () => void {
    const flow = new Flow(stream, early, to)
    this.#idle.add(flow)
    stream.ended.then(() => {
      this.#idle.delete(flow)
      flow.close()
    })
    flow.start(ready)
    return () => flow.close()
  }

  #expire(flow: Flow): void {
    if (performance.now() - flow.lastMs < this.#idleMs) this.#idle.add(flow)
    else flow.stream.end()
  }

  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]()
  }
}

class Flow {
  readonly stream: MuxStream
  /** Monotonic milliseconds of the last datagram, either way. */
  lastMs = performance.now()
  readonly #address: string
  readonly #port: number
  readonly #socket: dgram.Socket
  readonly #early: Buffer[]
  #connected = false
  #closed = false

  constructor(stream: MuxStream, early: Buffer[], { address, port }: { address: string; port: number }) {
    this.stream = stream
    this.#early = early
    this.#address = address
    this.#port = port
    this.#socket = dgram.createSocket({ type: address.includes(':') ? 'udp6' : 'udp4' })
  }

  start(ready: (fault: Fault | undefined) => void): void {
    const where = endpoint(this.#address, this.#port)
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      const errno = error.code ?? 'unknown'
      const fault = new Fault(faultCodeOf(errno), `${where}: ${errno}`, {
        cause: error,
        seen: { address: this.#address, port: this.#port, errno },
      })
      if (this.#connected) this.stream.reset(fault.code, fault.detail)
      else ready(fault)
      this.close()
    })
    this.#socket.on('message', (datagram, { address, port }) => {
      // Between bind and connect the kernel lets anyone in.
      if (port !== this.#port || address !== this.#address) return
      this.lastMs = performance.now()
      this.stream.sendDatagram(datagram)
    })
    this.#socket.connect(this.#port, this.#address, () => {
      if (this.#closed) return
      this.#connected = true
      ready(undefined)
      this.stream.onDatagram = (datagram) => this.#send(datagram)
      for (const datagram of this.#early.splice(0)) this.#send(datagram)
    })
  }

  #send(datagram: Buffer): void {
    this.lastMs = performance.now()
    if (this.#closed) return
    this.#socket.send(datagram, (error) => {
      // A refusal of the peer (ICMP) comes as an error of a later send; EMSGSIZE and a full buffer are drops.
      if (error !== null && (error as NodeJS.ErrnoException).code === 'ECONNREFUSED') {
        this.#socket.emit('error', error)
      }
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.stream.onDatagram = undefined
    this.#early.length = 0
    this.#socket.close()
  }
}
