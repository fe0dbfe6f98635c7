/**
 * Reads a socket into memory that its owner chooses, read by read.
 *
 * Node can read into a buffer of the caller (`onread` of net.connect), but offers it only for sockets that it
 * connects itself, not for accepted ones and not for TLS over a socket that is already connected. Those sockets
 * carry the same three fields, empty, under symbols that are not exported. This file, and no other, fills them
 * in. Where a field is missing (another Node, a stream that is no socket) the bytes come from 'data' events and
 * are copied: same behaviour, slower.
 *
 * @module
 */
import net from 'node:net'
import type { Duplex } from 'node:stream'

/** Where an idle socket reads: one buffer for the whole process, because between two reads nothing is in it. */
export const SHARED: Buffer = Buffer.allocUnsafeSlow(16_384)

export interface DirectReaderOwner {
  /**
   * `bytes` > 0 came into `buffer`. Unless that is the owner's own, it is gone when `received` returns.
   * Set `buffer` of the reader to say where the next read goes; false stops reading.
   */
  received(buffer: Buffer, bytes: number): boolean
  /** The socket has reached its end, and everything before it was handed over. */
  ended(): void
}

/** The private part of a net.Socket that reads into a given buffer. */
interface Handle {
  /** Does it read, ahead of what was asked for? */
  reading: boolean
  useUserBuffer(buffer: Buffer): void
}
type SocketFields = Record<symbol, unknown> & { _handle?: Partial<Handle> | null }

const FIELDS = fieldsOf(new net.Socket())

function fieldsOf(socket: net.Socket) {
  const find = (name: string) =>
    Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === name)
  const buffer = find('kBuffer')
  const callback = find('kBufferCb')
  const generator = find('kBufferGen')
  return buffer && callback && generator ? { buffer, callback, generator } : undefined
}

/** `useUserBuffer` leaves a few bytes behind on the socket each time, so it is not for every day. */
const MAX_SWAPS = 1_000

export class DirectReader {
  /** Where the next read goes. */
  buffer: Buffer
  readonly #socket: Duplex
  readonly #owner: DirectReaderOwner
  readonly #handle: Handle | undefined
  #swaps = 0
  /** What was read and not handed over yet. */
  #rest: Buffer | undefined
  #atEnd = false

  /** Takes the reading side of `socket` over; `start` begins, with what the socket has already read. */
  constructor(socket: Duplex, buffer: Buffer, owner: DirectReaderOwner, direct = true) {
    this.buffer = buffer
    this.#socket = socket
    this.#owner = owner
    for (const event of ['data', 'readable']) {
      if (socket.listenerCount(event) > 0) socket.removeAllListeners(event)
    }
    if (socket.readableFlowing !== false) socket.pause()
    socket.on('end', () => this.#end())
    this.#handle = direct ? this.#takeOver() : undefined
  }

  /** Does the socket read straight into `buffer`? False in the fallback. */
  get direct(): boolean {
    return this.#handle !== undefined
  }

  #takeOver(): Handle | undefined {
    const socket = this.#socket
    const fields = socket as unknown as SocketFields
    const handle = fields._handle
    if (!FIELDS || !(socket instanceof net.Socket) || socket.connecting) return undefined
    if (fields[FIELDS.buffer] !== null || typeof handle?.useUserBuffer !== 'function') return undefined
    fields[FIELDS.buffer] = this.buffer
    fields[FIELDS.generator] = () => this.buffer
    fields[FIELDS.callback] = (bytes: number, buffer: Buffer) => this.#owner.received(buffer, bytes)
    handle.useUserBuffer(this.buffer)
    if (handle.reading) socket.pause() // nothing may be read before start()
    return handle as Handle
  }

  /** Starts reading, or goes on after `received` returned false. */
  start(): void {
    if (!this.#drain()) return
    const socket = this.#socket
    if (socket.readableEnded) this.#end()
    else if (!this.#handle) {
      if (socket.listenerCount('data') === 0) socket.on('data', (chunk: Buffer) => this.#copyIn(chunk))
      socket.resume()
    } else socket.read(0) // starts the handle; a socket that flows has more to do for each start
  }

  /** Reads no more. Nothing is written to `buffer` after this. */
  stop(): void {
    this.#socket.pause()
  }

  /** Hands on what the socket had read before it was taken over. @returns whether to go on. */
  #drain(): boolean {
    if (this.#rest) {
      const rest = this.#rest
      this.#rest = undefined
      if (!this.#copyIn(rest)) return false
    }
    // read() gives to 'data' listeners, too: once there is ours, what waits comes to it, and once is enough.
    while (this.#socket.readableLength > 0 && this.#socket.listenerCount('data') === 0) {
      const chunk: Buffer | null = this.#socket.read()
      if (chunk === null) break
      if (!this.#copyIn(chunk)) return false
    }
    return true
  }

  #end(): void {
    if (this.#rest || this.#atEnd) return
    this.#atEnd = true
    this.#owner.ended()
  }

  /** What was read elsewhere. SHARED may be in use just now: its owner gets the piece as it is. */
  #copyIn(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; ) {
      const bytes = Math.min(chunk.length - at, this.buffer.length)
      const own = this.buffer !== SHARED
      if (own) chunk.copy(this.buffer, 0, at, at + bytes)
      const buffer = own ? this.buffer : chunk.subarray(at, at + bytes)
      at += bytes
      if (!this.#owner.received(buffer, bytes)) {
        if (at < chunk.length) this.#rest = chunk.subarray(at)
        this.#socket.pause() // read() may have started it: what comes now must not overtake the rest
        return false
      }
    }
    return true
  }

  /** Changes the buffer between reads. @returns false where that cannot be done (any more). */
  swap(buffer: Buffer): boolean {
    if (this.#handle && this.#socket.destroyed) return true
    if (this.#handle && (!FIELDS || ++this.#swaps > MAX_SWAPS)) return false
    this.buffer = buffer
    if (this.#handle && FIELDS) {
      ;(this.#socket as unknown as SocketFields)[FIELDS.buffer] = buffer
      this.#handle.useUserBuffer(buffer)
    }
    return true
  }
}
