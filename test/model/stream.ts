import type { MuxStream } from '../../src/mux/stream.ts'
import type { StreamEnd } from '../../src/mux/stream-end.ts'

/** One stream of a tunnel without the tunnel: it ends when somebody resets it, and carries no byte. */
export class ModelStream {
  readonly #ended = Promise.withResolvers<StreamEnd>()
  readonly ended = this.#ended.promise
  readonly bytesIn = 0
  readonly bytesOut = 0
  /** Why it was reset. */
  why: string | undefined
  isAccepted = false
  keeper: MuxStream['keeper']
  onDatagram: ((datagram: Buffer) => void) | undefined

  /** As the connector has it. */
  get end(): MuxStream {
    return this as unknown as MuxStream
  }

  get isOpen(): boolean {
    return this.isAccepted && this.why === undefined
  }

  guard(work: () => void): void {
    work()
  }

  accept(): void {
    this.isAccepted = true
  }

  attach(): void {}

  reset(reason: StreamEnd['reason'], detail: string): void {
    if (this.why !== undefined) return
    this.why = reason
    const end: StreamEnd = { reason, by: 'local', detail, bytesIn: 0, bytesOut: 0 }
    this.keeper?.closed(end)
    this.#ended.resolve(end)
  }
}
