const LF = 0x0a
const CR = 0x0d

export interface HeadTextOptions {
  readonly limitBytes: number
  /** Is a line allowed to end with LF alone? */
  readonly bareLf: boolean
}

/** Collects the head of one message after the other, however its bytes were split, and looks at no line. Pure. */
export class HeadText {
  readonly #o: HeadTextOptions
  readonly #parts: Buffer[] = []
  #bytes = 0
  /** Where the current line begins. */
  #lineAt = 0
  #last = 0

  constructor(options: HeadTextOptions) {
    this.#o = options
  }

  /**
   * Takes bytes up to the end of the head. Empty lines before it are passed over (RFC 9112, 2.2).
   *
   * @returns Where in `chunk` the head has ended; -1 if it has not: then all was taken.
   * @throws {RangeError} if the head is over the limit, or a line ends with LF alone and must not.
   */
  take(chunk: Buffer, from: number): number {
    let start = from
    let at = from
    for (;;) {
      const lf = chunk.indexOf(LF, at)
      if (lf === -1) break
      const before = lf > start ? chunk[lf - 1]! : this.#last
      const lineBytes = this.#bytes + (lf - start) - this.#lineAt
      if (before !== CR && !this.#o.bareLf) throw new RangeError('a line ends with LF without CR')
      at = lf + 1
      const empty = lineBytes === 0 || (lineBytes === 1 && before === CR)
      if (empty && this.#lineAt === 0) {
        this.#clear()
        start = at
        continue
      }
      if (empty) {
        this.#add(chunk.subarray(start, at))
        return at
      }
      this.#lineAt = this.#bytes + (at - start)
    }
    // The chunk may be a buffer that the next bytes are read into.
    this.#add(Buffer.from(chunk.subarray(start)))
    return -1
  }

  /** The head as latin1, with the empty line at its end; the next one begins. */
  text(): string {
    const text = Buffer.concat(this.#parts, this.#bytes).toString('latin1')
    this.#clear()
    return text
  }

  /** What is here of a head that may not be whole. */
  get firstByte(): number | undefined {
    return this.#parts[0]?.[0]
  }

  #add(part: Buffer): void {
    if (part.length === 0) return
    this.#bytes += part.length
    if (this.#bytes > this.#o.limitBytes)
      throw new RangeError(`a header section of more than ${this.#o.limitBytes} bytes`)
    this.#parts.push(part)
    this.#last = part.at(-1)!
  }

  #clear(): void {
    this.#parts.length = 0
    this.#bytes = 0
    this.#lineAt = 0
    this.#last = 0
  }
}
