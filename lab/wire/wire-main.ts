/**
 * A wire in user space: frames of one TAP device come out of the other, late, twice, out of order or not at all.
 *
 *     bin/node lab/wire/wire-main.ts '{"taps": ["wa0", "wb0"], "control": "/…/wire.sock", "seed": 1, "impairment": {…}}'
 *
 * socat makes the devices and carries each frame as one datagram; this process is what lies between.
 * The control socket takes one JSON line `{ impairment? }` and answers with the figures of both directions.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import net from 'node:net'
import { Direction, type Figures } from './direction.ts'
import type { Impairment } from './impairment.ts'
import { PcapFile } from './pcap.ts'

export interface WireOrder {
  readonly taps: readonly [string, string]
  readonly control: string
  readonly seed: number
  readonly impairment: Impairment
  /** Every frame as it leaves the wire. */
  readonly capture?: string
}

/** From the first tap to the second, and back. */
export interface WireFigures {
  readonly there: Figures
  readonly back: Figures
}

const HOST = '127.0.0.1'
const SOCKET_BUFFER_BYTES = 4 << 20

const order = JSON.parse(process.argv[2]!) as WireOrder
const capture = order.capture === undefined ? undefined : new PcapFile(order.capture)
let impairment = order.impairment

const ends = await Promise.all(order.taps.map(plugIn))
const there = join(ends[0]!, ends[1]!, new Direction(order.seed))
const back = join(ends[1]!, ends[0]!, new Direction(order.seed + 1))
await listen()

interface End {
  readonly socket: dgram.Socket
  readonly socatPort: number
}

async function plugIn(tap: string): Promise<End> {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: SOCKET_BUFFER_BYTES })
  socket.bind(0, HOST)
  await once(socket, 'listening')
  const socatPort = await freePort()
  const device = `TUN,tun-type=tap,tun-name=${tap},iff-no-pi,iff-up`
  const peer = `UDP4-DATAGRAM:${HOST}:${socket.address().port},bind=${HOST}:${socatPort},rcvbuf=${SOCKET_BUFFER_BYTES}`
  const socat = ['socat', '-b', '65535', device, peer]
  spawn('setpriv', ['--pdeathsig', 'KILL', ...socat], { stdio: 'inherit' }).on('exit', () => process.exit(1))
  return { socket, socatPort }
}

async function freePort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, HOST)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** Frames that wait, the first to leave first. */
function join(from: End, to: End, direction: Direction): Figures {
  const waiting: { readonly frame: Buffer; readonly leavesMs: number }[] = []
  let timer: NodeJS.Timeout | undefined
  const release = () => {
    const nowMs = performance.now()
    while (waiting.length > 0 && waiting[0]!.leavesMs <= nowMs) {
      const { frame } = waiting.shift()!
      capture?.write(frame, Date.now())
      to.socket.send(frame, to.socatPort, HOST)
    }
    if (waiting.length > 0) timer = setTimeout(release, waiting[0]!.leavesMs - nowMs)
  }
  from.socket.on('message', (frame) => {
    const nowMs = performance.now()
    for (const leavesMs of direction.plan(frame.length, nowMs, impairment)) {
      const after = waiting.findLastIndex((one) => one.leavesMs <= leavesMs)
      waiting.splice(after + 1, 0, { frame, leavesMs })
    }
    // Whoever is first in the queue now may be due before the timer.
    clearTimeout(timer)
    release()
  })
  return direction.figures
}

async function listen(): Promise<void> {
  rmSync(order.control, { force: true })
  const server = net.createServer((socket) => {
    socket.setEncoding('utf8').on('error', () => {}) // who asked has gone
    socket.once('data', (line: string) => {
      const asked = JSON.parse(line) as { impairment?: Impairment }
      impairment = asked.impairment ?? impairment
      socket.end(JSON.stringify({ there, back } satisfies WireFigures))
    })
  })
  server.listen(order.control)
  await once(server, 'listening')
}
