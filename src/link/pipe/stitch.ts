import type { Duplex } from 'node:stream'
import { cutBehindWrites, cutSocket } from '../../mux/cut-socket.ts'
import { DirectReader, type DirectReaderOwner, SHARED } from '../../mux/direct-reader.ts'
import { outliveWrites } from '../../mux/outlive-writes.ts'

/** How a pipe ended, and what went through. */
export interface StitchEnd {
  readonly bytesAB: number
  readonly bytesBA: number
  /** `done`: both directions reached FIN. `reset`: one side was reset or broke, and so the other was. */
  readonly reason: 'done' | 'reset'
  /** The side that broke, when `reset`. */
  readonly by?: 'a' | 'b'
  /** errno of the side that broke, such as ECONNRESET. */
  readonly errno?: string
  /** What was thrown at the edge itself, where that ended the pair. */
  readonly defect?: unknown
}

/**
 * Joins two raw TCP sockets, or what stands for one, until both directions have ended, and never reads what it carries: the data path of the
 * edge, and of the client where no tunnel is needed. FIN passes on as FIN, and RST as RST behind what came before it.
 * Takes both sockets over: paused or flowing, with what they have read. To cut a pair from outside, `cutSocket` both.
 * Resolves when both have closed; never rejects.
 */
export function stitch(a: Duplex, b: Duplex): Promise<StitchEnd> {
  const { promise, resolve } = Promise.withResolvers<StitchEnd>()
  let broken: Pick<StitchEnd, 'by' | 'errno'> | undefined
  let open = 2
  let defect: { readonly defect: unknown } | undefined
  /** One pair ends of it, and nobody else. */
  const failed = (thrown: unknown) => {
    defect ??= { defect: thrown }
    cutSocket(a)
    cutSocket(b)
  }
  const ab = new Direction(a, b, failed)
  const ba = new Direction(b, a, failed)
  const watch = (direction: Direction, socket: Duplex, other: Duplex, by: 'a' | 'b') => {
    let errno: string | undefined
    socket.allowHalfOpen = true
    socket.on('error', (error: NodeJS.ErrnoException) => {
      errno ??= error.code
    })
    outliveWrites(socket, (error) => {
      errno ??= error.code
      direction.writesFail()
    })
    socket.once('close', () => {
      const inOrder = errno === undefined && socket.readableEnded && socket.writableFinished
      if (!inOrder) broken ??= { by, errno }
      if (!inOrder) cutBehindWrites(other)
      if (--open > 0) return
      resolve({
        bytesAB: ab.bytes,
        bytesBA: ba.bytes,
        reason: broken ? 'reset' : 'done',
        ...broken,
        ...defect,
      })
    })
  }
  watch(ab, a, b, 'a')
  watch(ba, b, a, 'b')
  ab.start()
  ba.start()
  return promise
}

/** Long enough that a read and a write cost little per byte, short enough to stay in the cache between the two. */
const BUFFER_BYTES = 131_072
/** So much without a pause, and other pipes have their turn: node itself would read on for four megabytes. */
const TURN_BYTES = 262_144

/**
 * One direction. While little comes it is read into the buffer that all pipes share and is copied out of it. A read that
 * fills that buffer gives the direction two buffers of its own: one is read into while the other is being written.
 * With two writes waiting for `to`, reading stops: that is the bound on memory. An idle direction gives its buffers back.
 */
class Direction implements DirectReaderOwner {
  readonly #from: Duplex
  readonly #to: Duplex
  readonly #failed: (thrown: unknown) => void
  readonly #reader: DirectReader
  #pair: [Buffer, Buffer] | undefined
  /** Writes that `to` has not taken yet, of at most two. */
  #waiting = 0
  #marking = false
  /** Since a read did not fill its buffer, which is when there was no more. */
  #inTurn = 0
  #stopped = false
  /** `from` was reset, as a write to it has shown: its end is no orderly one. */
  #broken = false
  /** `bytes` at the last look of the sweeper. */
  #seen = -1
  bytes = 0

  constructor(from: Duplex, to: Duplex, failed: (thrown: unknown) => void) {
    this.#from = from
    this.#to = to
    this.#failed = failed
    this.#reader = new DirectReader(from, SHARED, this)
    from.once('close', () => this.#giveBack())
  }

  start(): void {
    this.#reader.start()
  }

  ended(): void {
    if (this.#broken) cutSocket(this.#from)
    else this.#to.end()
  }

  /** A write to `from` has failed. What it had said before is still read. */
  writesFail(): void {
    this.#broken = true
    if (this.#from.readableEnded) cutSocket(this.#from)
  }

  received(buffer: Buffer, bytes: number): boolean {
    try {
      return this.#pass(buffer, bytes)
    } catch (thrown) {
      this.#failed(thrown)
      return false
    }
  }

  #pass(buffer: Buffer, bytes: number): boolean {
    this.bytes += bytes
    const to = this.#to
    if (to.destroyed) return false
    const own = this.#pair?.includes(buffer)
    to.write(own ? buffer.subarray(0, bytes) : Buffer.from(buffer.subarray(0, bytes)))
    if (to.writableLength > 0) {
      this.#waiting++
      if (!this.#marking) this.#mark()
    }
    this.#choose(buffer, bytes)
    this.#stopped = this.#waiting === 2
    if (!this.#stopped) this.#stopped = this.#hadItsTurn(bytes)
    return !this.#stopped
  }

  #choose(last: Buffer, bytes: number): void {
    if (!this.#pair && bytes === SHARED.length && withBuffers.size < MAX_PAIRS) {
      this.#pair = free.pop() ?? [Buffer.allocUnsafeSlow(BUFFER_BYTES), Buffer.allocUnsafeSlow(BUFFER_BYTES)]
      sweep(this)
      this.#reader.buffer = this.#pair[0]
    } else if (this.#pair && this.#waiting > 0) {
      this.#reader.buffer = last === this.#pair[0] ? this.#pair[1] : this.#pair[0]
    }
  }

  /** Writes nothing, and so learns when everything before it has been taken. */
  #mark(): void {
    this.#marking = true
    this.#to.write(NOTHING, this.#reached)
  }

  readonly #reached = (): void => {
    this.#marking = false
    this.#waiting--
    if (this.#to.destroyed) return
    if (this.#to.writableLength === 0) this.#waiting = 0
    else if (this.#waiting > 0) this.#mark()
    if (!this.#stopped) return
    this.#stopped = false
    this.#reader.start()
  }

  #hadItsTurn(bytes: number): boolean {
    this.#inTurn = bytes === BUFFER_BYTES ? this.#inTurn + bytes : 0
    if (this.#inTurn < TURN_BYTES) return false
    this.#inTurn = 0
    setImmediate(this.#goOn)
    return true
  }

  readonly #goOn = (): void => {
    if (!this.#stopped || this.#waiting === 2) return
    this.#stopped = false
    this.#reader.start()
  }

  /** Once a second while it has buffers. */
  giveBackIfIdle(): void {
    const idle = this.bytes === this.#seen && this.#waiting === 0
    this.#seen = this.bytes
    if (idle && this.#reader.swap(SHARED)) this.#giveBack()
  }

  #giveBack(): void {
    if (this.#pair && this.#waiting === 0 && free.length < MAX_FREE) free.push(this.#pair)
    this.#pair = undefined
    withBuffers.delete(this)
  }
}

const NOTHING = Buffer.alloc(0)
const SWEEP_MS = 1_000
/** Directions that may have buffers of their own at once: 64 MiB. More are carried too, through the shared buffer. */
const MAX_PAIRS = 256
/** Pairs kept for reuse: 4 MiB. */
const MAX_FREE = 16
const free: [Buffer, Buffer][] = []
const withBuffers = new Set<Direction>()
let sweeper: NodeJS.Timeout | undefined

function sweep(direction: Direction): void {
  withBuffers.add(direction)
  sweeper ??= setInterval(() => {
    for (const each of withBuffers) each.giveBackIfIdle()
    if (withBuffers.size > 0) return
    clearInterval(sweeper)
    sweeper = undefined
  }, SWEEP_MS).unref()
}
