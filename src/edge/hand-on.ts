import type net from 'node:net'

/** What node has of a socket beyond what it says. */
interface SocketInside {
  readonly _handle: { readStop(): void } | null
  _read: () => void
}

/**
 * Ends the reading of a socket that goes to another process: not one byte may be read here that the other does not get.
 *
 * @returns What was read of it and not taken; an end that was read is read again by the other.
 */
export function stopReading(socket: net.Socket): Buffer {
  const inside = socket as unknown as SocketInside
  inside._handle?.readStop()
  inside._read = () => {} // what is read out of the buffer would have node read on
  const pieces: Buffer[] = []
  for (let piece = socket.read(); piece !== null; piece = socket.read()) pieces.push(piece)
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}
