import type { MuxStream } from './stream.ts'

/** Looks within one limit: a stream is cut between one limit and a quarter more after it last moved. */
const LOOKS = 4

/**
 * Ends streams that have ended in one direction, and that the other side then forgot: nothing moves in them, and their
 * end would never come. Whoever still sends, or still reads, however slowly, is left alone.
 */
export class HalfClosedWatch implements Disposable {
  readonly #timer: NodeJS.Timeout

  /** @param streams Asked at each look. Of a connector: what is local here is the application. */
  constructor(streams: () => Iterable<MuxStream>, limitMs: number) {
    this.#timer = setInterval(() => {
      for (const stream of [...streams()]) {
        const { stillLooks, side } = stream.look()
        if (stillLooks < LOOKS) continue
        const code = side === 'local' ? 'APP_LEFT_OPEN' : 'CLIENT_LEFT_OPEN'
        stream.reset(
          code,
          `nothing has moved for ${Math.round(limitMs / 1000)} s since the other side closed`,
        )
      }
    }, limitMs / LOOKS).unref()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
