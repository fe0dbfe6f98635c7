import type { WebSocket } from 'ws'
import { asFault, Fault } from '../../base/faults.ts'
import { type Log, silentLog } from '../../base/log.ts'
import { type Parting, readParting, writeParting } from '../../base/parting.ts'
import { type FaultMessage, MAX_MESSAGE_BYTES } from '../../wire/control.ts'
import { BulkQueue, type BulkSource } from './bulk-queue.ts'
import { ControlHeartbeat } from './control-heartbeat.ts'
import { faultFromMessage } from './fault-message.ts'
import { type PendingRequestOptions, PendingRequests } from './pending-requests.ts'
import { broken, type MessageReading, type ReadMessage, readMessage } from './read-message.ts'

const PING_MS = 5000
const REPLY_MS = 5000
/** A peer that leaves this much unread has stopped reading: its connection is worth less than our memory. */
const MAX_UNSENT_BYTES = 8 * MAX_MESSAGE_BYTES
/** Messages that may wait for `onMessage` to be set. */
const MAX_EARLY = 64
const CLOSE_MS = 2000

const CLOSE_NORMAL = 1000
const CLOSE_FAULT = 1008

/** What every WebSocket of a control connection is opened with, at both ends. */
export const WEB_SOCKET = {
  maxPayload: MAX_MESSAGE_BYTES,
  perMessageDeflate: false,
  closeTimeout: CLOSE_MS,
} as const

export interface ChannelOptions {
  /** Time between pings at the most, in milliseconds; at the control plane, time without a word before one. */
  readonly pingMs?: number
  /** Time the peer has to answer one, in milliseconds. */
  readonly replyMs?: number
  /** Of the connection below: a long message on its way is a sign of life, too. */
  readonly bytesRead?: () => number
  /** Hears of messages that are not sent or not taken. */
  readonly log?: Log
}

/**
 * One control connection, the same class at both ends: `Out` is what this end sends, `In` what it receives.
 *
 * Every message that arrives has passed the schema. What cannot be read is left out and named in the log; only what
 * shows that the peer speaks something else ends the connection.
 */
export class ControlChannel<Out extends { type: string }, In extends { type: string }>
  implements AsyncDisposable
{
  /** Settles once, when the connection is over: undefined for an orderly end. Never rejects. */
  readonly closed: Promise<Fault | undefined>
  readonly #socket: WebSocket
  readonly #reading: MessageReading<In, Out>
  readonly #log: Log
  readonly #heartbeat: ControlHeartbeat
  readonly #pending = new PendingRequests<In>()
  readonly #bulk = new BulkQueue<Out>({
    send: (message) => this.send(message),
    unsentBytes: () => (this.#held === undefined ? this.#socket.bufferedAmount : Number.POSITIVE_INFINITY),
  })
  #held: Out[] | undefined
  #early: In[] = []
  #onMessage: ((message: In) => void) | undefined
  #why: Fault | undefined
  #parting: Parting | undefined
  #closing = false

  constructor(
    socket: WebSocket,
    reading: MessageReading<In, Out>,
    { pingMs = PING_MS, replyMs = REPLY_MS, bytesRead, log = silentLog }: ChannelOptions,
    { pingsOnlyInSilence }: { readonly pingsOnlyInSilence: boolean },
  ) {
    this.#socket = socket
    this.#reading = reading
    this.#log = log
    this.#heartbeat = new ControlHeartbeat(socket, {
      pingMs,
      replyMs,
      onlyInSilence: pingsOnlyInSilence,
      bytesRead,
      onSilence: () =>
        this.#abort(
          new Fault('CONTROL_UNREACHABLE', `no reply to a ping in ${replyMs} ms`, {
            seen: { lost: 'silent' },
          }),
        ),
    })
    socket.on('message', (data, binary) => this.#receive(data as Buffer, binary))
    socket.on('ping', () => this.#checkUnsent())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#why ??= error.code?.startsWith('WS_ERR_')
        ? broken('a violation of the WebSocket protocol', { code: error.code })
        : new Fault('CONTROL_UNREACHABLE', `the control connection broke: ${error.message}`, {
            cause: error,
            seen: { code: error.code ?? '', lost: 'closed' },
          })
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        if (!this.#closing && code === CLOSE_NORMAL) this.#parting = readParting(reason.toString())
        resolve(this.#closedWith(code))
      })
    })
  }

  /** Called for each message that answers no request. What came before it was set is given to it first. */
  get onMessage(): ((message: In) => void) | undefined {
    return this.#onMessage
  }

  set onMessage(handler: ((message: In) => void) | undefined) {
    this.#onMessage = handler
    if (handler === undefined) return
    const early = this.#early
    this.#early = []
    for (const message of early) handler(message)
  }

  /** No answer is waited for. */
  get isIdle(): boolean {
    return this.#pending.isEmpty
  }

  /** Last ping round trip, in microseconds; 0 before the first. Of worth at an agent, which pings all the time. */
  get rttUs(): number {
    return this.#heartbeat.rttUs
  }

  get isOpen(): boolean {
    return !this.#closing && this.#socket.readyState === this.#socket.OPEN
  }

  /** At once. @returns false when the message was not sent: the connection is over, or no peer would take it. */
  send(message: Out): boolean {
    if (!this.isOpen) return false
    if (this.#held !== undefined && message.type !== 'goodbye') return this.#held.push(message) > 0
    const data = Buffer.from(JSON.stringify(message))
    if (data.length > MAX_MESSAGE_BYTES) {
      // A defect, and one message less: the peer would end the connection, and again after the next one was up.
      const about = { event: 'control.too-long', type: message.type, bytes: data.length }
      this.#log.error(about, `A ${message.type} of ${data.length} bytes was not sent: no peer accepts it`)
      return false
    }
    this.#socket.send(data, TEXT, this.#left)
    this.#checkUnsent()
    return this.isOpen
  }

  /** Until `release` nothing leaves but a goodbye: what others tell the peer meanwhile comes behind what is first. */
  hold(): void {
    this.#held = []
  }

  release(first: Out): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const message of [first, ...held]) this.send(message)
    this.#left()
  }

  /** `source` has something that can wait: it is asked for messages while the peer keeps up, until it has none. */
  offer(source: BulkSource<Out>): void {
    if (this.isOpen) this.#bulk.offer(source)
  }

  /** These, in this order, and no faster than the peer takes them. */
  sendAll(messages: Iterable<Out>): void {
    if (this.isOpen) this.#bulk.sendAll(messages)
  }

  /**
   * Sends, and resolves with the message that carries the same `id`.
   *
   * @throws {Fault} what `denied` or `failed` name; CONTROL_UNREACHABLE if no answer came in time or the
   *   connection ended first.
   */
  request(message: Out & { id: string }, timeoutMs: number, o: PendingRequestOptions = {}): Promise<In> {
    const answer = this.#pending.add(message, timeoutMs, o)
    if (!this.send(message)) this.#pending.failed(message.id, this.#why ?? unsent())
    return answer
  }

  /** Reads no more, so that what the peer sends waits with it. What was read already still comes. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Asks the peer for a sign of life now. @returns whether it came within `timeoutMs`. Never rejects. */
  isAlive(timeoutMs: number): Promise<boolean> {
    return this.isOpen ? this.#heartbeat.probe(timeoutMs) : Promise.resolve(false)
  }

  /** What the peer said as it ended the connection in good order; once that is over, and where it said anything. */
  get parting(): Parting | undefined {
    return this.#parting
  }

  /**
   * Ends the connection. `fault` is what `closed` says at this end; the peer sees only that it ended, and `parting`
   * where there is no fault.
   */
  close(fault?: Fault, parting?: Parting): void {
    if (this.#closing) return
    this.#closing = true
    this.#why ??= fault
    if (fault !== undefined) this.#socket.close(CLOSE_FAULT)
    else this.#socket.close(CLOSE_NORMAL, parting && writeParting(parting))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await this.closed
  }

  #receive(data: Buffer, binary: boolean): void {
    this.#heartbeat.alive()
    if (this.#closing) return
    try {
      const read = readMessage(this.#reading, data, binary)
      if (read.refused.length > 0) this.#refuse(read)
      if (read.message !== undefined) this.#deliver(read.message)
    } catch (thrown) {
      this.close(asFault(thrown))
    }
  }

  #refuse({ type, id, message, refused, left }: ReadMessage<In>): void {
    const what = message === undefined ? 'was not accepted' : `was accepted without ${left} items`
    this.#log.warn({ event: 'control.unreadable', type, id, refused, left }, `A ${type} ${what}`)
    if (message !== undefined) return
    const fault = broken(`a ${type} that does not match its schema`, { because: refused.join('; ') })
    if (this.#pending.failed(id, fault) || id === undefined) return
    const answer = this.#reading.refusal?.(id, fault)
    if (answer !== undefined) this.send(answer)
  }

  #deliver(message: In & { id?: string; fault?: FaultMessage }): void {
    if (message.type === 'goodbye' && message.fault) throw faultFromMessage(message.fault)
    if (this.#pending.answered(message)) return
    if (this.#onMessage !== undefined) {
      this.#onMessage(message)
    } else if (this.#early.push(message) > MAX_EARLY) {
      throw new Fault('INTERNAL', `${MAX_EARLY} messages arrived and were not processed`)
    }
  }

  #checkUnsent(): void {
    if (this.#socket.bufferedAmount <= MAX_UNSENT_BYTES) return
    this.#abort(
      new Fault('CONTROL_UNREACHABLE', 'the peer has stopped reading', {
        seen: { unsentBytes: this.#socket.bufferedAmount },
      }),
    )
  }

  /** Ends without a close handshake, which the peer would not answer. */
  #abort(fault: Fault): void {
    this.#why ??= fault
    this.#closing = true
    this.#socket.terminate()
  }

  #closedWith(code: number): Fault | undefined {
    this.#heartbeat.stop()
    this.#early = []
    if (!this.#closing && code !== CLOSE_NORMAL) {
      this.#why ??= new Fault('CONTROL_UNREACHABLE', `the control connection was closed (${code})`, {
        seen: { closeCode: code, lost: 'closed' },
      })
    }
    this.#closing = true
    this.#bulk.clear()
    this.#pending.abandon(this.#why ?? unsent())
    return this.#why
  }

  readonly #left = (): void => {
    try {
      if (this.isOpen) this.#bulk.pump()
    } catch (thrown) {
      this.close(asFault(thrown))
    }
  }
}

const TEXT = { binary: false }

function unsent(): Fault {
  return new Fault('CONTROL_UNREACHABLE', 'the control connection is closed')
}
