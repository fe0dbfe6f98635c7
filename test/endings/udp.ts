/**
 * The row of UDP, through UDP ASSOCIATE: datagrams know no end, but the association has one, and so has the session.
 *
 * @module
 */
import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import type net from 'node:net'
import { listenUdp, type UdpSocket } from '../client-traffic.ts'
import type { Disturbance } from './disturbances.ts'
import { connectLocal, take } from './entries.ts'
import { assertRecorded, type Close } from './judge.ts'
import type { Underway } from './transfers.ts'
import type { World } from './world.ts'

const DATAGRAMS = 20
const HEADER_BYTES = 10

/** A program with an association, and an application that sends back what it gets. */
export class Flow implements AsyncDisposable {
  readonly application: UdpSocket
  readonly control: net.Socket
  readonly heard: string[] = []
  readonly #socket: dgram.Socket
  readonly #relayPort: number
  #killed = false

  private constructor(application: UdpSocket, control: net.Socket, socket: dgram.Socket, relayPort: number) {
    this.application = application
    this.control = control
    this.#socket = socket
    this.#relayPort = relayPort
    socket.on('message', (bytes) => this.heard.push(bytes.toString('latin1', HEADER_BYTES)))
  }

  static async open({ local, records }: World): Promise<Flow> {
    const application = await listenUdp('127.0.0.1', (bytes, { port, address }, socket) => {
      socket.send(bytes, port, address)
    })
    records.begin(application.port)
    const control = await connectLocal(local)
    control.write(Buffer.from([5, 1, 0]))
    await take(control, (reply) => (reply.length >= 2 ? 2 : undefined))
    control.write(Buffer.from([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]))
    const reply = await take(control, (bytes) => (bytes.length >= HEADER_BYTES ? HEADER_BYTES : undefined))
    assert.equal(reply[1], 0, 'SOCKS5 reply')
    control.resume()
    const socket = dgram.createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new Flow(application, control, socket, reply.readUInt16BE(8))
  }

  send(text: string): void {
    const header = Buffer.from([0, 0, 0, 1, 127, 0, 0, 1, 0, 0])
    header.writeUInt16BE(this.application.port, 8)
    this.#socket.send([header, Buffer.from(text, 'latin1')], this.#relayPort, '127.0.0.1')
  }

  /** There and back, one after the other. @throws {AssertionError} unless each came once, as it was sent. */
  async exchange(): Promise<void> {
    const sent: string[] = []
    for (let number = 0; number < DATAGRAMS; number++) {
      const text = `datagram ${number} ${'x'.repeat(number * 50)}`
      sent.push(text)
      const answered = once(this.#socket, 'message', { signal: AbortSignal.timeout(20_000) })
      this.send(text)
      await answered
    }
    assert.deepEqual(this.heard, sent)
    assert.deepEqual(this.application.received.map(String), sent)
  }

  /** Nobody listens there any more. */
  async killApplication(): Promise<void> {
    if (this.#killed) return
    this.#killed = true
    await this.application[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.control.destroy()
    this.#socket.close()
    await this.killApplication()
  }
}

export interface UdpEnding {
  readonly name: string
  readonly close: Close
  play(flow: Flow): Promise<void>
}

export const UDP_ENDINGS: readonly UdpEnding[] = [
  {
    name: 'FIN of the program',
    close: { reason: 'done', hop: 'client' },
    async play({ control }) {
      control.end()
    },
  },
  {
    name: 'RST of the program',
    close: { reason: 'done', hop: 'client' },
    async play({ control }) {
      control.resetAndDestroy()
    },
  },
  {
    name: 'application killed',
    close: { reason: 'APP_REFUSED', hop: 'application' },
    async play(flow) {
      await flow.killApplication()
      flow.send('nobody is there, says the kernel')
      flow.send('and this is where it is told')
    },
  },
]

/** A flow while something happens. */
export async function beginFlow(world: World): Promise<Underway> {
  const flow = await Flow.open(world)
  const { control } = flow
  const gone = new Promise((resolve) => control.once('end', resolve).once('close', resolve))
  await flow.exchange()
  return {
    happen() {},
    async finish({ reason, dead = [] }: Disturbance) {
      if (dead.includes('client')) await gone
      if (reason === undefined) control.end() // a flow has no end of its own
      const left = (['client', 'connector'] as const).filter((side) => !dead.includes(side))
      const record = await assertRecorded(world.records, flow.application.port, left)
      assert.equal(record.closeReason, reason ?? 'done', record.closeDetail ?? 'recorded')
    },
    [Symbol.dispose]: () => void flow[Symbol.asyncDispose](),
  }
}
