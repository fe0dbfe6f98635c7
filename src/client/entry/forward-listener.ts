import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import type { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import { cutSocket } from '../../mux/cut-socket.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import { type Destination, destination } from '../address/destination.ts'
import type { ForwardSpec } from '../address/forward-spec.ts'
import { type ListenAddress, showPlace } from '../address/listen-address.ts'
import { type ClientSession, faultOf, type SessionEvents } from '../session/client-session.ts'
import { ClientUdpFlows } from '../session/client-udp-flows.ts'
import type { Opener } from '../session/open-session.ts'
import { type Elsewhere, NOWHERE } from './elsewhere.ts'
import { ACCEPT, closeServer, listenAt, listenFailed } from './listen.ts'
import type { LocalUsers } from './local-users.ts'
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
  /** Asked first who serves a connection by TCP; none for a forward whose troubles somebody hears. */
  readonly elsewhere?: Elsewhere
  /** Hears why a program got nothing, or less than it asked for, for whoever runs the forward. */
  readonly trouble?: Trouble
}

type Trouble = (fault: Fault) => void

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
  { opener, users, elsewhere = NOWHERE, trouble }: ForwardServices,
): Promise<Forward> {
  const live = new Set<Accepted>()
  const byTcp = !('file' in local)
  const server = net.createServer(ACCEPT, (socket) => {
    socket.on('error', ignoreError)
    const startedUs = opener.nowUs()
    const accepted = new Accepted(socket, { live, opener, trouble })
    live.add(accepted)
    const begin = () => {
      if (socket.destroyed) accepted.gone()
      else if (byTcp && elsewhere.take(socket, { by: 'forward', to, startedUs })) accepted.passedOn()
      else opener.open(opener.lanes.choose(to, 'forward'), accepted, startedUs)
    }
    if (!byTcp) return begin()
    users.admit(socket, (refusal) => {
      if (refusal === undefined) return begin()
      opener.refuseUser('forward', refusal)
      accepted.failed(refusal)
    })
  })
  const bound = await listenAt(server, local)
  return {
    local: showPlace(bound),
    to: hostPort(to),
    protocol: 'tcp',
    async [Symbol.asyncDispose]() {
      const closed = closeServer(server)
      for (const { socket } of live) cutSocket(socket)
      await closed
    },
  }
}

/** Serves connections of forwards that another process has accepted and admitted. */
export class ForwardedElsewhere implements Disposable {
  readonly #live = new Set<Accepted>()
  readonly #opener: Opener

  constructor(opener: Opener) {
    this.#opener = opener
  }

  serve(socket: net.Socket, to: Destination, startedUs: number): void {
    socket.on('error', ignoreError)
    const accepted = new Accepted(socket, { live: this.#live, opener: this.#opener })
    this.#live.add(accepted)
    this.#opener.open(this.#opener.lanes.choose(to, 'forward'), accepted, startedUs)
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.#live) cutSocket(socket)
  }
}

interface AcceptedOwner {
  readonly live: Set<Accepted>
  readonly opener: Opener
  readonly trouble?: Trouble
}

/** The socket goes to the stream at once: what the program says first travels with OPEN. */
class Accepted implements SessionEvents {
  readonly socket: net.Socket
  readonly #owner: AcceptedOwner

  constructor(socket: net.Socket, owner: AcceptedOwner) {
    this.socket = socket
    this.#owner = owner
  }

  ready(session: ClientSession): void {
    session.attach(this.socket)
  }

  opened(session: ClientSession): void {
    const { opener, trouble } = this.#owner
    if (trouble !== undefined) for (const note of opener.notesOf(session)) trouble(note)
  }

  waits(fault: Fault): void {
    this.#owner.trouble?.(fault)
  }

  failed(fault: Fault): void {
    this.gone()
    this.#owner.trouble?.(fault)
  }

  /** Another process serves it; it is closed here with what that has open. */
  passedOn(): void {
    this.socket.once('close', () => this.#owner.live.delete(this))
  }

  /** Nobody waits for it any more. */
  gone(): void {
    this.#owner.live.delete(this)
    cutSocket(this.socket)
  }

  closed(_: ClientSession, end: StreamEnd): void {
    this.#owner.live.delete(this)
    const fault = faultOf(end)
    // What the program itself did, it knows.
    if (fault !== undefined && fault.hop !== 'client') this.#owner.trouble?.(fault)
  }
}

async function forwardUdp(
  local: ListenAddress,
  to: Destination,
  { opener, users, trouble }: ForwardServices,
): Promise<Forward> {
  const socket = dgram.createSocket(local.host.includes(':') ? 'udp6' : 'udp4')
  const flows = new ClientUdpFlows({ opener, entry: 'forward-udp', trouble })
  const senders = new UdpSenders(socket, users, (refusal) => {
    opener.refuseUser('forward-udp', refusal)
    trouble?.(refusal)
  })
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
      flows.send(hostPort({ host: address, port }), to, datagram, () => (answer) => {
        socket.send(answer, port, address, ignoreError)
      })
    })
  })
  const bound = socket.address()
  return {
    local: hostPort({ host: bound.address, port: bound.port }),
    to: hostPort(to),
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
