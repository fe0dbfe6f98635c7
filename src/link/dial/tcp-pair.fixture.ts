import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'

export interface TcpPair extends AsyncDisposable {
  readonly dialled: net.Socket
  /** Paused, as an edge accepts. */
  readonly accepted: net.Socket
}

/** Two ends of one real TCP connection on loopback. */
export async function tcpPair(): Promise<TcpPair> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const dialled = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(dialled, 'connect')])) as [
    [net.Socket],
    unknown,
  ]
  for (const socket of [dialled, accepted]) socket.on('error', () => {})
  server.close()
  return {
    dialled,
    accepted,
    async [Symbol.asyncDispose]() {
      const closed = [dialled, accepted]
        .filter((socket) => !socket.closed)
        .map((socket) => once(socket, 'close'))
      dialled.destroy()
      accepted.destroy()
      await Promise.all(closed)
    },
  }
}
