/**
 * Where the body of an HTTP/1.x message ends (RFC 9112, 6 and 7), read strictly; its bytes are not changed. Pure.
 *
 * @module
 */

export type Framing =
  | { readonly is: 'none' }
  | { readonly is: 'length'; readonly bytes: number }
  | { readonly is: 'chunked' }

export const NO_BODY: Framing = { is: 'none' }

/** Of extensions of one chunk, and of all trailers. */
const MAX_LINE_BYTES = 16_384

/** `token` of RFC 9110, 5.6.2: what a method or the name of a field may be made of. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TOKEN_BYTES = Uint8Array.from({ length: 256 }, (_, byte) =>
  TOKEN.test(String.fromCharCode(byte)) ? 1 : 0,
)

export function isTokenByte(byte: number): boolean {
  return TOKEN_BYTES[byte] === 1
}

/** One body; give it what comes until it is `over`. */
export class MessageBody {
  readonly #chunks: Chunks | undefined
  #leftBytes: number

  constructor(framing: Framing) {
    this.#leftBytes = framing.is === 'length' ? framing.bytes : 0
    this.#chunks = framing.is === 'chunked' ? new Chunks() : undefined
  }

  get over(): boolean {
    return this.#chunks === undefined ? this.#leftBytes === 0 : this.#chunks.over
  }

  /**
   * @returns Where in `bytes` the body has ended, or their length if it has not.
   * @throws {RangeError} saying what is wrong with a chunk or a trailer.
   */
  take(bytes: Buffer, from: number): number {
    if (this.#chunks !== undefined) return this.#chunks.take(bytes, from)
    const taken = Math.min(this.#leftBytes, bytes.length - from)
    this.#leftBytes -= taken
    return from + taken
  }
}

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | Trailers | 'over'
type Trailers = 'line' | 'name' | 'value' | 'line-lf' | 'last-lf'

const CR = 0x0d
const LF = 0x0a
/** 2^52: no file is longer, and it is still a number. */
const MAX_SIZE_DIGITS = 13

class Chunks {
  #state: State = 'size'
  #size = 0
  #digits = 0
  #lineBytes = 0

  get over(): boolean {
    return this.#state === 'over'
  }

  take(bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length && this.#state !== 'over') {
      if (this.#state !== 'data') {
        this.#state = this.#next(this.#state, bytes[at++]!)
        continue
      }
      const taken = Math.min(this.#size, bytes.length - at)
      at += taken
      this.#size -= taken
      if (this.#size === 0) this.#state = 'data-cr'
    }
    return at
  }

  #next(state: Exclude<State, 'data' | 'over'>, byte: number): State {
    switch (state) {
      case 'size':
        return this.#sizeByte(byte)
      case 'extension':
        return byte === CR ? 'size-lf' : this.#textByte(byte, 'extension')
      case 'size-lf':
        expect(byte, LF)
        this.#digits = 0
        this.#lineBytes = 0
        return this.#size === 0 ? 'line' : 'data'
      case 'data-cr':
        expect(byte, CR)
        return 'data-lf'
      case 'data-lf':
        expect(byte, LF)
        return 'size'
      case 'line':
        if (byte === CR) return 'last-lf'
        return this.#nameByte(byte)
      case 'name':
        return byte === 0x3a ? 'value' : this.#nameByte(byte)
      case 'value':
        return byte === CR ? 'line-lf' : this.#textByte(byte, 'value')
      case 'line-lf':
        expect(byte, LF)
        return 'line'
      case 'last-lf':
        expect(byte, LF)
        return 'over'
      default:
        return state satisfies never
    }
  }

  #sizeByte(byte: number): State {
    const digit = hexDigit(byte)
    if (digit !== undefined) {
      if (++this.#digits > MAX_SIZE_DIGITS) throw new RangeError('a chunk size with too many digits')
      this.#size = this.#size * 16 + digit
      return 'size'
    }
    if (this.#digits === 0 || (byte !== CR && byte !== 0x3b)) throw unexpected(byte)
    return byte === CR ? 'size-lf' : 'extension'
  }

  #nameByte(byte: number): State {
    if (!isTokenByte(byte)) throw unexpected(byte)
    this.#count()
    return 'name'
  }

  #textByte(byte: number, state: State): State {
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) throw unexpected(byte)
    this.#count()
    return state
  }

  #count(): void {
    if (++this.#lineBytes > MAX_LINE_BYTES)
      throw new RangeError(`chunk extensions or trailers of more than ${MAX_LINE_BYTES} bytes`)
  }
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined
}

function expect(byte: number, wanted: number): void {
  if (byte !== wanted) throw unexpected(byte)
}

function unexpected(byte: number): RangeError {
  return new RangeError(`byte 0x${byte.toString(16).padStart(2, '0')} is not allowed in chunk framing`)
}
