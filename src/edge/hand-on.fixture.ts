/** Says back all that it reads of each connection that it is given, once that has ended. */
import type net from 'node:net'
import { underParent } from '../base/parent-channel.ts'

interface EchoOrder {
  readonly first: Uint8Array
}

underParent<EchoOrder, { taken: true }>('hand-on', {
  take({ first }, socket: net.Socket | undefined) {
    if (socket === undefined) return
    socket.allowHalfOpen = true
    socket.pause()
    socket.unshift(first)
    const all: Buffer[] = []
    socket.on('error', () => {})
    socket.on('data', (piece: Buffer) => all.push(piece)).once('end', () => socket.end(Buffer.concat(all)))
    socket.resume()
  },
  onGone: () => process.exit(),
})
