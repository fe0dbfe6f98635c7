import http from 'node:http'
import net, { type AddressInfo } from 'node:net'

export interface TestProxy extends AsyncDisposable {
  readonly port: number
  /** Targets asked for, in order. */
  readonly asked: string[]
}

export interface TestProxyOptions {
  /** `user:password` that it insists on. */
  readonly auth?: string
  /** Answers every CONNECT like this and closes. */
  readonly answer?: string
  /** Answers every CONNECT so much later. */
  readonly afterMs?: number
  /** Reads the request and says nothing. */
  readonly silent?: boolean
}

/** A small real CONNECT proxy on loopback. */
export async function openTestProxy(o: TestProxyOptions = {}): Promise<TestProxy> {
  const asked: string[] = []
  const sockets = new Set<net.Socket>()
  const own = (socket: net.Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }
  const server = http.createServer()
  server.on('connection', own)
  server.on('connect', (request, client: net.Socket, head: Buffer) => {
    asked.push(request.url ?? '')
    if (o.silent) return
    if (o.answer !== undefined) return client.end(o.answer)
    const wanted = o.auth && `Basic ${Buffer.from(o.auth).toString('base64')}`
    if (wanted && request.headers['proxy-authorization'] !== wanted) {
      return client.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="corp"\r\nContent-Length: 0\r\n\r\n',
      )
    }
    const { hostname, port } = new URL(`http://${request.url}`)
    const upstream = net.connect(Number(port), hostname.replace(/^\[|\]$/g, ''), () => {
      setTimeout(() => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        upstream.write(head)
        client.pipe(upstream).pipe(client)
      }, o.afterMs ?? 0)
    })
    own(upstream)
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
