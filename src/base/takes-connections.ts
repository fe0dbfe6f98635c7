import { once } from 'node:events'
import net from 'node:net'

/** Does somebody listen there? @param timeoutMs None: as long as the kernel waits. */
export async function takesConnections(at: net.NetConnectOpts, timeoutMs = 0): Promise<boolean> {
  const socket = net.connect(at)
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
