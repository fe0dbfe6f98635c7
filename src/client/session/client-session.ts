/**
 * One session at the client: from the request of a local program to the record of how it ended.
 *
 * @module
 */
import type { Duplex } from 'node:stream'
import { Fault } from '../../base/faults.ts'
import { closingHop } from '../../mux/closing-hop.ts'
import type { MuxStream } from '../../mux/stream.ts'
import type { StreamEnd, StreamEvents } from '../../mux/stream-end.ts'
import type { SessionReport, SessionTimes } from '../../wire/control.ts'
import { MAX_DETAIL_BYTES } from '../../wire/limits.ts'
import type { Opened } from '../../wire/open.ts'
import type { Destination } from '../address/destination.ts'
import type { ClientTunnel } from './client-tunnel.ts'
import type { EntryKind } from './decisions.ts'
import type { CachedGrant } from './grant-cache.ts'

/** What the entry that asked for a session is told. */
export interface SessionEvents {
  /** OPEN has left; `attach` now sends early data. With a warm tunnel this comes before `open` returns. */
  ready?(session: ClientSession): void
  /** The application is connected. */
  opened?(session: ClientSession): void
  /** It is open, and whoever asked has waited for the first byte for long. */
  waits?(fault: Fault, session: ClientSession): void
  /** There is no session, for this reason; nothing else is told. A socket that was attached has been reset. */
  failed(fault: Fault, session: ClientSession): void
  /** A session that was opened is over. */
  closed?(session: ClientSession, end: StreamEnd): void
}

/** Who acts on what happens to a session. */
export interface SessionOwner {
  sessionOpened(session: ClientSession): void
  sessionClosed(session: ClientSession, end: StreamEnd): void
}

type Times = { -readonly [key in keyof SessionTimes]: SessionTimes[key] }

/** @returns undefined for an end in good order. */
export function faultOf(end: StreamEnd): Fault | undefined {
  if (end.reason === 'done') return undefined
  return new Fault(end.reason, end.detail, { hop: closingHop(end, 'client') })
}

export interface SessionStart {
  readonly to: Destination
  readonly entry: EntryKind
  /** The internet rule that names it, too. */
  readonly alsoInternet?: string
  readonly events: SessionEvents
  readonly startedMs: number
  /** Monotonic: the same moment. */
  readonly openedUs: number
  /** Monotonic: when the local program asked. */
  readonly startedUs: number
}

/** A plain record with a stream: thousands begin each second, so there is no promise, timer or closure in it. */
export class ClientSession implements StreamEvents {
  readonly start: SessionStart
  readonly times: Times = {}
  /** That of the stream: each try with a grant has its own, and there is none before. */
  id: string | undefined
  grant: CachedGrant | undefined
  /** The control plane was asked for this session, or for one that waited for the same answer. */
  isOfFreshGrant = false
  tunnel: ClientTunnel | undefined
  stream: MuxStream | undefined
  /** Address the connector connected to, once it has. */
  address: string | undefined
  attached = false
  attempts = 0
  /** Reports of tries that failed, which nobody has been told of yet. */
  failedTries: SessionReport[] | undefined
  /** Told to the entry as failed or closed, or given up by it. */
  over = false
  readonly #owner: SessionOwner

  constructor(owner: SessionOwner, start: SessionStart) {
    this.#owner = owner
    this.start = start
  }

  /** To this device they are all of one user. */
  get user(): string {
    return ''
  }

  get isOpen(): boolean {
    return this.address !== undefined
  }

  get bytesIn(): number {
    return this.stream?.bytesIn ?? 0
  }

  get bytesOut(): number {
    return this.stream?.bytesOut ?? 0
  }

  /** Joins the local program to the application; the stream owns the socket from here. After `ready`. */
  attach(socket: Duplex, inOrder?: () => boolean): void {
    this.attached = true
    this.stream!.attach(socket, inOrder)
  }

  /** The local program went away before a socket was attached: nobody is told, and nothing waits any more. */
  abandon(): void {
    if (this.over || this.attached) return
    this.over = true
    this.stream?.reset('CLIENT_RESET', 'the local program disconnected')
  }

  opened(opened: Opened): void {
    this.address = opened.address
    this.times.dnsUs = opened.dnsUs
    this.times.connectUs = opened.connectUs
    this.#owner.sessionOpened(this)
  }

  closed(end: StreamEnd): void {
    this.#owner.sessionClosed(this, end)
  }

  /** The record as of now, of a session with a grant. @param end Absent while the session is open; so is `nowUs`, monotonic. */
  report(state: 'open' | 'closed', end?: StreamEnd, nowUs?: number): SessionReport {
    const { to, startedMs, openedUs } = this.start
    const facts = this.tunnel?.facts
    const reason = end?.reason
    return {
      session: this.id!,
      grant: this.grant!.granted.grantId,
      side: 'client',
      state,
      pipe: facts?.pipe,
      edge: facts?.edge,
      protocol: to.protocol,
      port: to.port,
      address: this.address === '' ? undefined : this.address,
      startedMs,
      // The clock of a device may be set meanwhile.
      endedMs: nowUs && startedMs + Math.round((nowUs - openedUs) / 1000),
      times: this.times,
      bytesUp: end?.bytesOut ?? this.bytesOut,
      bytesDown: end?.bytesIn ?? this.bytesIn,
      closeReason: reason,
      closeHop: end && closingHop(end, 'client'),
      closeDetail: end === undefined || end.detail === '' ? undefined : end.detail.slice(0, MAX_DETAIL_BYTES),
    }
  }
}
