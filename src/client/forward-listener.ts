import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { type Destination, destination, showDestination } from './destination.ts'
import type { ForwardSpec } from './forward-spec.ts'
import { ACCEPT, closeServer, ignoreError, listen, listenFailed } from './listen.ts'
import { showAddress } from './listen-address.ts'
import type { Opener } from './open-session.ts'
import type { Session, SessionEvents } from './session.ts'
import { UdpFlows } from './udp-flows.ts'

/** A local port that leads to one destination. Disposed, its sessions are cut. */
export interface Forward extends AsyncDisposable {
  /** HOST:PORT it listens on. */
  readonly local: string
  /** HOST:PORT it leads to. */
  readonly to: string
  readonly protocol: 'tcp' | 'udp'
}

/** @throws {Fault} BAD_DESTINATION, LISTEN_FAILED. */
export async function openForward(spec: ForwardSpec, opener: Opener): Promise<Forward> {
  const to = destination(spec.host, spec.port, spec.protocol)
  return spec.protocol === 'tcp' ? forwardTcp(spec, to, opener) : forwardUdp(spec, to, opener)
}

async function forwardTcp(spec: ForwardSpec, to: Destination, opener: Opener): Promise<Forward> {
  const live = new Set<Accepted>()
  const server = net.createServer(ACCEPT, (socket) => {
    socket.on('error', ignoreError)
    const accepted = new Accepted(socket, live)
    live.add(accepted)
    opener.open(to, 'forward', accepted, opener.nowUs())
  })
  const { host, port } = await listen(server, spec.local)
  return {
    local: showAddress(host, port),
    to: showDestination(to),
    protocol: 'tcp',
    async [Symbol.asyncDispose]() {
      const closed = closeServer(server)
      for (const { socket } of live) socket.resetAndDestroy() // a break, not an orderly end
      await closed
    },
  }
}

/** The socket goes to the stream at once: what the program says first travels with OPEN. */
class Accepted implements SessionEvents {
  readonly socket: net.Socket
  readonly #live: Set<Accepted>

  constructor(socket: net.Socket, live: Set<Accepted>) {
    this.socket = socket
    this.#live = live
  }

  ready(session: Session): void {
    session.attach(this.socket)
  }

  failed(): void {
    this.#live.delete(this)
    if (!this.socket.destroyed) this.socket.resetAndDestroy()
  }

  closed(): void {
    this.#live.delete(this)
  }
}

async function forwardUdp(spec: ForwardSpec, to: Destination, opener: Opener): Promise<Forward> {
  const socket = dgram.createSocket(spec.local.host.includes(':') ? 'udp6' : 'udp4')
  const flows = new UdpFlows({ opener, entry: 'forward-udp' })
  try {
    socket.bind(spec.local.port, spec.local.host)
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw listenFailed(spec.local, error)
  }
  socket.on('error', ignoreError)
  socket.on('message', (datagram, { address, port }) => {
    flows.send(showAddress(address, port), to, datagram, () => (answer) => {
      socket.send(answer, port, address, ignoreError)
    })
  })
  const bound = socket.address()
  return {
    local: showAddress(bound.address, bound.port),
    to: showDestination(to),
    protocol: 'udp',
    async [Symbol.asyncDispose]() {
      flows[Symbol.dispose]()
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}
