/**
 * The sessions of another process, as far as it has told of them: kept in the ledger as those of this one are.
 *
 * @module
 */
import type { WatchedStream } from '../../agent/sessions/watched-session.ts'
import type { Clock } from '../../base/clock.ts'
import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { SessionReport } from '../../wire/control.ts'
import type { Open } from '../../wire/open.ts'
import { GrantScope } from '../dial/grant-scope.ts'
import type { ConnectorLedger, LedgerSession } from '../sessions/connector-ledger.ts'
import { type ConnectorTunnelFacts, sessionRecord } from '../sessions/session-record.ts'
import type { GrantAuthority, HeldGrant } from '../sessions/tunnel-grants.ts'
import { FLAGS, type LoadMessage, type SessionBatch, type SessionSteps } from './worker-messages.ts'

/** Sessions name tunnels and grants that were told before; those that are over are kept for a while, for what was under way. */
const KEPT_MS = 60_000

class ToldSession implements LedgerSession {
  readonly id: string
  readonly open: Open
  readonly tunnel: ConnectorTunnelFacts
  readonly startedMs: number
  readonly held: HeldGrant
  dnsUs: number | undefined
  connectUs: number | undefined
  address: string | undefined
  nearPort: number | undefined
  readonly stream: { -readonly [Name in keyof WatchedStream]: WatchedStream[Name] } = {
    ...{ bytesIn: 0, bytesOut: 0, peerSpokeLast: false, peerHeardFirst: false },
    ...{ peerEnded: false, localEnded: false },
  }

  constructor(
    { id, open, startedMs }: NonNullable<SessionSteps['opening']>,
    { tunnel, held }: { tunnel: ConnectorTunnelFacts; held: HeldGrant },
  ) {
    // An id is of one stream, whichever process carries it.
    this.id = held.numbers.idFor(id, startedMs)
    this.open = open
    this.tunnel = tunnel
    this.startedMs = startedMs
    this.held = held
  }

  get user(): string {
    return this.held.grant.user
  }

  report(_state: 'open'): SessionReport {
    return sessionRecord(this)
  }
}

export interface ToldSessionsServices {
  readonly ledger: ConnectorLedger
  readonly authority: GrantAuthority
  readonly clock: Clock
  readonly log: Log
}

export class ToldSessions {
  readonly #services: ToldSessionsServices
  readonly #byKey = new Map<number, ToldSession>()
  readonly #tunnels = new Map<string, ConnectorTunnelFacts>()
  /** In the order of their end. */
  readonly #closed = new Map<string, number>()
  readonly #grants = new Map<string, HeldGrant>()
  #sweptMs = performance.now()

  constructor(services: ToldSessionsServices) {
    this.#services = services
  }

  get count(): number {
    return this.#byKey.size
  }

  take({ tunnels, grants, sessions }: SessionBatch): void {
    const { authority, clock, log } = this.#services
    const nowMs = clock.nowMs()
    this.#sweep(nowMs)
    for (const tunnel of tunnels) this.#tunnels.set(tunnel.pipe, tunnel)
    for (const grant of grants) {
      if (this.#grants.has(grant.id)) continue
      const numbers = authority.numbersOf(grant, nowMs)
      this.#grants.set(grant.id, { grant, scope: new GrantScope(grant), numbers })
    }
    for (const steps of sessions) {
      try {
        this.#take(steps)
      } catch (error) {
        // As where they are carried: a defect costs that session, and no other.
        log.error({ event: 'session.defect', err: error }, asFault(error).detail)
      }
    }
  }

  #take({ key, opening, unreached, reached, answered, ended }: SessionSteps): void {
    const { ledger } = this.#services
    const session = opening === undefined ? this.#byKey.get(key) : this.#open(key, opening)
    if (session === undefined) return
    if (unreached !== undefined) ledger.unreached(session, faultFromMessage(unreached.fault), unreached.tried)
    if (reached !== undefined) {
      Object.assign(session, reached)
      ledger.reached(session)
    }
    if (answered === true) ledger.answered(session)
    if (ended === undefined) return
    session.dnsUs = ended.dnsUs
    setFlags(session.stream, ended.flags)
    this.#end(key, session, ended.end, ended.endedMs)
  }

  #open(key: number, opening: NonNullable<SessionSteps['opening']>): ToldSession | undefined {
    const tunnel = this.#tunnels.get(opening.pipe)
    const held = this.#grants.get(opening.grant)
    if (tunnel === undefined || held === undefined) return undefined
    const session = new ToldSession(opening, { tunnel, held })
    this.#byKey.set(key, session)
    this.#services.ledger.granted(session)
    return session
  }

  #end(key: number, session: ToldSession, end: StreamEnd, endedMs: number): void {
    this.#byKey.delete(key)
    session.stream.bytesIn = end.bytesIn
    session.stream.bytesOut = end.bytesOut
    this.#services.ledger.ended(session, end, endedMs)
  }

  moved(figures: LoadMessage['moved']): void {
    for (let at = 0; at < figures.length; at += 4) {
      const session = this.#byKey.get(figures[at]!)
      if (session === undefined) continue
      const { stream } = session
      stream.bytesIn = figures[at + 1]!
      stream.bytesOut = figures[at + 2]!
      setFlags(stream, figures[at + 3]!)
    }
  }

  /** Its tunnel has closed, and every session in it. */
  closed(pipe: string): void {
    this.#closed.set(pipe, performance.now())
  }

  /** Their process has ended, or is about to be: what rests on these grants, or all. @returns how many. */
  lost(end: Pick<StreamEnd, 'reason' | 'detail'>, grants?: readonly string[]): number {
    let lost = 0
    const { clock } = this.#services
    for (const [key, session] of this.#byKey) {
      if (grants !== undefined && !grants.includes(session.held.grant.id)) continue
      const { bytesIn, bytesOut } = session.stream
      this.#end(key, session, { ...end, by: 'local', bytesIn, bytesOut }, clock.nowMs())
      lost++
    }
    if (grants !== undefined) return lost
    for (const told of [this.#tunnels, this.#closed, this.#grants]) told.clear()
    return lost
  }

  #sweep(nowMs: number): void {
    const untilMs = performance.now() - KEPT_MS
    if (this.#sweptMs > untilMs) return
    this.#sweptMs = performance.now()
    for (const [id, { grant }] of this.#grants) {
      if (grant.expiresMs < nowMs - KEPT_MS) this.#grants.delete(id)
    }
    for (const [pipe, closedMs] of this.#closed) {
      if (closedMs > untilMs) break
      this.#closed.delete(pipe)
      this.#tunnels.delete(pipe)
    }
  }
}

function setFlags(stream: ToldSession['stream'], flags: number): void {
  stream.peerSpokeLast = (flags & FLAGS.peerSpokeLast) !== 0
  stream.peerHeardFirst = (flags & FLAGS.peerHeardFirst) !== 0
  stream.peerEnded = (flags & FLAGS.peerEnded) !== 0
  stream.localEnded = (flags & FLAGS.localEnded) !== 0
}
