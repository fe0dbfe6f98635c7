import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'

type WriteDone = (error?: Error | null) => void

/**
 * Lets a socket be read to its end after a write to it has failed.
 *
 * A peer that resets a connection has often said something before: the answer to an upload that it will not take. It
 * lies in the kernel then, and node throws it away, because it closes a socket at the first write that fails. Here
 * the failure is told, once, what is written from then on goes nowhere, as it would in TCP, and reading goes on. What
 * looks like an orderly end after that is none: Linux tells of a reset once only, and the write has had it.
 *
 * Does nothing to a stream that is no socket.
 *
 * @param broke Called once, with why; the socket then has to be cut by its owner when its end has been read.
 */
export function outliveWrites(socket: Duplex, broke: (error: NodeJS.ErrnoException) => void): void {
  if (!(socket instanceof net.Socket) || socket instanceof tls.TLSSocket) return
  Object.assign(socket, { [WRITES]: new Writes(broke), _write: write, _writev: writev })
}

/** Writes follow each other, so there is one to answer at a time. */
class Writes {
  broken = false
  done: WriteDone | undefined
  readonly #broke: (error: NodeJS.ErrnoException) => void

  constructor(broke: (error: NodeJS.ErrnoException) => void) {
    this.#broke = broke
  }

  readonly settled: WriteDone = (error) => {
    if (error) {
      this.broken = true
      this.#broke(error)
    }
    this.done!()
  }
}

/** So that a socket has two functions of everybody's, and one of its own. */
const WRITES = Symbol('writes')
type Outliving = net.Socket & { [WRITES]: Writes }
const { _write, _writev } = net.Socket.prototype

function write(this: Outliving, chunk: unknown, encoding: BufferEncoding, given: WriteDone): void {
  const writes = this[WRITES]
  if (writes.broken) {
    given()
    return
  }
  writes.done = given
  _write.call(this, chunk, encoding, writes.settled)
}

function writev(
  this: Outliving,
  chunks: { chunk: unknown; encoding: BufferEncoding }[],
  given: WriteDone,
): void {
  const writes = this[WRITES]
  if (writes.broken) {
    given()
    return
  }
  writes.done = given
  _writev!.call(this, chunks, writes.settled)
}
