import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

/** The end of a text that may be endless, in whole lines. */
export class Tail {
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #bytes = 0
  #isCut: boolean

  /** @param o.isCut Something is missing before the first part already. */
  constructor(maxBytes: number, { isCut = false } = {}) {
    this.#maxBytes = maxBytes
    this.#isCut = isCut
  }

  push(part: Buffer): void {
    this.#parts.push(part)
    this.#bytes += part.length
    for (let first = this.#parts[0]!; this.#bytes - first.length >= this.#maxBytes; first = this.#parts[0]!) {
      this.#parts.shift()
      this.#bytes -= first.length
      this.#isCut = true
    }
  }

  /** Whether something is missing before `text`. */
  get isCut(): boolean {
    return this.#isCut || this.#bytes > this.#maxBytes
  }

  get bytes(): Buffer {
    const bytes = Buffer.concat(this.#parts).subarray(-this.#maxBytes)
    // What was cut begins in the middle of a line, if not of a character.
    return this.isCut ? bytes.subarray(bytes.indexOf(0x0a) + 1) : bytes
  }

  get text(): string {
    return this.bytes.toString('utf8')
  }
}

/**
 * The end of a file, however long it is, or of what a pipe gives until it ends.
 *
 * @throws {Error} of the file system.
 */
export async function readTail(file: string, maxBytes: number): Promise<Tail> {
  const { size } = await stat(file)
  const start = Math.max(0, size - maxBytes)
  const tail = new Tail(maxBytes, { isCut: start > 0 })
  for await (const part of createReadStream(file, start > 0 ? { start } : {})) tail.push(part as Buffer)
  return tail
}
