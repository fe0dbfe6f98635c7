import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'

/** How long the other end may take to read what came before a reset, before it is reset all the same. */
const LAST_MS = 10_000
/** How long a shutdown may be under way. That of outer TLS has a last word to send, which a peer may never take. */
const SHUTTING_MS = 1_000

/**
 * Ends a connection at once, so that the other end sees a break and never an orderly end: with RST where there is one
 * to send, else with an error.
 *
 * @param over What runs on `socket` and may be shutting it down, as outer TLS does.
 */
export function cutSocket(socket: Duplex, over: Duplex = socket): void {
  if (socket.destroyed) return
  if (socket.listenerCount('error') === 0) socket.on('error', ignore)
  if (!(socket instanceof net.Socket) || socket instanceof tls.TLSSocket) {
    socket.destroy(new ConnectionCut())
    return
  }
  // While a shutdown is under way libuv refuses the reset (EINVAL), and node then leaks the descriptor. It is under
  // way for a turn, mostly, and its FIN is true: everything before it was taken.
  const shutting = over.writableEnded && !over.writableFinished && over.writableLength === 0 && !over.errored
  if (!shutting || over.destroyed) {
    reset(socket)
    return
  }
  const late = setTimeout(() => socket.destroy(new ConnectionCut()), SHUTTING_MS).unref()
  const cut = () => {
    clearTimeout(late)
    reset(socket)
  }
  over.once('finish', cut).once('close', cut)
}

function reset(socket: net.Socket): void {
  if (socket.destroyed) return
  try {
    socket.resetAndDestroy()
  } catch {
    socket.destroy(new ConnectionCut()) // a Unix socket knows no reset
  }
}

/**
 * As `cutSocket`, once what was written before is taken: what a peer said before its reset is heard before it.
 *
 * @param over What is written to, where that is not `socket` itself.
 */
export function cutBehindWrites(socket: Duplex, over: Duplex = socket): void {
  if (over.destroyed || over.writableLength === 0) {
    cutSocket(socket, over)
    return
  }
  const cut = () => {
    clearTimeout(timer)
    cutSocket(socket, over)
  }
  const timer = setTimeout(cut, LAST_MS).unref()
  over.once('close', cut)
  if (over.writableEnded) over.once('finish', cut)
  else over.write(NOTHING, cut)
}

const NOTHING = Buffer.alloc(0)

class ConnectionCut extends Error {
  override readonly name = 'ConnectionCut'
  readonly code = 'ECONNRESET'

  constructor() {
    super('the connection was cut')
  }
}

function ignore(): void {}
