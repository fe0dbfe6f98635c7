import type net from 'node:net'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import { cutSocket } from '../../mux/cut-socket.ts'
import { destination } from '../address/destination.ts'
import type { Opener } from '../session/open-session.ts'
import { socksReplyOf } from './fault-replies.ts'
import { endWith } from './last-word.ts'
import { guardLocal } from './local-guard.ts'
import type { LocalUsers } from './local-users.ts'
import { openConnection } from './open-connection.ts'
import { associateUdp } from './socks5-udp.ts'
import {
  METHOD_NONE,
  METHOD_REFUSED,
  readGreeting,
  readRequest,
  SocksCommand,
  SocksReply,
  type SocksRequest,
  socksReply,
} from './socks5-wire.ts'

const SUCCEEDED = socksReply(SocksReply.SUCCEEDED)

export interface SocksContext {
  readonly opener: Opener
  readonly log: Log
  /** Who may send datagrams to an association. */
  readonly users: LocalUsers
  /** The request is whole: the time limit of the handshake no longer applies. */
  readonly settled: (socket: net.Socket) => void
}

/**
 * Serves one SOCKS5 connection (RFC 1928) of a local program. No authentication: whose it is was looked at before.
 *
 * @param socket Paused, with its first bytes unread; gone when the session or the refusal is over.
 */
export function serveSocks(socket: net.Socket, { opener, log, users, settled }: SocksContext): void {
  const startedUs = opener.nowUs()
  let bytes: Buffer = EMPTY
  let greeted = false
  let asked = ''

  const onData = (chunk: Buffer) => {
    guard(() => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
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
      asked = hostPort(request)
      settled(socket)
      run(request)
    })
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
  let answered = false
  const guard = guardLocal(log, (fault) => {
    opener.refuse('socks5', asked || bytes.toString('latin1', 0, 32), fault)
    if (answered) cutSocket(socket)
    else finish(greeted ? socksReply(socksReplyOf(fault)) : undefined)
  })
  const run = ({ command, host, port }: SocksRequest) => {
    if (command === SocksCommand.UDP_ASSOCIATE) associateUdp(socket, { host, port }, { opener, users, guard })
    else if (command !== SocksCommand.CONNECT) {
      const fault = new Fault('LOCAL_REQUEST_REFUSED', `SOCKS command ${command} is not supported`)
      opener.refuse('socks5', asked, fault)
      endWith(socket, socksReply(SocksReply.COMMAND_NOT_SUPPORTED))
    } else {
      const giveUp = openConnection({ opener, guard, startedUs }, destination(host, port, 'tcp'), 'socks5', {
        opened(way) {
          answered = true
          socket.write(SUCCEEDED)
          way.attach(socket)
        },
        failed: (fault) => endWith(socket, socksReply(socksReplyOf(fault))),
      })
      socket.once('close', giveUp)
    }
  }
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.resume()
}

const EMPTY = Buffer.alloc(0)
