/**
 * One session at the client: from the request of a local program to the record of how it ended.
 *
 * @module
 */
import type { Duplex } from 'node:stream'
import { FAULTS, type Fault } from '../base/faults.ts'
import type { StreamEnd, StreamEvents } from '../mux/options.ts'
import type { MuxStream } from '../mux/stream.ts'
import type { SessionReport, SessionTimes } from '../wire/control.ts'
import type { Opened } from '../wire/open.ts'
import type { Entry } from './decisions.ts'
import type { Destination } from './destination.ts'
import type { CachedGrant } from './grants.ts'
import type { Tunnel } from './tunnel.ts'

/** What the entry that asked for a session is told. */
export interface SessionEvents {
  /** OPEN has left; `attach` now sends early data. With a warm tunnel this comes before `open` returns. */
  ready?(session: Session): void
  /** The application is connected. */
  opened?(session: Session): void
  /** There is no session, for this reason; nothing else is told. A socket that was attached has been reset. */
  failed(fault: Fault, session: Session): void
  /** A session that was opened is over. */
  closed?(session: Session, end: StreamEnd): void
}

/** Who acts on what happens to a session. */
export interface SessionOwner {
  sessionOpened(session: Session): void
  sessionClosed(session: Session, end: StreamEnd): void
}

type Times = { -readonly [key in keyof SessionTimes]: SessionTimes[key] }

export interface SessionStart {
  readonly id: string
  readonly to: Destination
  readonly entry: Entry
  readonly events: SessionEvents
  readonly startedMs: number
  /** Monotonic: when the local program asked. */
  readonly startedUs: number
}

/** A plain record with a stream: thousands begin each second, so there is no promise, timer or closure in it. */
export class Session implements StreamEvents {
  readonly start: SessionStart
  readonly times: Times = {}
  grant: CachedGrant | undefined
  tunnel: Tunnel | undefined
  stream: MuxStream | undefined
  /** Address the connector connected to, once it has. */
  address: string | undefined
  attached = false
  attempts = 0
  /** Told to the entry as failed or closed, or given up by it. */
  over = false
  readonly #owner: SessionOwner

  constructor(owner: SessionOwner, start: SessionStart) {
    this.#owner = owner
    this.start = start
  }

  get id(): string {
    return this.start.id
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
  attach(socket: Duplex): void {
    this.attached = true
    this.stream!.attach(socket)
  }

  /** The local program went away before a socket was attached: nobody is told, and nothing waits any more. */
  abandon(): void {
    if (this.over || this.attached) return
    this.over = true
    this.stream?.reset('CLIENT_RESET', 'the local program went away')
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

  /** The record as of now. @param end Absent while the session is open. */
  report(state: 'open' | 'closed', end?: StreamEnd, endedMs?: number): SessionReport {
    const { to, startedMs } = this.start
    const granted = this.grant?.granted
    const facts = this.tunnel?.facts
    const reason = end?.reason
    return {
      session: this.id,
      side: 'client',
      state,
      pipe: facts?.pipe,
      connector: facts?.connector ?? granted?.connector,
      edge: facts?.edge,
      segment: granted?.segment,
      rule: granted?.rule,
      protocol: to.protocol,
      host: to.host,
      port: to.port,
      address: this.address === '' ? undefined : this.address,
      startedMs,
      endedMs,
      times: this.times,
      bytesUp: end?.bytesOut ?? this.bytesOut,
      bytesDown: end?.bytesIn ?? this.bytesIn,
      canary: this.start.entry === 'trace' ? true : undefined,
      closeReason: reason,
      closeHop:
        end === undefined
          ? undefined
          : end.reason !== 'done'
            ? FAULTS[end.reason].hop
            : end.by === 'local'
              ? 'client'
              : 'application',
      closeDetail: end === undefined || end.detail === '' ? undefined : end.detail.slice(0, 1024),
    }
  }
}
