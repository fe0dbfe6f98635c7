import { Fault } from '../base/faults.ts'

/** What a Heartbeat does to its tunnel. */
export interface Pulse {
  /** Sends a PING with these 8 bytes. */
  ping(payload: Buffer): void
  lost(why: Fault): void
}

interface Ping {
  readonly sentUs: number
  readonly answered: PromiseWithResolvers<number> | undefined
}

/** Measures the round trip of a tunnel and notices when the peer is gone. */
export class Heartbeat implements Disposable {
  readonly #pulse: Pulse
  readonly #timeoutMs: number
  readonly #interval: NodeJS.Timeout
  #deadline: NodeJS.Timeout | undefined
  /** PINGs without their PONG, oldest first. */
  readonly #waiting: Map<number, Ping> = new Map()
  #next = 1
  #rttUs = 0
  #shortestUs = 0

  constructor(pulse: Pulse, intervalMs: number, timeoutMs: number) {
    this.#pulse = pulse
    this.#timeoutMs = timeoutMs
    this.#interval = setInterval(() => this.#send(undefined), intervalMs)
    this.#interval.unref()
    this.#send(undefined)
  }

  /** Smoothed over about eight measurements; 0 before the first. */
  get rttUs(): number {
    return this.#rttUs
  }

  /** The shortest ever measured here: what the path takes when nothing waits on it. 0 before the first. */
  get shortestUs(): number {
    return this.#shortestUs
  }

  /** @returns this one round trip in microseconds. Rejects with a Fault if the tunnel ends first. */
  ping(): Promise<number> {
    const answered = Promise.withResolvers<number>()
    this.#send(answered)
    return answered.promise
  }

  #send(answered: PromiseWithResolvers<number> | undefined): void {
    const number = this.#next++
    this.#waiting.set(number, { sentUs: performance.now() * 1000, answered })
    this.#deadline ??= this.#newDeadline()
    const payload = Buffer.allocUnsafe(8)
    payload.writeUInt32BE(0, 0)
    payload.writeUInt32BE(number >>> 0, 4)
    this.#pulse.ping(payload)
  }

  #newDeadline(): NodeJS.Timeout {
    const lost = () =>
      this.#pulse.lost(
        new Fault('TUNNEL_LOST', `the peer did not answer a PING within ${this.#timeoutMs} ms`),
      )
    return setTimeout(lost, this.#timeoutMs).unref()
  }

  /** @throws {Fault} PROTOCOL_ERROR if no PING with this payload waits for its answer. */
  pong(payload: Buffer): void {
    const number = payload.length === 8 && payload.readUInt32BE(0) === 0 ? payload.readUInt32BE(4) : 0
    const ping = this.#waiting.get(number)
    if (!ping) throw new Fault('PROTOCOL_ERROR', 'the tunnel carried a PONG that answers no PING')
    this.#waiting.delete(number)
    const tookUs = Math.round(performance.now() * 1000 - ping.sentUs)
    this.#rttUs = this.#rttUs === 0 ? tookUs : Math.round(this.#rttUs + (tookUs - this.#rttUs) / 8)
    this.#shortestUs = Math.min(this.#shortestUs || tookUs, tookUs)
    clearTimeout(this.#deadline)
    this.#deadline = this.#waiting.size > 0 ? this.#newDeadline() : undefined
    ping.answered?.resolve(tookUs)
  }

  /** Rejects the pings that wait. */
  stop(why: Fault): void {
    this[Symbol.dispose]()
    for (const { answered } of this.#waiting.values()) {
      answered?.promise.catch(() => {})
      answered?.reject(why)
    }
    this.#waiting.clear()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#interval)
    clearTimeout(this.#deadline)
  }
}
