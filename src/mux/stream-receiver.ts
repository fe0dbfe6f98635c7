import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { Fault } from '../base/faults.ts'
import { INITIAL_WINDOW } from '../wire/frame.ts'
import { cutBehindWrites } from './cut-socket.ts'
import type { Slab } from './slab.ts'
import type { StreamContext } from './stream-context.ts'
import { nextWindow } from './window.ts'

/** Payloads below this are copied: cheaper than keeping track of the slab they came in. */
const COPY_BELOW = 4_096
/** While the socket is behind, so are payloads below this: a payload must not keep a much larger slab. */
const COPY_BELOW_BEHIND = 32_768
/** A stream that holds less is not what makes memory short. */
const SLOW_BYTES = 65_536
const TAIL_BYTES = 16_384
/** From here on small pieces that come early are gathered too. */
const MANY_PIECES = 4

/** Tunnel to local socket, and the credit that the peer gets for what the socket has taken. */
export class StreamReceiver {
  readonly #stream: number
  readonly #context: StreamContext
  #socket: Duplex | undefined
  /** Bytes the peer may still send. */
  #available = INITIAL_WINDOW
  #window = INITIAL_WINDOW
  /** Delivered to the socket, or waiting for one. */
  #delivered = 0
  #taken = 0
  /** Taken, and not yet told to the peer. */
  #owed = 0
  #owedSinceUs = 0
  /** Counted in `context.held`. */
  #held = 0
  #early: Buffer[] | undefined
  /** Slabs that the socket still reads from, oldest first; the first `#marked` of them are before the marker. */
  readonly #pinned: Slab[] = []
  #marked = 0
  #marking = false
  #onReached: (() => void) | undefined
  /** Other streams may keep a chunk after they have called it written: they get copies. */
  #pins = false
  #ending = false
  /** Small payloads that came while the socket was behind, gathered so that each does not cost an object. */
  #tail: Buffer | undefined
  #tailBytes = 0
  #over = false
  /** The socket is closed in good order. */
  closing = false

  constructor(stream: number, context: StreamContext) {
    this.#stream = stream
    this.#context = context
  }

  get bytes(): number {
    return this.#delivered
  }

  /** Bytes that wait for the local socket. */
  get held(): number {
    return this.#held
  }

  /** Datagrams have no window: they are counted and gone. */
  countDatagram(bytes: number): void {
    this.#delivered += bytes
  }

  /** A DATA frame announces its length. @throws {Fault} PROTOCOL_ERROR if the peer has no credit for it. */
  expect(bytes: number): void {
    this.#available -= bytes
    if (this.#available < 0) {
      throw new Fault(
        'PROTOCOL_ERROR',
        `stream ${this.#stream} overran its window by ${-this.#available} bytes`,
      )
    }
  }

  /** The local socket: takes what came early, then everything as it comes. */
  attach(socket: Duplex): void {
    this.#socket = socket
    this.#pins = socket instanceof net.Socket
    for (const chunk of this.#early ?? []) socket.write(chunk)
    this.#early = undefined
    this.#writeTail()
    if (this.#delivered > 0) this.#settle()
  }

  /**
   * Hands bytes on. They stay valid after the call only in `slab`, where there is one.
   *
   * @returns false if this stream must give way as memory is short and its socket does not read.
   */
  deliver(buffer: Buffer, start: number, end: number, slab: Slab | undefined): boolean {
    if (this.#over) return true
    const bytes = end - start
    if (this.#delivered === 0) this.#owedSinceUs = performance.now() * 1000
    this.#delivered += bytes
    const socket = this.#socket
    if (!socket) this.#keep(buffer, start, end)
    else {
      this.#pass(socket, buffer, start, end, slab)
      this.#settle()
    }
    return this.#held < SLOW_BYTES || !this.#context.held.exceeded
  }

  #pass(socket: Duplex, buffer: Buffer, start: number, end: number, slab: Slab | undefined): void {
    const bytes = end - start
    const behind = socket.writableLength > 0
    if (behind && bytes < COPY_BELOW) {
      this.#gather(buffer, start, end)
      return
    }
    this.#writeTail()
    const pin = this.#pins && slab !== undefined && bytes >= (behind ? COPY_BELOW_BEHIND : COPY_BELOW)
    socket.write(pin ? buffer.subarray(start, end) : copyOf(buffer, start, end))
    if (pin && socket.writableLength > 0) this.#pinned.push(slab.hold())
  }

  /** There is no socket yet. */
  #keep(buffer: Buffer, start: number, end: number): void {
    this.#early ??= []
    if (this.#early.length >= MANY_PIECES && end - start < COPY_BELOW) this.#gather(buffer, start, end)
    else {
      this.#writeTail()
      this.#early.push(copyOf(buffer, start, end))
    }
    this.#hold(this.#held + end - start)
  }

  #gather(buffer: Buffer, start: number, end: number): void {
    if (this.#tailBytes + end - start > TAIL_BYTES) this.#writeTail()
    this.#tail ??= Buffer.allocUnsafeSlow(TAIL_BYTES)
    this.#tailBytes += buffer.copy(this.#tail, this.#tailBytes, start, end)
  }

  #writeTail(): void {
    const tail = this.#tail
    if (!tail) return
    const bytes = tail.subarray(0, this.#tailBytes)
    this.#tail = undefined
    this.#tailBytes = 0
    if (this.#socket) this.#socket.write(bytes)
    else this.#early!.push(bytes)
  }

  /**
   * FIN: the socket ends behind what it was given. `done` runs when it has taken all of it, and its end. Where closing
   * says the same it is closed at once, which is cheaper than to shut it down first.
   */
  end(done: () => void): void {
    this.#writeTail()
    this.#ending = true
    const socket = this.#socket!
    if (this.#mayClose(socket)) {
      this.closing = true
      socket.destroy()
      this.#reached()
      done()
      return
    }
    socket.end((error?: Error | null) => {
      this.#reached()
      if (!error) done()
    })
  }

  /** It has been read to its end and has taken all: what the kernel has is sent whoever closes. */
  #mayClose(socket: Duplex): boolean {
    if (!socket.readableEnded || socket.writableLength > 0 || socket.destroyed) return false
    return socket instanceof net.Socket && !(socket instanceof tls.TLSSocket)
  }

  /** A break at the other end: the socket is reset behind what came before. */
  cut(): void {
    this.#writeTail()
    cutBehindWrites(this.#socket!)
  }

  /** Compares what was delivered with what the socket has not taken. */
  #settle(): void {
    const waiting = this.#socket!.writableLength + this.#tailBytes
    const taken = this.#delivered - waiting
    if (taken > this.#taken) {
      this.#owed += taken - this.#taken
      this.#taken = taken
      if (this.#owed >= this.#window / 2 && !this.#over) this.#giveCredit()
    }
    if (waiting !== this.#held) this.#hold(waiting)
    if (waiting > 0 && !this.#marking && !this.#ending) this.#mark()
  }

  /**
   * Writes nothing, and so learns when everything before it has been taken. Only a socket that is behind needs
   * this; one that keeps up takes each write at once and costs no callback.
   */
  #mark(): void {
    this.#marking = true
    this.#marked = this.#pinned.length
    this.#onReached ??= () => this.#reached()
    this.#socket!.write(NOTHING, this.#onReached)
  }

  #reached(): void {
    this.#marking = false
    const socket = this.#socket!
    const over = socket.destroyed || socket.writableFinished
    // What came behind the marker has been taken, too, if nothing waits: no other marker would tell.
    for (const slab of this.#pinned.splice(0, over || socket.writableLength === 0 ? Infinity : this.#marked))
      slab.letGo()
    if (over) this.#hold(0) // no marker follows the end
    if (over || this.#over) return
    this.#writeTail()
    this.#settle()
  }

  #giveCredit(): void {
    const nowUs = performance.now() * 1000
    const { windows, scheduler } = this.#context
    const wanted = nextWindow(this.#window, nowUs - this.#owedSinceUs, this.#context.shortestRttUs)
    const grow = wanted - this.#window
    if (grow < 0) windows.give(-grow)
    if (grow < 0 || (grow > 0 && windows.tryTake(grow))) {
      this.#window = wanted
      this.#owed += grow
    }
    this.#owedSinceUs = nowUs
    if (this.#owed <= 0) return
    this.#available += this.#owed
    scheduler.window(this.#stream, this.#owed)
    this.#owed = 0
  }

  #hold(bytes: number): void {
    this.#context.held.add(bytes - this.#held)
    this.#held = bytes
  }

  /** Gives back what the stream had: budgets and slabs, as far as a socket still has to take what they hold. */
  close(): void {
    if (this.#over) return
    this.#over = true
    this.#early = undefined
    this.#context.windows.give(this.#window - INITIAL_WINDOW)
    const socket = this.#socket
    if (socket && !socket.destroyed && socket.writableLength > 0) socket.once('close', () => this.#letGo())
    else this.#letGo()
  }

  #letGo(): void {
    this.#hold(0)
    for (const slab of this.#pinned.splice(0)) slab.letGo()
  }
}

const NOTHING = Buffer.alloc(0)

function copyOf(buffer: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start)
  buffer.copy(copy, 0, start, end)
  return copy
}
