import type net from 'node:net'
import { Duplex } from 'node:stream'

/**
 * A TCP socket lent to a TLS session that will end before the socket does.
 *
 * TLS runs over this duplex instead of the socket itself, because node cannot take a socket back from TLS.
 * `release()` ends the loan: the socket is the owner's again, paused, and whatever TLS still does (close_notify,
 * destroy) no longer reaches it. Not one byte passes to the wrong layer as long as the protocol on top stops
 * reading (`stopReading`) before it lets the peer go on. Destroyed before that, it destroys the socket.
 */
export class SocketLoan extends Duplex {
  #socket: net.Socket | undefined

  constructor(socket: net.Socket) {
    // Not destroyed by itself when both directions have ended: TLS would lose what it has not handed on yet.
    super({ allowHalfOpen: true, autoDestroy: false })
    this.#socket = socket
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    // A listener for data does not start a socket that was paused by hand; _read does.
    socket.pause()
  }

  /** From here on, what arrives stays in the socket. */
  stopReading(): void {
    this.#socket?.off('data', this.#onData)
    this.#socket?.pause()
  }

  /** @returns The socket; bytes that TLS had not taken yet are put back into it. */
  release(): net.Socket {
    const socket = this.#socket
    if (socket === undefined) throw new Error('Cannot release a loan as it must still run: it has ended')
    this.stopReading()
    this.#letGo(socket)
    const untaken = this.read() as Buffer | null
    if (untaken !== null) socket.unshift(untaken)
    return socket
  }

  override _read(): void {
    this.#socket?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket === undefined) done()
    else this.#socket.write(chunk, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket?.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const socket = this.#socket
    if (socket !== undefined) {
      this.#letGo(socket)
      socket.destroy()
    }
    done(error)
  }

  #letGo(socket: net.Socket): void {
    this.#socket = undefined
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('close', this.#onClose)
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#socket?.pause()
  }
  readonly #onEnd = (): void => {
    this.push(null)
  }
  readonly #onError = (error: Error): void => {
    this.destroy(error)
  }
  readonly #onClose = (): void => {
    const socket = this.#socket
    // In order: both ends are told already, and what was read may still lie in here.
    if (!(socket?.readableEnded && socket.writableFinished)) this.destroy()
  }
}
