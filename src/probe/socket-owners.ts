import { Worker } from 'node:worker_threads'
import { programFile } from '../base/program-files.ts'
import { type SockDiag, sockDiag } from './sock-diag.ts'
import type { OwnersAsked, OwnersFound } from './socket-owner-thread.ts'
import { type Endpoint, pairKey, type SocketOwner } from './socket-table.ts'

/** A table changes while it is read, so that a socket may be missed: who is not found is looked for again, this often. */
const LOOKS = 3

type TcpDone = (owner: SocketOwner | undefined) => void
type UdpDone = (owners: readonly SocketOwner[]) => void

interface TcpWaiting {
  readonly ends: readonly [near: Endpoint, far: Endpoint]
  readonly done: TcpDone
  looks: number
}

/**
 * Asks the kernel whose the other ends of local connections are: one by one where it can be asked so. Else its tables
 * are read, once for all who wait; who comes meanwhile waits for the next reading.
 */
export class SocketOwners implements Disposable {
  /** Absent until it is known whether there is a quick way. */
  #diag: { readonly quick: SockDiag | undefined } | undefined
  #opening: Promise<void> | undefined
  #thread: Worker | undefined
  #tcp = new Map<string, TcpWaiting>()
  #udp = new Map<number, UdpDone[]>()
  #asked: { readonly tcp: Map<string, TcpWaiting>; readonly udp: Map<number, UdpDone[]> } | undefined
  #over = false
  /** Why the tables could not be read when they were last. */
  errno: string | undefined

  /** Finds out how it can ask, so that the first to be asked about need not wait for that. */
  warm(): Promise<void> {
    this.#opening ??= sockDiag().then((quick) => {
      this.#diag = { quick }
    })
    return this.#opening
  }

  /** @param near The end of the socket whose user is asked for. @param done Told nothing if no socket has these ends. */
  tcp(near: Endpoint, far: Endpoint, done: TcpDone): void {
    if (this.#diag === undefined) {
      void this.warm().then(() => this.tcp(near, far, done))
      return
    }
    const owner = this.#quickly(near, far)
    if (owner === undefined) this.#slowly(near, far, done)
    else done(owner)
  }

  #quickly(near: Endpoint, far: Endpoint): SocketOwner | undefined {
    try {
      return this.#diag!.quick?.tcp(near, far)
    } catch {
      return undefined // the tables say the same
    }
  }

  #slowly(near: Endpoint, far: Endpoint, done: TcpDone): void {
    const key = pairKey(near, far)
    // Two live connections never have the same ends: the earlier one is gone.
    this.#tcp.get(key)?.done('gone')
    this.#tcp.set(key, { ends: [near, far], done, looks: 0 })
    this.#ask()
  }

  /** @param port Of the sockets whose users are asked for, whatever address they are bound to. */
  udp(port: number, done: UdpDone): void {
    const waiting = this.#udp.get(port)
    if (waiting === undefined) this.#udp.set(port, [done])
    else waiting.push(done)
    this.#ask()
  }

  /** Which UDP socket it is that hears at `near` what `far` sends; nothing where that cannot be told at once. */
  udpSocket(near: Endpoint, far: Endpoint): bigint | undefined {
    try {
      return this.#diag?.quick?.udp(near, far)
    } catch {
      return undefined
    }
  }

  #ask(): void {
    if (this.#asked !== undefined || this.#tcp.size + this.#udp.size === 0) return
    const [tcp, udp] = [this.#tcp, this.#udp]
    this.#asked = { tcp, udp }
    this.#tcp = new Map()
    this.#udp = new Map()
    if (this.#over) {
      this.#answer({ tcp: new Map(), udp: new Map() })
      return
    }
    const asked: OwnersAsked = { tcp: [...tcp.values()].map(({ ends }) => ends), udp: [...udp.keys()] }
    this.#thread ??= this.#start()
    this.#thread.postMessage(asked)
  }

  #start(): Worker {
    const thread = new Worker(programFile('src/probe/socket-owner-thread'))
    thread.unref()
    thread.on('message', (found: OwnersFound) => this.#answer(found))
    const lost = (errno: string) => {
      if (this.#thread !== thread) return
      this.#thread = undefined
      this.#answer({ tcp: new Map(), udp: new Map(), errno })
    }
    thread.once('error', (error: NodeJS.ErrnoException) => lost(error.code ?? error.message))
    thread.once('exit', () => lost('the thread that reads them has exited'))
    return thread
  }

  #answer({ tcp, udp, errno }: OwnersFound): void {
    const asked = this.#asked
    this.#asked = undefined
    this.errno = errno
    for (const [key, one] of asked?.tcp ?? []) {
      const owner = tcp.get(key)
      const again = owner === undefined && errno === undefined && !this.#over && ++one.looks < LOOKS
      if (!again) one.done(owner)
      else if (this.#tcp.has(key)) one.done('gone')
      else this.#tcp.set(key, one)
    }
    for (const [port, waiting] of asked?.udp ?? []) for (const done of waiting) done(udp.get(port) ?? [])
    this.#ask()
  }

  /** Whoever waits hears of no owner. */
  [Symbol.dispose](): void {
    this.#over = true
    void this.#thread?.terminate()
    this.#thread = undefined
    this.#answer({ tcp: new Map(), udp: new Map() })
  }
}
