import { Fault } from '../base/faults.ts'
import type { MuxStream } from './stream.ts'
import type { StreamEvents } from './stream-end.ts'

/** The streams of one tunnel, and whether it takes another. */
export class StreamTable {
  readonly open: Map<number, MuxStream> = new Map()
  /** Client: streams whose OPEN was not answered yet. */
  readonly unanswered: Map<number, StreamEvents> = new Map()
  /** Number of the latest stream, whoever opened it. */
  last = 0
  /** Why no new stream is taken, once none is. */
  draining: Fault | undefined
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** @throws {Fault} CONNECTOR_DRAINING, TOO_MANY_STREAMS. */
  requireRoom(): void {
    if (this.draining) throw new Fault('CONNECTOR_DRAINING', this.draining.detail)
    if (this.open.size >= this.#max)
      throw new Fault('TOO_MANY_STREAMS', `${this.#max} streams are open in this tunnel`)
  }

  /**
   * @returns undefined for a stream that is over: what was on its way for it means nothing any more.
   * @throws {Fault} PROTOCOL_ERROR for one that never was: that is a lie.
   */
  find(id: number): MuxStream | undefined {
    const stream = this.open.get(id)
    if (stream === undefined && id > this.last)
      throw new Fault('PROTOCOL_ERROR', `a frame arrived for stream ${id}, which was never opened`)
    return stream
  }

  forget(id: number): void {
    this.open.delete(id)
    this.unanswered.delete(id)
  }
}
