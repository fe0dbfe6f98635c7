import type net from 'node:net'
import { cutSocket } from '../../mux/cut-socket.ts'

const LAST_WORD_MS = 5000

/**
 * Says the last word to a local program and goes. What the program still sends is read away, so that the reply is
 * not lost to a reset; a program that has it and does not go itself is cut after a while.
 */
export function endWith(socket: net.Socket, last: Buffer | string): void {
  const wait = () => socket.setTimeout(LAST_WORD_MS, () => cutSocket(socket))
  if (socket.writableFinished) wait()
  else socket.once('finish', wait)
  if (!socket.writableEnded) socket.end(last)
  socket.resume()
}
