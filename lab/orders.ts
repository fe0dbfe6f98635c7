/**
 * How `lab break` and its like reach the lab that `lab up` holds: one JSON line over a Unix socket, text comes back.
 * The last byte says how it went: `+` or `-`.
 *
 * @module
 */
import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { takesConnections } from '../src/base/takes-connections.ts'

const SOCKET = '/run/bslab.sock'
const MAX_ORDER_CHARS = 1000

export interface Order {
  readonly do: string
  readonly scenario?: string
}

export type Obey = (order: Order, say: (line: string) => void) => Promise<void>

/** @throws {Error} when another lab is up already. */
export async function takeOrders(obey: Obey): Promise<AsyncDisposable> {
  if (await takesConnections({ path: SOCKET }))
    throw new Error('a lab is already running: backstitch lab down')
  rmSync(SOCKET, { force: true })
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {}) // who asked has gone
    void serve(socket, obey)
  })
  server.listen(SOCKET)
  await once(server, 'listening')
  chmodSync(SOCKET, 0o600)
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      rmSync(SOCKET, { force: true })
    },
  }
}

async function serve(socket: net.Socket, obey: Obey): Promise<void> {
  try {
    // Its other direction is for the answer.
    const order = JSON.parse(
      (await text(socket.iterator({ destroyOnReturn: false }))).slice(0, MAX_ORDER_CHARS),
    ) as Order
    await obey(order, (line) => socket.write(`${line}\n`))
    socket.end('+')
  } catch (error) {
    socket.end(`${(error as Error).message}\n-`)
  }
}

/** @returns Whether it went well. @throws {Error} when no lab is up. */
export async function sendOrder(order: Order, write: (text: string) => void): Promise<boolean> {
  const socket = net.connect({ path: SOCKET, allowHalfOpen: true })
  try {
    await once(socket, 'connect')
  } catch {
    throw new Error('no lab is running: start one with "backstitch lab up" in another terminal')
  }
  socket.end(JSON.stringify(order))
  socket.setEncoding('utf8')
  let last = ''
  for await (const part of socket as AsyncIterable<string>) {
    write(last + part.slice(0, -1))
    last = part.slice(-1)
  }
  return last === '+'
}
