import type { WebSocket } from 'ws'
import type { z } from 'zod'
import { asFault, Fault } from '../base/faults.ts'
import {
  type AgentMessage,
  agentMessage,
  type ControlMessage,
  controlMessage,
  type FaultMessage,
  MAX_MESSAGE_BYTES,
} from '../wire/control.ts'
import { faultFromMessage, faultToMessage } from './fault-message.ts'
import { Heartbeat } from './heartbeat.ts'

/** The end an agent holds. */
export type AgentChannel = ControlChannel<AgentMessage, ControlMessage>
/** The end the control plane holds. */
export type ControlEnd = ControlChannel<ControlMessage, AgentMessage>

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
  /** Time between pings, in milliseconds. */
  readonly pingMs?: number
  /** Time the peer has to answer one, in milliseconds. */
  readonly replyMs?: number
}

interface Waiting<In> {
  readonly resolve: (message: In) => void
  readonly reject: (fault: Fault) => void
  readonly timer: NodeJS.Timeout
}

/** The agent's end of a WebSocket whose peer is proved to be an edge. */
export function agentChannel(socket: WebSocket, o: ChannelOptions = {}): AgentChannel {
  return new ControlChannel(socket, controlMessage, o)
}

/** The control plane's end of a WebSocket whose peer is proved to be an agent. */
export function controlEnd(socket: WebSocket, o: ChannelOptions = {}): ControlEnd {
  return new ControlChannel(socket, agentMessage, o)
}

/** Ends an agent's connection and tells it why. */
export function sayGoodbye(channel: ControlEnd, fault: Fault): void {
  channel.send({ type: 'goodbye', fault: faultToMessage(fault) })
  channel.close(fault)
}

/**
 * One control connection, the same class at both ends: `Out` is what this end sends, `In` what it receives.
 * Every message that arrives has passed the schema; the first that does not ends the connection.
 */
export class ControlChannel<Out extends { type: string }, In extends { type: string }>
  implements AsyncDisposable
{
  /** Settles once, when the connection is over: undefined for an orderly end. Never rejects. */
  readonly closed: Promise<Fault | undefined>
  readonly #socket: WebSocket
  readonly #schema: z.ZodType<In>
  readonly #heartbeat: Heartbeat
  readonly #waiting = new Map<string, Waiting<In>>()
  #early: In[] = []
  #onMessage: ((message: In) => void) | undefined
  #why: Fault | undefined
  #closing = false

  constructor(
    socket: WebSocket,
    schema: z.ZodType<In>,
    { pingMs = PING_MS, replyMs = REPLY_MS }: ChannelOptions,
  ) {
    this.#socket = socket
    this.#schema = schema
    this.#heartbeat = new Heartbeat(socket, {
      pingMs,
      replyMs,
      onSilence: () => this.#abort(new Fault('CONTROL_UNREACHABLE', `no reply to a ping in ${replyMs} ms`)),
    })
    socket.on('message', (data, binary) => this.#receive(data as Buffer, binary))
    socket.on('ping', () => this.#checkUnsent())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#why ??= error.code?.startsWith('WS_ERR_')
        ? broken('what WebSocket does not allow', { code: error.code })
        : new Fault('CONTROL_UNREACHABLE', `the control connection broke: ${error.message}`, {
            cause: error,
            seen: { code: error.code ?? '' },
          })
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => resolve(this.#closedWith(code)))
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
    return this.#waiting.size === 0
  }

  /** Last ping round trip, in microseconds; 0 before the first. */
  get rttUs(): number {
    return this.#heartbeat.rttUs
  }

  get isOpen(): boolean {
    return !this.#closing && this.#socket.readyState === this.#socket.OPEN
  }

  /** @returns false when the connection is over; the message is then dropped. */
  send(message: Out): boolean {
    if (!this.isOpen) return false
    this.#socket.send(JSON.stringify(message), ignore)
    this.#checkUnsent()
    return this.isOpen
  }

  /**
   * Sends, and resolves with the message that carries the same `id`.
   *
   * @throws {Fault} what `denied` or `failed` name; CONTROL_UNREACHABLE if no answer came in time or the
   *   connection ended first.
   */
  request(message: Out & { id: string }, timeoutMs: number): Promise<In> {
    const { promise, resolve, reject } = Promise.withResolvers<In>()
    const timer = setTimeout(() => {
      this.#waiting.delete(message.id)
      reject(new Fault('CONTROL_UNREACHABLE', `no answer to ${message.type} in ${timeoutMs} ms`))
    }, timeoutMs)
    this.#waiting.set(message.id, { resolve, reject, timer })
    if (!this.send(message)) this.#abandonRequests()
    return promise
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

  /** Ends the connection. `fault` is what `closed` says at this end; the peer sees only that it ended. */
  close(fault?: Fault): void {
    if (this.#closing) return
    this.#closing = true
    this.#why ??= fault
    this.#socket.close(fault === undefined ? CLOSE_NORMAL : CLOSE_FAULT)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await this.closed
  }

  #receive(data: Buffer, binary: boolean): void {
    this.#heartbeat.alive()
    if (this.#closing) return
    try {
      this.#deliver(this.#read(data, binary))
    } catch (thrown) {
      this.close(asFault(thrown))
    }
  }

  #read(data: Buffer, binary: boolean): In {
    if (binary) throw broken('a binary message')
    let value: unknown
    try {
      value = JSON.parse(data.toString('utf8'))
    } catch {
      throw broken('a message that is not JSON')
    }
    const parsed = this.#schema.safeParse(value)
    if (parsed.success) return parsed.data
    const [issue] = parsed.error.issues
    throw broken('a message that the schema refuses', {
      at: issue?.path.join('.') ?? '',
      because: issue?.message.slice(0, 200) ?? '',
    })
  }

  #deliver(message: In & { id?: string; fault?: FaultMessage }): void {
    if (message.type === 'goodbye' && message.fault) throw faultFromMessage(message.fault)
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id)
    if (waiting !== undefined) {
      this.#waiting.delete(message.id!)
      clearTimeout(waiting.timer)
      if (message.fault === undefined) waiting.resolve(message)
      else waiting.reject(faultFromMessage(message.fault))
    } else if (this.#onMessage !== undefined) {
      this.#onMessage(message)
    } else if (this.#early.push(message) > MAX_EARLY) {
      throw new Fault('INTERNAL', `${MAX_EARLY} messages came and nobody took them`)
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
        seen: { closeCode: code },
      })
    }
    this.#closing = true
    this.#abandonRequests()
    return this.#why
  }

  #abandonRequests(): void {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(this.#why ?? new Fault('CONTROL_UNREACHABLE', 'the control connection is closed'))
    }
    this.#waiting.clear()
  }
}

function ignore(): void {}

function broken(what: string, seen: Record<string, string> = {}): Fault {
  return new Fault('PROTOCOL_ERROR', `the control connection carried ${what}`, { hop: 'control', seen })
}
