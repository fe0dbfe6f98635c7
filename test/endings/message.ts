/**
 * The one HTTP message that goes each way, read as a careful program reads it: byte by byte, and to its end.
 * Ways that carry bytes do not know it is HTTP; the HTTP form does, and may frame the same body anew.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { pattern } from '../../src/mux/pair.fixture.ts'

const MAX_BODY_BYTES = 32 * 1024 * 1024
/** A prime: bytes that were lost, doubled or moved do not fall on their like. */
const PERIOD = 65_521
const BYTES = Buffer.alloc(MAX_BODY_BYTES, pattern(PERIOD))

/** The first `bytes` of what every body here is made of. Not to be written to. */
export function body(bytes: number): Buffer {
  if (bytes > MAX_BODY_BYTES) throw new RangeError(`a body of ${bytes} bytes`)
  return BYTES.subarray(0, bytes)
}

/** Bodies that pass at once, and bodies that no buffer on the way holds whole. */
export const SMALL = 50_000
export const LARGE = 4_000_000

/** Who sends it ends it with FIN: nothing else says how long the body is. */
export const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n'

/** @param target An authority where the HTTP form is asked. */
export function requestHead(target: string | undefined, bodyBytes: number): string {
  const [line, host] = target === undefined ? ['/', 'application'] : [`http://${target}/`, target]
  return `POST ${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${bodyBytes}\r\n\r\n`
}

type Framing =
  | { readonly by: 'length'; readonly bytes: number }
  | { readonly by: 'chunks' }
  | { readonly by: 'fin' }

/** Reads one message as it comes. */
export class Message {
  head: string | undefined
  /** Of the body, without its framing. */
  bodyBytes = 0
  /** The body so far is the beginning of what bodies here are made of. */
  intact = true
  readonly #hash = createHash('sha256')
  #framing: Framing = { by: 'fin' }
  #text: Buffer = Buffer.alloc(0)
  /** Of the chunk that is being read. */
  #chunkBytes = 0
  #lastChunk = false
  #fin = false

  /** `HTTP/1.1 200 OK`; absent until the head is there. */
  get firstLine(): string | undefined {
    return this.head?.split('\r\n', 1)[0]
  }

  /** It is there to its end, by its own framing. */
  get whole(): boolean {
    if (this.head === undefined) return false
    if (this.#framing.by === 'length') return this.bodyBytes === this.#framing.bytes
    return this.#framing.by === 'chunks' ? this.#lastChunk : this.#fin
  }

  get bodySha256(): string {
    return this.#hash.copy().digest('hex')
  }

  push(bytes: Buffer): void {
    if (this.head !== undefined && this.#framing.by !== 'chunks') {
      this.#take(bytes)
      return
    }
    this.#text = Buffer.concat([this.#text, bytes])
    if (this.head === undefined) {
      const end = this.#text.indexOf('\r\n\r\n')
      if (end === -1) return
      this.head = this.#text.toString('latin1', 0, end)
      this.#framing = framingOf(this.head)
      this.#text = this.#text.subarray(end + 4)
    }
    if (this.#framing.by === 'chunks') this.#chunks()
    else this.#take(this.#text)
  }

  /** The other side said that nothing more comes. */
  fin(): void {
    this.#fin = true
  }

  #chunks(): void {
    while (!this.#lastChunk) {
      if (this.#chunkBytes > 0) {
        const part = this.#text.subarray(0, this.#chunkBytes)
        if (part.length === 0) return
        this.#take(part)
        this.#chunkBytes -= part.length
        this.#text = this.#text.subarray(part.length)
        continue
      }
      const [line] = /^(\r\n)?[0-9a-f]+\r\n/i.exec(this.#text.toString('latin1', 0, 20)) ?? []
      if (line === undefined) return
      this.#text = this.#text.subarray(line.length)
      this.#chunkBytes = Number.parseInt(line.trim(), 16)
      this.#lastChunk = this.#chunkBytes === 0
    }
  }

  #take(bytes: Buffer): void {
    const expected = body(this.bodyBytes + bytes.length).subarray(this.bodyBytes)
    this.intact &&= expected.equals(bytes)
    this.#hash.update(bytes)
    this.bodyBytes += bytes.length
  }
}

function framingOf(head: string): Framing {
  if (/^transfer-encoding: *chunked$/im.test(head)) return { by: 'chunks' }
  const length = /^content-length: *(\d+)$/im.exec(head)
  if (length !== null) return { by: 'length', bytes: Number(length[1]) }
  return head.startsWith('HTTP/') ? { by: 'fin' } : { by: 'length', bytes: 0 }
}
