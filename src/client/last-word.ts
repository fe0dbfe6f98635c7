import type net from 'node:net'

const LAST_WORD_MS = 5000

/**
 * Says the last word to a local program and goes. What the program still sends is read away, so that the reply is
 * not lost to a reset; a program that does not go itself is cut after a while.
 */
export function endWith(socket: net.Socket, last: Buffer | string): void {
  socket.once('end', () => socket.destroy())
  socket.setTimeout(LAST_WORD_MS, () => socket.destroy())
  socket.end(last)
  socket.resume()
}
