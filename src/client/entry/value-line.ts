/**
 * The lines of the control socket (control-line.ts) as whoever waits for the first byte of a session reads them: without
 * the schemas, which take longer to load than the daemon to answer.
 *
 * @module
 */
import type net from 'node:net'
import { Fault } from '../../base/faults.ts'

export const CONTROL_SOCKET = 'control.sock'
const MAX_LINE_BYTES = 8192

/**
 * Reads one line and leaves the rest in the socket, paused.
 *
 * @param socket Paused.
 * @throws {Fault} LOCAL_REQUEST_REFUSED if it is too long, not JSON, or the socket ends before.
 */
export function readValue(socket: net.Socket): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const end = bytes.indexOf(0x0a)
      if (end === -1 && bytes.length <= MAX_LINE_BYTES) return
      quiet()
      if (end === -1 || end > MAX_LINE_BYTES)
        return reject(lineRefused(`a line of more than ${MAX_LINE_BYTES} bytes`))
      if (end + 1 < bytes.length) socket.unshift(bytes.subarray(end + 1))
      try {
        resolve(JSON.parse(bytes.toString('utf8', 0, end)))
      } catch {
        reject(lineRefused('not JSON'))
      }
    }
    const onClose = () => {
      quiet()
      reject(lineRefused('the connection ended'))
    }
    const quiet = () => {
      socket.off('data', onData).off('end', onClose).off('close', onClose)
      socket.pause()
    }
    socket.on('data', onData).on('end', onClose).on('close', onClose)
    socket.resume()
  })
}

export function lineRefused(what: string): Fault {
  return new Fault('LOCAL_REQUEST_REFUSED', `control socket: ${what}`)
}

export function writeValue(value: object): string {
  return `${JSON.stringify(value)}\n`
}
