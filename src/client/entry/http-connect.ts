import type net from 'node:net'
import type { Destination } from '../address/destination.ts'
import { replyWithFault } from './http-reply.ts'
import { endWith } from './last-word.ts'
import { openConnection } from './open-connection.ts'

const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'

/**
 * Makes the connection of a local program one to `to`, or ends it saying why not.
 *
 * @param socket Paused; what it has read and nobody took is for the application.
 * @returns Gives it up, as long as it is not established.
 */
export function serveConnect(
  socket: net.Socket,
  to: Destination,
  context: Parameters<typeof openConnection>[0],
): () => void {
  return openConnection(context, to, 'http-connect', {
    opened: (way) => {
      socket.write(ESTABLISHED)
      way.attach(socket)
    },
    failed: (fault, session) => {
      const ask = context.opener.adminCommand(fault, to)
      endWith(socket, replyWithFault(fault, { session, to, ask }))
    },
  })
}
