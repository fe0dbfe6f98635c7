import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '../../base/faults.ts'
import { socketPath } from '../../base/listen-unix.ts'
import { shortageFault } from '../../base/shortage.ts'
import { encodeRelayHeader, type PeerAddress } from '../../wire/relay.ts'

/** A control plane that restarts is back by then; what comes meanwhile waits instead of failing. */
const PATIENCE_MS = 2000
const AGAIN_MS = 50

/**
 * A connection to the control plane on this machine, with the word of who is at its other end already sent. Who may
 * open the socket (mode 0600) is believed: it is the edge that was started with the control plane.
 *
 * @returns Paused by nobody; half-open allowed.
 * @throws {Fault} CONTROL_UNREACHABLE if nobody listens there; the reason of `signal`.
 */
export async function dialLocal(file: string, peer: PeerAddress, signal: AbortSignal): Promise<net.Socket> {
  const giveUpMs = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      const socket = await connect(file, signal)
      socket.write(encodeRelayHeader(peer))
      return socket
    } catch (cause) {
      signal.throwIfAborted()
      const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown'
      if (performance.now() > giveUpMs) {
        // EAGAIN of a Unix socket is a full queue of the other end.
        const own = errno === 'EAGAIN' ? undefined : shortageFault(errno, `${file} was not opened`, { cause })
        if (own !== undefined) throw own
        throw new Fault('CONTROL_UNREACHABLE', `the control plane does not answer at ${file}: ${errno}`, {
          cause,
          seen: { socket: file, errno },
        })
      }
      await wait(AGAIN_MS, undefined, { signal }).catch(() => {})
      signal.throwIfAborted()
    }
  }
}

function connect(path: string, signal: AbortSignal): Promise<net.Socket> {
  const socket = net.connect({ path: socketPath(path), allowHalfOpen: true })
  return new Promise((resolve, reject) => {
    const stop = () => {
      socket.destroy()
      reject(signal.reason)
    }
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    const clear = () => signal.removeEventListener('abort', stop)
    socket.once('connect', () => {
      clear()
      resolve(socket)
    })
    // Stays: until its next owner listens, a reset must not end the process.
    socket.on('error', (error) => {
      clear()
      reject(error)
    })
  })
}
