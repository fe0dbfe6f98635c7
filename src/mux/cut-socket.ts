import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'

/** Ends a connection at once: with RST where there is one to send, so that the other end sees a break and no orderly end. */
export function cutSocket(socket: Duplex): void {
  if (socket.destroyed) return
  // While a shutdown is under way libuv refuses the reset (EINVAL), and node then leaks the descriptor.
  const shutting = socket.writableEnded && !socket.writableFinished
  const tcp =
    socket instanceof net.Socket && !(socket instanceof tls.TLSSocket) && socket.remoteAddress !== undefined
  if (tcp && !shutting) socket.resetAndDestroy()
  else socket.destroy()
}
