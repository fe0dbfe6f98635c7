import type net from 'node:net'
import { asFault, Fault } from '../base/faults.ts'
import { destination } from './destination.ts'
import { join } from './direct.ts'
import { socksReplyOf } from './fault-replies.ts'
import { endWith } from './last-word.ts'
import type { Opener } from './open-session.ts'
import type { Session, SessionEvents } from './session.ts'
import { associateUdp } from './socks5-udp.ts'
import {
  METHOD_NONE,
  METHOD_REFUSED,
  readGreeting,
  readRequest,
  SocksCommand,
  SocksReply,
  type SocksRequest,
  writeReply,
} from './socks5-wire.ts'

const SUCCEEDED = writeReply(SocksReply.SUCCEEDED)

export interface SocksContext {
  readonly opener: Opener
  /** The request is whole: the time limit of the handshake no longer applies. */
  readonly settled: (socket: net.Socket) => void
}

/**
 * Serves one SOCKS5 connection (RFC 1928) of a local program. No authentication: the listener is on loopback.
 *
 * @param socket Paused, with its first bytes unread; gone when the session or the refusal is over.
 */
export function serveSocks(socket: net.Socket, { opener, settled }: SocksContext): void {
  const startedUs = opener.nowUs()
  let bytes: Buffer = EMPTY
  let greeted = false

  const onData = (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    try {
      if (!greeted) {
        const greeting = readGreeting(bytes)
        if (greeting === undefined) return
        if (!greeting.noAuth) return finish(METHOD_REFUSED)
        greeted = true
        socket.write(METHOD_NONE)
        bytes = bytes.subarray(greeting.used)
      }
      const request = readRequest(bytes)
      if (request === undefined) return
      quiet()
      if (request.used < bytes.length) socket.unshift(bytes.subarray(request.used))
      run(request)
    } catch (error) {
      const fault = asFault(error)
      opener.refuse('socks5', bytes.toString('latin1', 0, 32), fault)
      finish(greeted ? writeReply(socksReplyOf(fault)) : undefined)
    }
  }
  const onEnd = () => socket.destroy()
  const quiet = () => {
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.pause()
  }
  const finish = (reply: Buffer | undefined) => {
    quiet()
    if (reply === undefined) socket.destroy()
    else endWith(socket, reply)
  }
  const run = (request: SocksRequest) => {
    const { command, host, port } = request
    if (command === SocksCommand.CONNECT) {
      const to = destination(host, port, 'tcp')
      settled(socket)
      const lane = opener.bypass.laneOf(to.host)
      if (lane.is === 'bypass') {
        const gone = opener.bypass.open(to, lane, 'socks5', {
          opened(remote) {
            socket.write(SUCCEEDED)
            join(socket, remote)
          },
          failed: (fault) => endWith(socket, writeReply(socksReplyOf(fault))),
        })
        socket.once('close', () => gone.abort())
        return
      }
      const connect = new Connect(socket)
      const session = opener.open(to, 'socks5', connect, startedUs)
      socket.once('close', () => session.abandon())
    } else if (command === SocksCommand.UDP_ASSOCIATE) {
      settled(socket)
      associateUdp(socket, { host, port }, opener)
    } else {
      const fault = new Fault('LOCAL_REQUEST_REFUSED', `SOCKS command ${command} is not supported`)
      opener.refuse('socks5', `${host}:${port}`, fault)
      endWith(socket, writeReply(SocksReply.COMMAND_NOT_SUPPORTED))
    }
  }
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.resume()
}

class Connect implements SessionEvents {
  readonly #socket: net.Socket

  constructor(socket: net.Socket) {
    this.#socket = socket
  }

  opened(session: Session): void {
    this.#socket.write(SUCCEEDED)
    session.attach(this.#socket)
  }

  failed(fault: Fault): void {
    endWith(this.#socket, writeReply(socksReplyOf(fault)))
  }
}

const EMPTY = Buffer.alloc(0)
