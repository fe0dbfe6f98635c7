import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { cutSocket } from '../mux/cut-socket.ts'
import { type Destination, destination, showDestination } from './destination.ts'
import type { ForwardSpec } from './forward-spec.ts'
import { ACCEPT, closeServer, ignoreError, listenAt, listenFailed } from './listen.ts'
import { type ListenAddress, showAddress, showPlace } from './listen-address.ts'
import type { LocalUsers } from './local-users.ts'
import type { Opener } from './open-session.ts'
import type { Session, SessionEvents } from './session.ts'
import { UdpFlows } from './udp-flows.ts'
import { UdpSenders } from './udp-senders.ts'

/** A local port, or Unix socket, that leads to one destination. Disposed, its sessions are cut. */
export interface Forward extends AsyncDisposable {
  /** HOST:PORT it listens on, or unix:PATH. */
  readonly local: string
  /** HOST:PORT it leads to. */
  readonly to: string
  readonly protocol: 'tcp' | 'udp'
}

interface ForwardServices {
  readonly opener: Opener
  readonly users: LocalUsers
}

/** @throws {Fault} BAD_DESTINATION, LISTEN_FAILED. */
export async function openForward(spec: ForwardSpec, services: ForwardServices): Promise<Forward> {
  const { protocol, local } = spec
  const to = destination(spec.host, spec.port, protocol)
  if (!('file' in local)) services.users.warm()
  return protocol === 'udp' && !('file' in local)
    ? forwardUdp(local, to, services)
    : forwardTcp(spec, to, services)
}

async function forwardTcp(
  { local }: ForwardSpec,
  to: Destination,
  { opener, users }: ForwardServices,
): Promise<Forward> {
  const live = new Set<Accepted>()
  const server = net.createServer(ACCEPT, (socket) => {
    socket.on('error', ignoreError)
    const startedUs = opener.nowUs()
    const accepted = new Accepted(socket, live)
    live.add(accepted)
    const begin = () => {
      if (socket.destroyed) accepted.failed()
      else opener.open(to, 'forward', accepted, startedUs)
    }
    if ('file' in local) return begin()
    users.admit(socket, (refusal) => {
      if (refusal === undefined) return begin()
      opener.refuseUser('forward', refusal)
      accepted.failed()
    })
  })
  const bound = await listenAt(server, local)
  return {
    local: showPlace(bound),
    to: showDestination(to),
    protocol: 'tcp',
    async [Symbol.asyncDispose]() {
      const closed = closeServer(server)
      for (const { socket } of live) cutSocket(socket)
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
    cutSocket(this.socket)
  }

  closed(): void {
    this.#live.delete(this)
  }
}

async function forwardUdp(
  local: ListenAddress,
  to: Destination,
  { opener, users }: ForwardServices,
): Promise<Forward> {
  const socket = dgram.createSocket(local.host.includes(':') ? 'udp6' : 'udp4')
  const flows = new UdpFlows({ opener, entry: 'forward-udp' })
  const senders = new UdpSenders(socket, users, (refusal) => opener.refuseUser('forward-udp', refusal))
  try {
    socket.bind(local.port, local.host)
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw listenFailed(local, error)
  }
  socket.on('error', ignoreError)
  socket.on('message', (datagram, from) => {
    const { address, port } = from
    senders.admit(from, () => {
      flows.send(showAddress(address, port), to, datagram, () => (answer) => {
        socket.send(answer, port, address, ignoreError)
      })
    })
  })
  const bound = socket.address()
  return {
    local: showAddress(bound.address, bound.port),
    to: showDestination(to),
    protocol: 'udp',
    async [Symbol.asyncDispose]() {
      senders[Symbol.dispose]()
      flows[Symbol.dispose]()
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
}
