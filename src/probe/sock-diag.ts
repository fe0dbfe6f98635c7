/**
 * Asks the kernel about one socket, by sock_diag(7): some microseconds, however many sockets there are.
 *
 *     request  nlmsghdr: u32 length · u16 type · u16 flags · u32 sequence · u32 0
 *              family · protocol · 0 · 0 · u32 states · id
 *     answer   nlmsghdr · family · state · 0 · 0 · id · u32 expires · u32 queued · u32 queued · u32 user · u32 inode …
 *     id       be16 near port · be16 far port · near address · far address (16 bytes each) · u32 interface · u64 cookie
 *
 * Numbers are in the order of the machine, which is little-endian on those that this runs on.
 *
 * @module
 */
import { readSync, writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { addressBytes } from '../base/ip-address.ts'
import { programFile } from '../base/program-files.ts'
import type { Endpoint, SocketOwner } from './socket-table.ts'

const HEADER_BYTES = 16
const REQUEST_BYTES = HEADER_BYTES + 56
const ANSWER_BYTES = HEADER_BYTES + 72
const SOCK_DIAG_BY_FAMILY = 20
const NLM_F_REQUEST = 1
const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
const LISTEN = 10
const ID = HEADER_BYTES + 8
const ANSWER_ID = HEADER_BYTES + 4
const ADDRESSES_END = 36
const COOKIE = ANSWER_ID + 40

let shared: Promise<SockDiag | undefined> | undefined

/** One for the process, as long as it lives. @returns Nothing where this kernel, or this Node, cannot be asked. */
export function sockDiag(): Promise<SockDiag | undefined> {
  shared ??= open()
  return shared
}

async function open(): Promise<SockDiag | undefined> {
  const { promise, resolve } = Promise.withResolvers<number>()
  // The warning that this is an experiment is for whoever writes programs.
  const execArgv = ['--experimental-ffi', '--disable-warning=ExperimentalWarning']
  const thread = new Worker(programFile('src/probe/netlink-thread'), { execArgv })
  thread.unref()
  thread.once('message', resolve)
  thread.once('error', () => resolve(-1))
  thread.once('exit', () => resolve(-1))
  const descriptor = await promise
  return descriptor < 0 ? undefined : new SockDiag(descriptor)
}

export class SockDiag {
  readonly #descriptor: number
  readonly #request = Buffer.alloc(REQUEST_BYTES)
  readonly #answer = Buffer.alloc(4096)
  #sequence = 0

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** The user of the TCP socket with these ends; nothing if there is none. @throws what asking does. */
  tcp(near: Endpoint, far: Endpoint): SocketOwner | undefined {
    const [request, answer] = [this.#request, this.#answer]
    if (!this.#ask(IPPROTO_TCP, near, far)) return undefined
    // Where there is no such connection, whoever listens at the near port is found.
    const same = request.compare(answer, ANSWER_ID, ANSWER_ID + ADDRESSES_END, ID, ID + ADDRESSES_END) === 0
    if (!same || answer[HEADER_BYTES + 1] === LISTEN) return undefined
    const uid = answer.readUInt32LE(HEADER_BYTES + 64)
    const inode = answer.readUInt32LE(HEADER_BYTES + 68)
    // Without a process the kernel says 0 for its user, as for what only waits to be forgotten: root is not meant.
    return inode === 0 && uid === 0 ? 'gone' : uid
  }

  /**
   * Which UDP socket at `near` hears what `far` sends; nothing if there is none.
   *
   * @returns What no other socket has, as long as this machine runs. @throws what asking does.
   */
  udp(near: Endpoint, far: Endpoint): bigint | undefined {
    // The kernel looks for who would receive a datagram: from the first end, at the second.
    const isFound = this.#ask(IPPROTO_UDP, far, near)
    if (!isFound || this.#answer.readUInt16BE(ANSWER_ID) !== near.port) return undefined
    return this.#answer.readBigUInt64LE(COOKIE)
  }

  /** @returns Whether there is an answer. */
  #ask(protocol: number, source: Endpoint, target: Endpoint): boolean {
    const [request, answer] = [this.#request, this.#answer]
    const sequence = ++this.#sequence >>> 0
    encode(request, { sequence, protocol, source, target })
    writeSync(this.#descriptor, request)
    let bytes: number
    do bytes = readSync(this.#descriptor, answer, 0, answer.length, null)
    while (answer.readUInt32LE(8) !== sequence) // one that was left when reading it failed
    return bytes >= ANSWER_BYTES && answer.readUInt16LE(4) === SOCK_DIAG_BY_FAMILY
  }
}

const AF_INET = 2
const AF_INET6 = 10

interface SockDiagQuery {
  readonly sequence: number
  readonly protocol: number
  readonly source: Endpoint
  readonly target: Endpoint
}

function encode(request: Buffer, { sequence, protocol, source: from, target: to }: SockDiagQuery): void {
  const [source, target] = [addressBytes(from.address)!, addressBytes(to.address)!]
  request.fill(0)
  request.writeUInt32LE(REQUEST_BYTES, 0)
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4)
  request.writeUInt16LE(NLM_F_REQUEST, 6)
  request.writeUInt32LE(sequence, 8)
  request[HEADER_BYTES] = source.length === 4 ? AF_INET : AF_INET6
  request[HEADER_BYTES + 1] = protocol
  request.writeUInt32LE(0xffff_ffff, HEADER_BYTES + 4) // in any state
  request.writeUInt16BE(from.port, ID)
  request.writeUInt16BE(to.port, ID + 2)
  request.set(source, ID + 4)
  request.set(target, ID + 20)
  request.fill(0xff, ID + 40, ID + 48) // no cookie
}
