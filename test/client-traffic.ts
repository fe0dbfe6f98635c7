/** Applications and programs for tests of the client: real sockets, on free ports. */
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import type { Readable } from 'node:stream'

export interface TcpApp extends AsyncDisposable {
  readonly port: number
  readonly sockets: Set<net.Socket>
}

/** A TCP application on 127.0.0.1. */
export async function serveTcp(talk: (socket: net.Socket) => void): Promise<TcpApp> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    talk(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    sockets,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

export function serveEcho(): Promise<TcpApp> {
  return serveTcp((socket) => void socket.pipe(socket))
}

const CHUNK = Buffer.alloc(65_536, 'b')

/** An application that says more than anybody takes. */
export function serveSource(): Promise<TcpApp> {
  return serveTcp((socket) => {
    const fill = () => {
      while (socket.writable && socket.write(CHUNK));
    }
    socket.on('drain', fill).resume()
    fill()
  })
}

export interface UdpSocket extends AsyncDisposable {
  readonly socket: dgram.Socket
  readonly port: number
  readonly received: Buffer[]
}

export async function listenUdp(
  address: string,
  heard: (message: Buffer, from: dgram.RemoteInfo, socket: dgram.Socket) => void = () => {},
): Promise<UdpSocket> {
  const socket = dgram.createSocket('udp4')
  const received: Buffer[] = []
  socket.on('message', (message, from) => {
    received.push(message)
    heard(message, from, socket)
  })
  socket.bind(0, address)
  await once(socket, 'listening')
  return {
    socket,
    port: socket.address().port,
    received,
    async [Symbol.asyncDispose]() {
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}

/** Exactly `bytes` bytes; the rest stays in the stream. Rejects if it ends before. */
export async function read(stream: Readable, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk = stream.read(bytes) as Buffer | null
    if (chunk !== null && chunk.length === bytes) return chunk
    if (chunk !== null || stream.readableEnded)
      throw new Error(`ended ${chunk?.length ?? 0} bytes into ${bytes}`)
    await Promise.race([once(stream, 'readable'), once(stream, 'end')])
  }
}

export async function readAll(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
