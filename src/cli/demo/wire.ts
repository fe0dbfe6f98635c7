import { once } from 'node:events'
import net from 'node:net'
import { cutBehindWrites, cutSocket } from '../../mux/cut-socket.ts'

/**
 * Carries every connection that comes in at one place to another, byte for byte. Two of these and a Unix socket
 * join two network namespaces where no interface may: a path in the file system is the same in both.
 */
export async function openWire(from: net.ListenOptions, to: net.NetConnectOpts): Promise<AsyncDisposable> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    const far = net.connect({ ...to, allowHalfOpen: true })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', ignore)
      one.once('close', () => {
        sockets.delete(one)
        if (!one.readableEnded || !one.writableFinished) cutBehindWrites(other)
      })
      one.setNoDelay?.(true)
      one.pipe(other)
    }
  })
  server.listen(from)
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) cutSocket(socket)
      server.close()
      await once(server, 'close')
    },
  }
}

function ignore(): void {}
