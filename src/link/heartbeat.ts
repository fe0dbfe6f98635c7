import type { WebSocket } from 'ws'

/**
 * Pings a WebSocket and gives its peer a time to reply in. Both ends of a control connection run one: a TCP connection
 * through a firewall that forgot it looks healthy from the end that only waits.
 */
export class Heartbeat {
  readonly #socket: WebSocket
  readonly #replyMs: number
  readonly #onSilence: () => void
  readonly #pinging: NodeJS.Timeout
  #sentAt: number | undefined
  #reply: NodeJS.Timeout | undefined
  #rttUs = 0

  /** `onSilence` is called at most once. */
  constructor(socket: WebSocket, o: { pingMs: number; replyMs: number; onSilence: () => void }) {
    this.#socket = socket
    this.#replyMs = o.replyMs
    this.#onSilence = o.onSilence
    this.#pinging = setInterval(() => this.#ping(), o.pingMs).unref()
    socket.on('pong', () => this.#pong())
  }

  /** Last round trip, in microseconds; 0 before the first. */
  get rttUs(): number {
    return this.#rttUs
  }

  /** Something came: a reply can wait behind a long message, and the message shows as well that the peer is there. */
  alive(): void {
    if (this.#sentAt !== undefined) this.#reply?.refresh()
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
    clearInterval(this.#pinging)
    clearTimeout(this.#reply)
  }

  #ping(): void {
    if (this.#sentAt !== undefined || this.#socket.readyState !== this.#socket.OPEN) return
    this.#sentAt = performance.now()
    this.#socket.ping(undefined, undefined, ignore)
    this.#reply = setTimeout(() => {
      this.stop()
      this.#onSilence()
    }, this.#replyMs).unref()
  }

  #pong(): void {
    if (this.#sentAt === undefined) return
    this.#rttUs = Math.round((performance.now() - this.#sentAt) * 1000)
    this.#sentAt = undefined
    clearTimeout(this.#reply)
  }
}

function ignore(): void {}
