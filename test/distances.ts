import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { ALPN_PIPE } from '../src/wire/handover.ts'

interface Relayed {
  readonly to: number
  readonly far: net.Socket
  /** It said in its ClientHello that it brings a half of a pipe. */
  pipe: boolean
}

/**
 * An HTTP proxy, the only way out for the agents: it answers late for some destinations, which is how far they are,
 * and not at all for those that are blocked. What goes through it can be cut.
 */
export class Distances implements AsyncDisposable {
  readonly lateMs = new Map<number, number>()
  readonly blocked = new Set<number>()
  readonly #server = http.createServer()
  readonly #open = new Map<net.Socket, Relayed>()

  static async open(): Promise<Distances> {
    const proxy = new Distances()
    proxy.#server.on('connect', (request, socket: net.Socket) => void proxy.#connect(request.url!, socket))
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  /** From now on nobody reaches it, and whoever has is cut off. */
  block(port: number): void {
    this.blocked.add(port)
    for (const [socket, { to }] of this.#open) if (to === port) socket.destroy()
  }

  /** Breaks every pipe, with RST to both sides. Control connections stay. @returns how many halves there were. */
  cutPipes(): number {
    const pipes = [...this.#open].filter(([, { pipe }]) => pipe)
    for (const [socket, { far }] of pipes) {
      socket.resetAndDestroy()
      far.resetAndDestroy()
    }
    return pipes.length
  }

  async #connect(target: string, socket: net.Socket): Promise<void> {
    const port = Number(target.split(':')[1])
    socket.on('error', () => {})
    await delay(this.lateMs.get(port) ?? 0)
    if (this.blocked.has(port)) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const far = net.connect(port, '127.0.0.1')
    const relayed = { to: port, far, pipe: false }
    this.#open.set(socket, relayed)
    far.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    far.once('connect', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    socket.once('data', (hello: Buffer) => (relayed.pipe = hello.includes(ALPN_PIPE)))
    socket.once('close', () => {
      this.#open.delete(socket)
      far.destroy()
    })
    far.once('close', () => socket.destroy())
    socket.pipe(far).pipe(socket)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#open.keys()) socket.destroy()
  }
}
