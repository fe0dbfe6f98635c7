import type net from 'node:net'
import type { Fault } from '../../base/faults.ts'
import { socksReplyOf } from './fault-replies.ts'
import { replyWithFault } from './http-reply.ts'
import { endWith } from './last-word.ts'
import { METHOD_NONE, readGreeting, readRequest, SOCKS_VERSION, socksReply } from './socks5-wire.ts'

/** What is read of a stranger's request, to answer it where an answer is expected. */
const MAX_BYTES = 16_384
const HEAD_END = '\r\n\r\n'

/**
 * Tells a program that it may not come in, in the protocol that it speaks: SOCKS5 code 2, or 403 with the problem.
 * Nothing of what it says is acted on, or comes into the log.
 *
 * @param socket Paused, with nothing read.
 */
export function refuseUser(socket: net.Socket, refusal: Fault): void {
  let bytes: Buffer = Buffer.alloc(0)
  let greeted = false
  const onData = (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    const answer = bytes[0] === SOCKS_VERSION || greeted ? socks() : http()
    if (answer === undefined && bytes.length <= MAX_BYTES) return
    socket.off('data', onData).off('end', onEnd)
    if (answer === undefined) socket.destroy()
    else endWith(socket, answer)
  }
  const onEnd = () => socket.destroy()

  const socks = (): Buffer | undefined => {
    try {
      if (!greeted) {
        const greeting = readGreeting(bytes)
        if (greeting === undefined) return undefined
        greeted = true
        socket.write(METHOD_NONE)
        bytes = bytes.subarray(greeting.used)
      }
      return readRequest(bytes) && socksReply(socksReplyOf(refusal))
    } catch {
      return socksReply(socksReplyOf(refusal)) // whatever it meant
    }
  }
  const http = (): string | undefined => {
    const head = bytes.toString('latin1', 0, MAX_BYTES)
    if (!head.includes(HEAD_END)) return undefined
    const html = /\r\naccept:[^\r]*\btext\/html\b/i.test(head)
    return replyWithFault(refusal, { method: head.split(' ', 1)[0], html })
  }

  socket.on('data', onData).once('end', onEnd)
  socket.resume()
}
