import { Fault } from '../base/faults.ts'

/** What a Heartbeat does to its tunnel. */
export interface Pulse {
  /** Sends a PING with these 8 bytes. */
  ping(payload: Buffer): void
  /** Changes with everything that comes from the peer. */
  readonly heard: number
  lost(why: Fault): void
}

interface Ping {
  readonly sentUs: number
  readonly answered: PromiseWithResolvers<number> | undefined
}

/** Looks within one time-out. */
const LOOKS = 4

/**
 * Measures the round trip of a tunnel and notices when the peer is gone: a PING waits, and nothing at all has come for
 * the whole time-out. On a slow line a PONG may stand behind a long queue; while that moves, the peer is there.
 */
export class TunnelHeartbeat implements Disposable {
  readonly #pulse: Pulse
  readonly #timeoutMs: number
  readonly #interval: NodeJS.Timeout
  /** Looks whether anything came; runs while a PING waits. */
  #watch: NodeJS.Timeout | undefined
  #heard = -1
  #heardUs = 0
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
    this.#watch ??= this.#newWatch()
    const payload = Buffer.allocUnsafe(8)
    payload.writeUInt32BE(0, 0)
    payload.writeUInt32BE(number >>> 0, 4)
    this.#pulse.ping(payload)
  }

  #newWatch(): NodeJS.Timeout {
    this.#silentMs()
    const look = () => {
      if (this.#silentMs() < this.#timeoutMs) return
      // A process that did not run for a while finds its timers due before it has read what came meanwhile.
      setImmediate(() => {
        if (this.#watch !== undefined && this.#silentMs() >= this.#timeoutMs) this.#pulse.lost(this.#gone())
      })
    }
    return setInterval(look, this.#timeoutMs / LOOKS).unref()
  }

  /** Since when nothing has come, to the precision of the looks. */
  #silentMs(): number {
    const nowUs = performance.now() * 1000
    const { heard } = this.#pulse
    if (heard !== this.#heard || this.#watch === undefined) this.#heardUs = nowUs
    this.#heard = heard
    return (nowUs - this.#heardUs) / 1000
  }

  #gone(): Fault {
    return new Fault(
      'TUNNEL_LOST',
      `nothing arrived from the peer for ${this.#timeoutMs} ms, not even the answer to a PING`,
    )
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
    if (this.#waiting.size === 0) this.#endWatch()
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
    this.#endWatch()
  }

  #endWatch(): void {
    clearInterval(this.#watch)
    this.#watch = undefined
  }
}
