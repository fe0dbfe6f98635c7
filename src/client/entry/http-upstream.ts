import type net from 'node:net'
import { Duplex } from 'node:stream'
import type { Fault } from '../../base/faults.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import type { Destination } from '../address/destination.ts'
import { Answers } from './http-answers.ts'
import type { Guard } from './local-guard.ts'

/** What the connection of the local program is told. */
export interface UpstreamEvents {
  /** There is room for more of the request. */
  room(): void
  /** Bytes of an answer have gone to the local program. */
  relayed(): void
  /** The application has said its last byte; it may never have said one. */
  ended(upstream: Upstream): void
}

/** An application that is left ends its side soon; if it does not, it is not waited for. */
const LEAVE_MS = 5000

/**
 * One application as an HTTP connection of a local program sees it: what a session is attached to. Requests go in by
 * `send`; answers go to the local socket as the bytes they are, with the speed at which it takes them.
 */
export class Upstream extends Duplex {
  readonly to: Destination
  readonly answers = new Answers()
  /** A byte has come from the application. */
  answered = false
  /** Why it broke, once that is known. */
  fault: Fault | undefined
  session: string | undefined
  #local: net.Socket | undefined
  #finished = false
  readonly #events: UpstreamEvents
  readonly #guard: Guard

  constructor(to: Destination, local: net.Socket, events: UpstreamEvents, guard: Guard) {
    super()
    this.to = to
    this.#local = local
    this.#events = events
    this.#guard = guard
    this.on('error', ignoreError)
  }

  /** @returns false if the next bytes should wait for `room`. */
  send(bytes: Buffer): boolean {
    return this.#finished || this.destroyed || this.push(bytes)
  }

  /** No request follows: the application gets the FIN of the local program. */
  finish(): void {
    if (this.#finished || this.destroyed) return
    this.#finished = true
    this.push(null)
  }

  /** The local program has gone on to somewhere else; what the application still says is nobody's. */
  leave(): void {
    this.#local = undefined
    this.finish()
    const timer = setTimeout(() => this.destroy(), LEAVE_MS).unref()
    this.once('close', () => clearTimeout(timer))
  }

  override _read(): void {
    this.#guard(() => this.#events.room())
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    const local = this.#local
    if (local === undefined) {
      done()
      return
    }
    this.#guard(() => {
      this.answered = true
      this.answers.read(chunk)
      local.write(chunk, done) // `done` when it is taken: until then the chunk may not be used again
      this.#events.relayed()
    })
  }

  /** The end of the application is the end for the local program, once all that came before has been taken. */
  override _final(done: (error?: Error | null) => void): void {
    const local = this.#local
    this.#guard(() => this.#events.ended(this))
    if (local === undefined || !this.answered) done()
    else local.end(done)
  }
}
