import type net from 'node:net'
import type { Duplex } from 'node:stream'
import type tls from 'node:tls'
import type { StitchEnd } from '../link/pipe/stitch.ts'
import { cutBehindWrites, cutSocket } from '../mux/cut-socket.ts'

/** A half as it was handed over: the TCP connection, and the outer TLS over it if the half is wrapped. */
export interface HalfStream {
  readonly socket: net.Socket
  readonly outer?: tls.TLSSocket
}

/**
 * Joins two halves of which one or both are wrapped, as `stitch` joins two raw ones: FIN passes on as FIN (of TLS and
 * TCP), a break as RST, and what one side does not take holds the other back. It costs the edge the outer TLS, so it
 * is only for paths that let nothing else through. Resolves when both have closed; never rejects.
 */
export function stitchStreams(a: HalfStream, b: HalfStream): Promise<StitchEnd> {
  const { promise, resolve } = Promise.withResolvers<StitchEnd>()
  let broken: Pick<StitchEnd, 'by' | 'errno'> | undefined
  let open = 2
  const watch = (from: HalfStream, to: HalfStream, by: 'a' | 'b') => {
    const stream = streamOf(from)
    let errno: string | undefined
    const note = (error: NodeJS.ErrnoException) => {
      errno ??= error.code
    }
    from.socket.on('error', note)
    stream.on('error', note)
    stream.once('close', () => {
      const inOrder = errno === undefined && stream.readableEnded && stream.writableFinished
      if (!inOrder) broken ??= { by, errno }
      if (!inOrder) cutBehindWrites(to.socket, streamOf(to))
      if (--open > 0) return
      resolve({ bytesAB: ab(), bytesBA: ba(), reason: broken ? 'reset' : 'done', ...broken })
    })
  }
  watch(a, b, 'a')
  watch(b, a, 'b')
  const ab = flow(streamOf(a), streamOf(b))
  const ba = flow(streamOf(b), streamOf(a))
  return promise
}

/** Ends a half at once, with RST. */
export function cutHalf(half: HalfStream): void {
  cutSocket(half.socket, streamOf(half))
}

function streamOf({ socket, outer }: HalfStream): Duplex {
  return outer ?? socket
}

/** One direction. @returns What tells how many bytes went. */
function flow(from: Duplex, to: Duplex): () => number {
  let bytes = 0
  from.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  from.pipe(to)
  return () => bytes
}
