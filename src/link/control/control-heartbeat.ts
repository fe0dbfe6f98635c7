import type { WebSocket } from 'ws'

/** A reply is waited for once more where this process was paused for longer while it waited. */
const LATE_MS = 1000
const MAX_LATE = 2
/**
 * By up to such a part of it each pause is shorter. Pings that were due while a process was busy are sent in one step
 * behind it; with equal pauses thousands of them would come together again each time.
 */
const SPREAD = 0.2

/**
 * Pings a WebSocket and gives its peer a time to reply in. Both ends of a control connection run one: a TCP connection
 * through a firewall that forgot it looks healthy from the end that only waits.
 *
 * The end of the control plane pings only in silence. The agents ping anyway, and thousands of them that are pinged as
 * well would cost it as much again to learn what it has just heard. Whoever is gone is noticed as soon all the same:
 * a ping leaves when nothing has come for as long as the longest pause between two.
 */
export class ControlHeartbeat {
  readonly #socket: WebSocket
  readonly #pingMs: number
  readonly #replyMs: number
  readonly #onSilence: () => void
  readonly #bytesRead: () => number
  #read = 0
  #pinging: NodeJS.Timeout | undefined
  /** Begins anew with everything that comes, where pings are for silence only. */
  #silence: NodeJS.Timeout | undefined
  #heard = 0
  #sentAt: number | undefined
  #reply: NodeJS.Timeout | undefined
  #rttUs = 0

  /** `onSilence` is called at most once. */
  constructor(
    socket: WebSocket,
    o: {
      pingMs: number
      replyMs: number
      onlyInSilence?: boolean
      bytesRead?: () => number
      onSilence: () => void
    },
  ) {
    this.#socket = socket
    this.#pingMs = o.pingMs
    this.#replyMs = o.replyMs
    this.#onSilence = o.onSilence
    this.#bytesRead = o.bytesRead ?? (() => 0)
    if (o.onlyInSilence) {
      this.#silence = setTimeout(() => this.#pingUnlessHeard(), o.pingMs).unref()
      socket.on('ping', () => this.alive())
    } else this.#pingLater()
    socket.on('pong', () => this.#pong())
  }

  /** Last round trip, in microseconds; 0 before the first. */
  get rttUs(): number {
    return this.#rttUs
  }

  /** Something came: a reply can wait behind a long message, and the message shows as well that the peer is there. */
  alive(): void {
    if (this.#silence === undefined) {
      if (this.#sentAt !== undefined) this.#reply?.refresh()
      return
    }
    this.#heard++
    this.#silence.refresh()
    this.#sentAt = undefined
    clearTimeout(this.#reply)
  }

  /** Pings out of turn. @returns whether the peer answered within `timeoutMs`. */
  probe(timeoutMs: number): Promise<boolean> {
    const socket = this.#socket
    return new Promise((resolve) => {
      const settle = (answered: boolean) => {
        clearTimeout(timer)
        socket.off('pong', answer).off('close', silence)
        resolve(answered)
      }
      const answer = () => settle(true)
      const silence = () => settle(false)
      const timer = setTimeout(silence, timeoutMs)
      socket.once('pong', answer).once('close', silence)
      socket.ping(undefined, undefined, ignore)
    })
  }

  stop(): void {
    clearTimeout(this.#pinging)
    clearTimeout(this.#silence)
    this.#silence = undefined // a sign of life that comes yet must not start it again
    clearTimeout(this.#reply)
  }

  #pingLater(): void {
    const pauseMs = this.#pingMs * (1 - SPREAD * Math.random())
    this.#pinging = setTimeout(() => {
      this.#pingLater()
      this.#ping()
    }, pauseMs).unref()
  }

  /** A process that was busy finds its timers due before it has read what came meanwhile. */
  #pingUnlessHeard(): void {
    const heard = this.#heard
    setImmediate(() => {
      if (this.#silence !== undefined && this.#heard === heard) this.#ping()
    })
  }

  #ping(): void {
    if (this.#sentAt !== undefined || this.#socket.readyState !== this.#socket.OPEN) return
    this.#sentAt = performance.now()
    this.#socket.ping(undefined, undefined, ignore)
    this.#await()
  }

  /**
   * On a slow link a reply stands behind a message that takes long: as long as bytes come somebody sends them. A timer
   * that comes late says that nothing was read here meanwhile, so the reply may be waiting to be: that is no silence.
   */
  #await(lateBefore = 0): void {
    this.#read = this.#bytesRead()
    const dueMs = performance.now() + this.#replyMs
    this.#reply = setTimeout(() => {
      if (this.#bytesRead() > this.#read) return this.#await()
      const isLate = performance.now() - dueMs > LATE_MS
      if (isLate && lateBefore < MAX_LATE) return this.#await(lateBefore + 1)
      this.stop()
      this.#onSilence()
    }, this.#replyMs).unref()
  }

  #pong(): void {
    if (this.#sentAt !== undefined) {
      this.#rttUs = Math.round((performance.now() - this.#sentAt) * 1000)
      this.#sentAt = undefined
      clearTimeout(this.#reply)
    }
    this.alive()
  }
}

function ignore(): void {}
