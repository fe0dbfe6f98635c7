import { closeSync, openSync } from 'node:fs'
import { Duplex, type Readable, type Writable } from 'node:stream'

type StdioDone = (error?: Error | null) => void

/** Standard input and output as the one stream that a session takes over; each direction ends by itself. */
export class StdioStream extends Duplex {
  /** The program has said something, and the other end has. */
  asked = false
  answered = false
  readonly #in: Readable
  readonly #out: Writable

  constructor(stdin: Readable, stdout: Writable) {
    super({ allowHalfOpen: true })
    this.#in = stdin
    this.#out = stdout
    const broke = (error: Error) => this.destroy(error)
    stdin.on('data', (chunk: Buffer) => {
      this.asked = true
      if (!this.push(chunk)) stdin.pause()
    })
    stdin.once('end', () => this.push(null))
    stdin.once('error', broke)
    stdout.once('error', broke)
    stdin.pause()
  }

  override _read(): void {
    this.#in.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: StdioDone): void {
    this.answered = true
    this.#out.write(chunk, done)
  }

  override _final(done: StdioDone): void {
    if (this.#out === process.stdout) {
      closeSync(1) // it cannot be ended: closing the descriptor tells the reader that nothing more comes
      openSync('/dev/null', 'w') // in its place: the next socket would get the number that is still polled as stdout
      done()
    } else this.#out.end(done)
  }
}
