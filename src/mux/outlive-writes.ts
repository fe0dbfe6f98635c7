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
  const write = socket._write
  const writev = socket._writev
  let broken = false
  // Writes follow each other, so there is one to answer at a time, and no closure for each.
  let done: WriteDone
  const settled: WriteDone = (error) => {
    if (error) {
      broken = true
      broke(error)
    }
    done()
  }
  socket._write = (chunk, encoding, given) => {
    if (broken) return given()
    done = given
    write.call(socket, chunk, encoding, settled)
  }
  socket._writev = (chunks, given) => {
    if (broken) return given()
    done = given
    writev!.call(socket, chunks, settled)
  }
}
