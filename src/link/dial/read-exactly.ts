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
  const chunks: Buffer[] = []
  for (let missing = bytes; missing > 0; ) {
    signal.throwIfAborted()
    // Only what is there is asked for: a stream that holds less would say "readable" again at once, for ever.
    const chunk = stream.read(Math.min(missing, stream.readableLength)) as Buffer | null
    if (chunk !== null) {
      chunks.push(chunk)
      missing -= chunk.length
    } else if (stream.readableEnded || stream.destroyed) {
      throw new StreamEnded(stream.errored)
    } else {
      await readable(stream, signal)
    }
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

/** Resolves when there may be something to read, or the stream is over. Call it with nothing left to read. */
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
