/**
 * What happens to the sessions of a process that carries tunnels, on its way to the main one, which keeps the ledger of
 * all: in batches, so many of them unanswered. Where the main process is slow, what waits grows by the end of sessions
 * alone, and is bounded.
 *
 * @module
 */
import type { Fault } from '../../base/faults.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { Grant } from '../../pki/grant.ts'
import type { SessionWitness } from '../sessions/connector-ledger.ts'
import type { ConnectorSession } from '../sessions/connector-session.ts'
import type { ConnectorTunnelFacts } from '../sessions/session-record.ts'
import type { HeldGrant } from '../sessions/tunnel-grants.ts'
import { FLAGS, type LoadMessage, type SessionBatch, type SessionSteps } from './worker-messages.ts'

/** As small as a turn of the loop can do beside everything else. */
const BATCH = 64
const FLUSH_MS = 200
/** Batches that are told and not answered yet. */
const MAX_FLYING = 8
/** Sessions that came and went untold: beyond it they are counted, and no more. */
const MAX_WAITING = 20_000

interface LiveSession {
  readonly session: ConnectorSession
  readonly key: number
  bytesIn: number
  bytesOut: number
  flags: number
}

export type SessionFigures = Pick<LoadMessage, 'bytes' | 'moved' | 'strangers' | 'shed'>

export class SessionTeller implements SessionWitness<ConnectorSession> {
  readonly #tell: (text: string) => void
  readonly #live = new Map<ConnectorSession, LiveSession>()
  readonly #waiting = new Map<number, SessionSteps>()
  readonly #toldTunnels = new WeakSet<ConnectorTunnelFacts>()
  readonly #toldGrants = new WeakSet<HeldGrant>()
  #tunnels: ConnectorTunnelFacts[] = []
  #grants: Grant[] = []
  readonly #strangers = new Map<StreamEnd['reason'], number>()
  #keys = 0
  #flying = 0
  #isDue = false
  #bytes = 0
  #shed = 0
  #timer: NodeJS.Timeout | undefined

  /** @param tell Of a SessionBatch as JSON: that is half the work of a structured clone. */
  constructor(tell: (text: string) => void) {
    this.#tell = tell
  }

  granted(session: ConnectorSession): void {
    const { id, open, tunnel, startedMs } = session
    const held = session.held!
    const live = { session, key: ++this.#keys, bytesIn: 0, bytesOut: 0, flags: 0 }
    this.#live.set(session, live)
    if (!this.#toldTunnels.has(tunnel)) {
      this.#toldTunnels.add(tunnel)
      this.#tunnels.push(tunnel)
    }
    if (!this.#toldGrants.has(held)) {
      this.#toldGrants.add(held)
      this.#grants.push(held.grant)
    }
    this.#note(live.key).opening = { id, open, pipe: tunnel.pipe, grant: held.grant.id, startedMs }
  }

  reached(session: ConnectorSession): void {
    const { address, dnsUs, connectUs } = session
    this.#noteOf(session).reached = {
      ...{ address, dnsUs, connectUs },
      // The kernel is asked when this is told: of most sessions nobody wants to know, as they are over by then.
      get nearPort() {
        return session.nearPort
      },
    }
  }

  answered(session: ConnectorSession): void {
    this.#noteOf(session).answered = true
  }

  unreached(session: ConnectorSession, fault: Fault, tried?: readonly string[]): void {
    this.#noteOf(session).unreached = { fault: faultToMessage(fault), tried }
  }

  ended(session: ConnectorSession, end: StreamEnd, endedMs: number): void {
    const live = this.#live.get(session)
    if (live === undefined) {
      this.#strangers.set(end.reason, (this.#strangers.get(end.reason) ?? 0) + 1)
      return
    }
    this.#live.delete(session)
    this.#bytes += end.bytesIn - live.bytesIn + end.bytesOut - live.bytesOut
    const isUntold = this.#waiting.get(live.key)?.opening !== undefined
    if (isUntold && this.#waiting.size >= MAX_WAITING) {
      this.#waiting.delete(live.key)
      this.#shed++
    } else this.#note(live.key).ended = { end, endedMs, dnsUs: session.dnsUs, flags: flagsOf(session.stream) }
  }

  #noteOf(session: ConnectorSession): SessionSteps {
    return this.#note(this.#live.get(session)!.key)
  }

  #note(key: number): SessionSteps {
    const known = this.#waiting.get(key)
    if (known !== undefined) return known
    const news: SessionSteps = { key }
    this.#waiting.set(key, news)
    if (this.#waiting.size >= BATCH) this.#flushSoon()
    else this.#timer ??= setTimeout(() => this.#flush(1), FLUSH_MS)
    return news
  }

  /** What happens in this turn goes with it. */
  #flushSoon(): void {
    if (this.#isDue || this.#flying >= MAX_FLYING) return
    this.#isDue = true
    queueMicrotask(() => {
      this.#isDue = false
      this.#flush(BATCH)
    })
  }

  /** @param least With fewer there is no hurry. */
  #flush(least: number, mostFlying = MAX_FLYING): void {
    while (this.#waiting.size >= least && this.#waiting.size > 0 && this.#flying < mostFlying) {
      const sessions: SessionSteps[] = []
      for (const [key, news] of this.#waiting) {
        sessions.push(news)
        this.#waiting.delete(key)
        if (sessions.length === BATCH) break
      }
      const [tunnels, grants] = [this.#tunnels, this.#grants]
      this.#tunnels = []
      this.#grants = []
      this.#flying++
      this.#tell(JSON.stringify({ tunnels, grants, sessions } satisfies SessionBatch))
    }
    clearTimeout(this.#timer)
    this.#timer = this.#waiting.size === 0 ? undefined : setTimeout(() => this.#flush(1), FLUSH_MS)
  }

  /** A batch has come to the main process. */
  taken(): void {
    this.#flying--
    this.#flush(BATCH)
  }

  /** Tells all that has happened until now: what is told next comes behind it. */
  tellAll(): void {
    this.#flush(1, Number.POSITIVE_INFINITY)
  }

  /** Since it was last asked. */
  figures(): SessionFigures {
    const moved: number[] = []
    for (const live of this.#live.values()) {
      // Of a session that the other side has not heard of yet it would keep nothing, and take what moves next for its first word.
      if (this.#waiting.get(live.key)?.opening !== undefined) continue
      const { stream } = live.session
      const { bytesIn, bytesOut } = stream
      const flags = flagsOf(stream)
      if (bytesIn === live.bytesIn && bytesOut === live.bytesOut && flags === live.flags) continue
      this.#bytes += bytesIn - live.bytesIn + bytesOut - live.bytesOut
      live.bytesIn = bytesIn
      live.bytesOut = bytesOut
      live.flags = flags
      moved.push(live.key, bytesIn, bytesOut, flags)
    }
    return {
      bytes: this.#bytes,
      moved: Float64Array.from(moved),
      strangers: [...this.#strangers],
      shed: this.#shed,
    }
  }
}

function flagsOf(stream: ConnectorSession['stream']): number {
  return (
    (stream.peerSpokeLast ? FLAGS.peerSpokeLast : 0) |
    (stream.peerHeardFirst ? FLAGS.peerHeardFirst : 0) |
    (stream.peerEnded ? FLAGS.peerEnded : 0) |
    (stream.localEnded ? FLAGS.localEnded : 0)
  )
}
