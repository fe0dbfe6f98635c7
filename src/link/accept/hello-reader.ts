import { Fault } from '../../base/faults.ts'

/** Nothing beyond this is held for a peer that has proved nothing. A hello of today's browsers has 2 KiB. */
export const MAX_HELLO_BYTES = 16_384
/** A hello of that length comes in a dozen packets, and in 190 where each has 88 bytes. */
const MAX_PIECES = 256

const RECORD_HEADER_BYTES = 5
const MESSAGE_HEADER_BYTES = 4
const FIRST_BYTES = 2048
const HANDSHAKE = 22
const CLIENT_HELLO = 1

/**
 * Takes the ClientHello message out of its records (it may be split over several), piece by piece as it comes, and
 * looks at each byte once: a peer that has proved nothing has it do no more than it sends.
 */
export class HelloReader {
  #message = Buffer.allocUnsafe(FIRST_BYTES)
  #have = 0
  readonly #header = Buffer.alloc(RECORD_HEADER_BYTES)
  #headerBytes = 0
  /** Bytes that are missing of the record under way. */
  #left = 0
  #pieces = 0

  /**
   * @returns The whole message once it is there.
   * @throws {Fault} PROTOCOL_ERROR as soon as the bytes cannot become one.
   */
  take(piece: Buffer): Buffer | undefined {
    if (++this.#pieces > MAX_PIECES) throw notTls(`a ClientHello in more than ${MAX_PIECES} pieces`)
    for (let at = 0; at < piece.length; ) {
      if (this.#left === 0) {
        this.#readHeader(piece[at]!)
        at++
        continue
      }
      const bytes = Math.min(this.#left, piece.length - at)
      this.#append(piece.subarray(at, at + bytes))
      at += bytes
      this.#left -= bytes
      const length = this.#messageBytes()
      if (this.#left > 0 || length === undefined) continue
      if (this.#have > length) throw notTls('bytes after the ClientHello in its record')
      if (this.#have === length) return this.#message.subarray(0, length)
    }
    return undefined
  }

  #readHeader(byte: number): void {
    const at = this.#headerBytes
    this.#header[at] = byte
    if (at === 0 && byte !== HANDSHAKE) throw notTls(`record type ${byte}`)
    if (at === 1 && byte !== 3) throw notTls(`record version ${byte}`)
    this.#headerBytes = (at + 1) % RECORD_HEADER_BYTES
    if (this.#headerBytes > 0) return
    this.#left = this.#header.readUInt16BE(3)
    if (this.#left === 0 || this.#have + this.#left > MAX_HELLO_BYTES) {
      throw notTls(`record length ${this.#left}`)
    }
  }

  #append(bytes: Buffer): void {
    if (this.#have === 0 && bytes[0] !== CLIENT_HELLO) throw notTls(`handshake message ${bytes[0]}`)
    if (this.#have + bytes.length > this.#message.length) {
      const wider = Buffer.allocUnsafe(MAX_HELLO_BYTES)
      this.#message.copy(wider, 0, 0, this.#have)
      this.#message = wider
    }
    bytes.copy(this.#message, this.#have)
    this.#have += bytes.length
  }

  #messageBytes(): number | undefined {
    if (this.#have < MESSAGE_HEADER_BYTES) return undefined
    const length = MESSAGE_HEADER_BYTES + this.#message.readUIntBE(1, 3)
    if (length > MAX_HELLO_BYTES) throw notTls(`ClientHello of ${length} bytes`)
    return length
  }
}

export function notTls(what: string, cause?: unknown): Fault {
  return new Fault('PROTOCOL_ERROR', `the connection does not start with TLS: ${what}`, {
    hop: 'edge',
    cause,
  })
}
