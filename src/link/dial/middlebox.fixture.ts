/**
 * A middlebox in the path: a TCP relay that follows the records of TLS both ways, and ends what is not TLS.
 *
 * @module
 */
import net from 'node:net'
import { listenHere } from './listen.fixture.ts'

const HEADER_BYTES = 5
/** change_cipher_spec, alert, handshake, application_data: RFC 8446, 5.1. */
const TYPES: ReadonlySet<number> = new Set([20, 21, 22, 23])
const MAX_RECORD_BYTES = 16_384 + 256

export interface Middlebox extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Connections that it ended. */
  readonly killed: number
  /** Connections that go through it now. */
  readonly open: number
  /** Whether it looks into the connections that come from here on. */
  strict: boolean
}

/**
 * @param o.kill How it ends a connection: `reset` is a RST to both sides, `swallow` is silence: nothing passes any more.
 */
export async function openMiddlebox(
  to: { host: string; port: number },
  o: { kill?: 'reset' | 'swallow' } = {},
): Promise<Middlebox> {
  const { kill = 'reset' } = o
  const far = new Set<net.Socket>()
  const box = { strict: true, killed: 0 }
  const listener = await listenHere((down) => {
    const up = net.connect({ ...to, allowHalfOpen: true, noDelay: true }).on('error', () => {})
    far.add(up)
    const { strict } = box
    let dead = false
    const judge = () => {
      if (dead) return
      dead = true
      box.killed++
      if (kill === 'swallow') return
      down.resetAndDestroy()
      up.resetAndDestroy()
    }
    relay(down, up, judge)
    relay(up, down, judge)
    up.once('close', () => far.delete(up))

    function relay(from: net.Socket, onto: net.Socket, offend: () => void) {
      const records = new Records()
      from.on('data', (chunk: Buffer) => {
        if (strict && !records.follow(chunk)) offend()
        if (dead) return
        if (!onto.write(chunk)) {
          from.pause()
          onto.once('drain', () => from.resume())
        }
      })
      from.on('end', () => dead || onto.end())
      from.on('error', () => onto.resetAndDestroy())
      from.resume()
    }
  })
  return {
    host: listener.host,
    port: listener.port,
    get killed() {
      return box.killed
    },
    get open() {
      return far.size
    },
    get strict() {
      return box.strict
    },
    set strict(strict) {
      box.strict = strict
    },
    async [Symbol.asyncDispose]() {
      for (const socket of far) socket.destroy()
      await listener[Symbol.asyncDispose]()
    },
  }
}

/** The records of one direction, by their headers. */
class Records {
  #header: number[] = []
  #missing = 0

  /** @returns Whether it is TLS so far. */
  follow(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; ) {
      if (this.#missing > 0) {
        const bytes = Math.min(this.#missing, chunk.length - at)
        this.#missing -= bytes
        at += bytes
        continue
      }
      this.#header.push(chunk[at++]!)
      if (!TYPES.has(this.#header[0]!)) return false
      if (this.#header.length < HEADER_BYTES) continue
      const [, major, , high, low] = this.#header as [number, number, number, number, number]
      this.#missing = high * 256 + low
      this.#header = []
      if (major !== 3 || this.#missing > MAX_RECORD_BYTES) return false
    }
    return true
  }
}
