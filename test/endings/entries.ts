/**
 * The ways in: how a program comes to an application.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import type { Address } from '../../bench/children.ts'
import { openDaemon } from '../../src/client/commands/control-call.ts'
import { PROGRAM } from '../installation.ts'
import { type Line, processLine, socketLine } from './peer.ts'
import type { World } from './world.ts'

export interface Entry {
  readonly name: string
  /** `straight`: no tunnel, no record; nothing that happens to those touches it. */
  readonly lane: 'private' | 'straight' | 'direct'
  /** `http`: the messages are what is carried, not the bytes. */
  readonly carries: 'bytes' | 'http'
  /** The program is joined to a process of ours, and not to a socket: `alone` has no daemon. */
  readonly process?: 'alone' | 'daemon'
  open(world: World, host: string, port: number): Promise<Line>
}

/** No Backstitch at all: what every other way is compared with. */
export const DIRECT: Entry = {
  name: 'direct',
  lane: 'direct',
  carries: 'bytes',
  open: async (_world, host, port) => socketLine(await connect(port, host)),
}

export const ENTRIES: readonly Entry[] = [
  { name: 'SOCKS5', lane: 'private', carries: 'bytes', open: socks5 },
  { name: 'CONNECT', lane: 'private', carries: 'bytes', open: httpConnect },
  { name: 'HTTP form', lane: 'private', carries: 'http', open: (world) => proxy(world).then(socketLine) },
  { name: 'forward', lane: 'private', carries: 'bytes', open: forward },
  {
    name: 'stdio alone',
    ...{ lane: 'private', carries: 'bytes', process: 'alone' },
    open: stdio('alone'),
  },
  {
    name: 'stdio through the daemon',
    ...{ lane: 'private', carries: 'bytes', process: 'daemon' },
    open: stdio('client'),
  },
  { name: 'straight out', lane: 'straight', carries: 'bytes', open: socks5 },
  {
    name: 'straight out, HTTP form',
    lane: 'straight',
    carries: 'http',
    open: (world) => proxy(world).then(socketLine),
  },
]

/** What names the application: a segment has the address, an internet rule the name. */
export function hostFor({ lane }: Entry): string {
  return lane === 'straight' ? 'localhost' : '127.0.0.1'
}

async function connect(port: number, host: string): Promise<net.Socket> {
  const socket = net.connect({ port, host, allowHalfOpen: true })
  await once(socket, 'connect')
  socket.on('error', () => {}) // its peer tells
  return socket
}

export function connectLocal({ host, port }: Address): Promise<net.Socket> {
  return connect(port, host)
}

function proxy({ local }: World): Promise<net.Socket> {
  return connectLocal(local)
}

async function socks5(world: World, host: string, port: number): Promise<Line> {
  const socket = await proxy(world)
  socket.write(Buffer.from([5, 1, 0]))
  await take(socket, (reply) => (reply.length >= 2 ? 2 : undefined))
  socket.write(Buffer.from([5, 1, 0, 3, host.length, ...Buffer.from(host), port >> 8, port & 255]))
  const reply = await take(socket, (bytes) => (bytes.length >= 10 ? 10 : undefined))
  if (reply[1] !== 0) throw new Error(`SOCKS5 reply ${reply[1]}`)
  return socketLine(socket)
}

async function httpConnect(world: World, host: string, port: number): Promise<Line> {
  const socket = await proxy(world)
  socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`)
  const head = await take(socket, (bytes) => {
    const end = bytes.indexOf('\r\n\r\n')
    return end === -1 ? undefined : end + 4
  })
  if (!head.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(`CONNECT: ${head}`)
  return socketLine(socket)
}

/** The first bytes that come, as many as `length` says of what is there; the rest stays in the socket, which is paused. */
export function take(socket: net.Socket, length: (bytes: Buffer) => number | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0)
    const gone = () => reject(new Error(`ended after ${JSON.stringify(bytes.toString('latin1'))}`))
    const come = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const taken = length(bytes)
      if (taken === undefined) return
      socket.off('data', come).off('end', gone).off('close', gone).pause()
      if (taken < bytes.length) socket.unshift(bytes.subarray(taken))
      resolve(bytes.subarray(0, taken))
    }
    socket.on('data', come).on('end', gone).on('close', gone).resume()
  })
}

/** Asks the running client for a forward, as `client forward` does. It stands until the client ends. */
async function forward({ installation, forwards }: World, host: string, port: number): Promise<Line> {
  const call = { op: 'forward', protocol: 'tcp', local: { host: '127.0.0.1', port: 0 }, host, port } as const
  const called = await openDaemon(installation.stateOf('client'), call)
  if (called === undefined || !called.answer.ok)
    throw new Error(`no forward: ${JSON.stringify(called?.answer)}`)
  forwards.use({ [Symbol.dispose]: () => called.socket.destroy() })
  return socketLine(await connect(Number(called.answer.address!.split(':')[1]), '127.0.0.1'))
}

/** `client connect` of this device: `alone` has no daemon. */
function stdio(device: string): Entry['open'] {
  return async ({ installation, agentEnv }, host, port) => {
    const command = [...installation.flagsOf(device), 'connect', host, `${port}`]
    const child = spawn(PROGRAM, command, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, ...agentEnv },
    })
    return processLine(child)
  }
}
