import { once } from 'node:events'
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { type Clock, systemClock } from '../base/clock.ts'
import { deadline } from '../base/deadline.ts'
import { asFault, Fault } from '../base/faults.ts'
import { addressBytes } from '../base/ip-address.ts'
import type { Log } from '../base/log.ts'
import { Admission, type Visit } from '../link/accept/admission.ts'
import type { ArrivalKind } from '../link/accept/arrival.ts'
import { DescriptorReserve } from '../link/accept/descriptor-reserve.ts'
import { DEFAULT_LIMITS, type EdgeLimits } from '../link/accept/edge-limits.ts'
import { takeProxyHeader } from '../link/accept/proxy-protocol.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import type { Peer } from '../pki/verify.ts'
import { type Network, networkHas, readNetwork } from '../policy/network.ts'
import type { EdgeStateMessage } from '../wire/control.ts'
import { Dispatch } from './dispatch.ts'
import type { EdgeAuthority } from './edge-authority.ts'
import { EdgeWorkers } from './edge-workers.ts'
import { Halves } from './halves.ts'
import { listenOn } from './listen-on.ts'
import { logRefused } from './log-refused.ts'
import { EdgeMetrics } from './metrics.ts'
import { Relays, type RelaysOptions } from './relays.ts'
import { Rendezvous } from './rendezvous.ts'
import { EdgeShares } from './shares.ts'
import type { EdgeWorkerFigures } from './worker-process.ts'

const KEEP_ALIVE_MS = 60_000
/** For what was cut to be gone. */
const CUT_MS = 2000

export interface EdgeOptions {
  readonly listen: { readonly host: string; readonly port: number }
  /** A second port, for control connections of agents only; everything comes by the first one, too. */
  readonly controlPort?: number
  /** Networks of balancers: what comes from them begins with whose connection it is. */
  readonly balancers?: readonly string[]
  /** Identity of role `edge`. */
  readonly credentials: Credentials
  readonly authority: EdgeAuthority
  /** That of the control plane, as far as it is known here; the local one by default. */
  readonly clock?: Clock
  /** Where everything goes that is not a half of a pipe. */
  readonly home: Pick<RelaysOptions, 'home' | 'egress'>
  readonly log: Log
  readonly limits?: Partial<EdgeLimits>
  /** Most descriptors of the process; by default what the kernel allows. */
  readonly descriptors?: number
  readonly registry?: Registry
  readonly shares?: EdgeShares
  /** Processes that carry pipes; without them, or with one, this process carries all. */
  readonly workers?: { readonly entry: string; readonly count: number }
}

export interface EdgeStats {
  readonly connections: number
  readonly handshaking: number
  /** Pipes waiting for their other half. */
  readonly waiting: number
  readonly pipes: number
  /** Connections passed on to the control plane. */
  readonly relayed: number
  /** By fault code. */
  readonly refused: Readonly<Record<string, number>>
  readonly draining: boolean
  readonly workers?: readonly EdgeWorkerFigures[]
}

/**
 * The service edge: one TCP listener for people, agents and halves of pipes, told apart by the ALPN of their
 * ClientHello. It joins the halves, and passes all others on to the control plane. In hand, it listens; disposed,
 * everything it accepted is gone.
 */
export class Edge implements AsyncDisposable {
  readonly #o: EdgeOptions
  readonly #limits: EdgeLimits
  readonly #listener: net.Server
  readonly #second: net.Server | undefined
  readonly #admission: Admission
  readonly #descriptors: DescriptorReserve
  readonly #metrics: EdgeMetrics
  readonly #rendezvous: Rendezvous
  readonly #relays: Relays
  readonly #dispatch: Dispatch
  readonly #workers: EdgeWorkers | undefined
  /** Whom this process serves itself. */
  readonly #visits = new Map<net.Socket, Visit>()
  readonly #balancers: readonly Network[]
  #credentials: Credentials
  #draining = false

  /** An edge that listens. @throws {Fault} LISTEN_FAILED. */
  static async open(options: EdgeOptions): Promise<Edge> {
    const edge = new Edge(options)
    try {
      await edge.listen()
      return edge
    } catch (thrown) {
      await edge[Symbol.asyncDispose]()
      throw thrown
    }
  }

  /** It does not listen yet. */
  constructor(options: EdgeOptions) {
    const { log, clock = systemClock, registry = new Registry() } = options
    this.#o = options
    this.#balancers = (options.balancers ?? []).map(readNetwork)
    this.#credentials = options.credentials
    const credentials = () => this.#credentials
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#descriptors = new DescriptorReserve(log, 'edge', options.descriptors)
    const connections = Math.min(this.#limits.connections, this.#descriptors.most)
    this.#admission = new Admission({ ...this.#limits, connections })
    this.#metrics = new EdgeMetrics(registry, {
      connections: () => this.#admission.connections,
      handshakes: () => this.#admission.handshakes,
      waiting: () => this.#waiting,
      pipes: () => this.#pipes,
      relayed: () => this.#relays.size,
    })
    const shares = options.shares ?? new EdgeShares()
    const { pairMs } = this.#limits
    this.#rendezvous = new Rendezvous({ pairMs, clock, log, metrics: this.#metrics, shares })
    this.#relays = new Relays({ ...options.home, credentials })
    const { authority, workers } = options
    const halves = new Halves({ credentials, authority, clock, rendezvous: this.#rendezvous, shares })
    this.#dispatch = new Dispatch(halves, this.#relays)
    if (workers !== undefined && workers.count > 1) {
      this.#workers = new EdgeWorkers({
        ...{ ...workers, credentials, authority, clock, shares, log, registry },
        ...{ limits: this.#limits, counts: this.#metrics },
      })
    }
    const accepting = {
      allowHalfOpen: true,
      noDelay: true,
      pauseOnConnect: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    }
    this.#listener = net.createServer(accepting, (socket) => this.#accept(socket))
    if (options.controlPort !== undefined) {
      this.#second = net.createServer(accepting, (socket) => this.#accept(socket, 'control'))
    }
  }

  /** Once. @throws {Fault} LISTEN_FAILED, with who holds the port. */
  async listen(): Promise<void> {
    const { listen, controlPort } = this.#o
    await this.#workers?.ready()
    await listenOn(this.#listener, listen)
    if (this.#second) await listenOn(this.#second, { host: listen.host, port: controlPort! })
  }

  /** 0 while it does not listen. */
  get port(): number {
    return (this.#listener.address() as net.AddressInfo | null)?.port ?? 0
  }

  /** The second port, where there is one. */
  get controlPort(): number | undefined {
    return (this.#second?.address() as net.AddressInfo | null | undefined)?.port
  }

  /** FD_EXHAUSTED, while connections are turned away for it. */
  get shortage(): Fault | undefined {
    return this.#descriptors.fault
  }

  /** WORKER_ENDED, for ten minutes after a worker ended unasked. */
  get workerEnded(): Fault | undefined {
    return this.#workers?.ends.fault
  }

  stats(): EdgeStats {
    return {
      connections: this.#admission.connections,
      handshaking: this.#admission.handshakes,
      waiting: this.#waiting,
      pipes: this.#pipes,
      relayed: this.#relays.size,
      refused: this.#metrics.refused.byCode,
      draining: this.#draining,
      ...(this.#workers && { workers: this.#workers.figures }),
    }
  }

  get #pipes(): number {
    return this.#rendezvous.pipes + (this.#workers?.pipes ?? 0)
  }

  get #waiting(): number {
    return this.#rendezvous.waiting + (this.#workers?.waiting ?? 0)
  }

  /** The tenant certificate was renewed: handshakes from here on use it. */
  renew(credentials: Credentials): void {
    this.#credentials = credentials
    this.#workers?.renew()
  }

  /** Takes no new pipes; resolves when the live ones ended, or `deadlineMs` passed and they were closed. */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true
    this.#o.log.info({ event: 'edge.draining', pipes: this.#pipes, deadlineMs }, 'draining')
    const { promise: late, resolve } = Promise.withResolvers<void>()
    this.#relays.drain()
    const timer = setTimeout(resolve, deadlineMs)
    const drained = Promise.all([this.#rendezvous.drained(), this.#workers?.drained()])
    await Promise.race([drained, late])
    clearTimeout(timer)
    const cut = this.#rendezvous.cut(() => true) + ((await this.#workers?.cut()) ?? 0)
    // What was cut is gone in a moment; whatever it is that is not, nobody waits for it for ever.
    await Promise.race([drained, wait(CUT_MS, undefined, { ref: false })])
    this.#o.log.info({ event: 'edge.drained', cut }, 'drained')
  }

  /** Closes the pipes of matching peers, of those that this process carries itself. @returns how many. */
  revoke(matches: (peer: Peer) => boolean): number {
    return this.#rendezvous.cut(matches)
  }

  /** Closes the pipes of whoever is shut out that workers carry. @returns how many. */
  async shutOutOfWorkers(state: EdgeStateMessage): Promise<number> {
    return (await this.#workers?.shutOut(state)) ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const listening = [this.#listener, this.#second].filter((one) => one?.listening)
    const closed = listening.map((listener) => once(listener!, 'close'))
    for (const listener of listening) listener!.close()
    this.#relays.close()
    this.#rendezvous.cut(() => true)
    const sockets = [...this.#visits.keys()]
    const gone = sockets.map((socket) => once(socket, 'close'))
    for (const socket of sockets) socket.destroy()
    await Promise.all([...closed, ...gone, this.#workers?.[Symbol.asyncDispose]()])
  }

  /** Never waits: each connection goes its own way, so that one that stalls delays nobody. */
  #accept(socket: net.Socket, only?: ArrivalKind): void {
    socket.on('error', ignore)
    const visit = this.#enter(socket)
    if (visit instanceof Fault) {
      this.#metrics.refused.add(visit.code)
      socket.resetAndDestroy()
      return
    }
    this.#visits.set(socket, visit)
    socket.once('close', () => {
      this.#visits.get(socket)?.left()
      this.#visits.delete(socket)
    })
    const by = socket.remoteAddress
    this.#serve(socket, visit, only).catch((thrown: unknown) => {
      socket.destroy()
      const fault = asFault(thrown)
      // Agents measure how far an edge is by connections that they make for nothing else.
      if (fault.seen.silent === true) return
      this.#metrics.refused.add(fault.code)
      logRefused(this.#o.log, fault, { from: socket.remoteAddress ?? by, thrown })
    })
  }

  #enter(socket: net.Socket): Visit | Fault {
    try {
      this.#descriptors.admit(socket)
      return this.#admission.enter(socket.remoteAddress ?? '', this.#isBalancer(socket))
    } catch (thrown) {
      return asFault(thrown)
    }
  }

  #isBalancer({ remoteAddress = '' }: net.Socket): boolean {
    if (this.#balancers.length === 0) return false
    const bytes = addressBytes(remoteAddress)
    return bytes !== undefined && this.#balancers.some((network) => networkHas(network, bytes))
  }

  async #serve(socket: net.Socket, visit: Visit, only?: ArrivalKind): Promise<void> {
    const started = performance.now()
    const { handshakeMs } = this.#limits
    using limit = deadline(handshakeMs, 'HANDSHAKE_TIMEOUT', 'a peer did not finish its handshake')
    if (this.#isBalancer(socket)) await takeOrigin(socket, visit, limit)
    const arrival = await this.#dispatch.look(socket, limit, only)
    const { kind, shard } = arrival
    if (shard !== undefined && this.#workers !== undefined) {
      this.#workers.give(socket, { visit, shard, acceptedMs: started })
      this.#visits.delete(socket) // it counts there, for as long as it is there
      return
    }
    await this.#dispatch.take(socket, arrival, limit)
    // What a remote edge passes on counts at the control plane, for who is behind it and not for that edge.
    if (kind === 'relay') visit.left()
    else visit.settled()
    this.#metrics.handshakeDone(kind, performance.now() - started)
  }
}

/** From here on the connection is that of whom the balancer names: for logs, counts, limits, and the control plane. */
async function takeOrigin(socket: net.Socket, visit: Visit, signal: AbortSignal): Promise<void> {
  const from = await takeProxyHeader(socket, signal)
  if (from !== undefined) {
    const { address, port } = from
    Object.defineProperties(socket, { remoteAddress: { value: address }, remotePort: { value: port } })
  }
  visit.isBehind(socket.remoteAddress ?? '')
}

function ignore(): void {}
