import type { Readable } from 'node:stream'

/** The stream ended or broke before the bytes were there. `cause` is its error, if it had one. */
export class StreamEnded extends Error {
  constructor(cause?: unknown) {
    super('the connection ended early', { cause })
    this.name = 'StreamEnded'
  }
}

/**
 * Takes exactly `bytes` off a stream that nobody else reads; the rest stays in it.
 *
 * @throws {StreamEnded}
 * @throws the reason of `signal`.
 */
export async function readExactly(stream: Readable, bytes: number, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    signal.throwIfAborted()
    const taken = stream.read(bytes) as Buffer | null
    // An ended stream gives what is left, which can be less.
    if (taken !== null && taken.length === bytes) return taken
    if (taken !== null || stream.readableEnded || stream.destroyed) throw new StreamEnded(stream.errored)
    await readable(stream, signal)
  }
}

/** Resolves when there may be something to read, or the stream is over. */
export function readable(stream: Readable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const clear = () => {
      stream.off('readable', ready)
      stream.off('end', ready)
      stream.off('close', ready)
      stream.off('error', broke)
      signal.removeEventListener('abort', stop)
    }
    const ready = () => {
      clear()
      resolve()
    }
    const broke = (error: Error) => {
      clear()
      reject(new StreamEnded(error))
    }
    const stop = () => {
      clear()
      reject(signal.reason)
    }
    stream.on('readable', ready)
    stream.on('end', ready)
    stream.on('close', ready)
    stream.on('error', broke)
    signal.addEventListener('abort', stop, { once: true })
  })
}
