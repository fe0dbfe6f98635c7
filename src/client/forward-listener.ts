import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import type { Fault } from '../base/faults.ts'
import { type Destination, destination, showDestination } from './destination.ts'
import type { ForwardSpec } from './forward-spec.ts'
import { ACCEPT, closeServer, ignoreError, listen, listenFailed } from './listen.ts'
import { showAddress } from './listen-address.ts'
import type { Opener } from './open-session.ts'
import type { Session, SessionEvents } from './session.ts'
import { UdpFlows } from './udp-flows.ts'

/** A local port that leads to one destination. */
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
  const server = net.createServer(ACCEPT, (socket) => {
    socket.on('error', ignoreError)
    opener.open(to, 'forward', new Accepted(socket), opener.nowUs())
  })
  const { host, port } = await listen(server, spec.local)
  return {
    local: showAddress(host, port),
    to: showDestination(to),
    protocol: 'tcp',
    [Symbol.asyncDispose]: () => closeServer(server),
  }
}

/** The socket goes to the stream at once: what the program says first travels with OPEN. */
class Accepted implements SessionEvents {
  readonly #socket: net.Socket

  constructor(socket: net.Socket) {
    this.#socket = socket
  }

  ready(session: Session): void {
    session.attach(this.#socket)
  }

  failed(_fault: Fault): void {
    if (!this.#socket.destroyed) this.#socket.resetAndDestroy()
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
