import type net from 'node:net'
import type { Clock } from '../../base/clock.ts'
import type { Pool } from '../../base/shares.ts'
import type { MuxStream } from '../../mux/stream.ts'
import type { StreamEnd, StreamEvents } from '../../mux/stream-end.ts'
import type { SessionReport } from '../../wire/control.ts'
import type { Open } from '../../wire/open.ts'
import { holdEarly } from './connector-udp-flows.ts'
import { type ConnectorTunnelFacts, sessionRecord } from './session-record.ts'
import type { HeldGrant } from './tunnel-grants.ts'

const NONE: Buffer[] = []

/** One user connection as this connector sees it, from OPEN to its record. */
export class ConnectorSession implements Pick<StreamEvents, 'closed'> {
  readonly stream: MuxStream
  readonly open: Open
  /** On record; the client's word until the grant is known. */
  id: string
  readonly tunnel: ConnectorTunnelFacts
  readonly startedMs: number
  readonly #clock: Clock
  readonly #startedUs: number
  /** Set once the grant is known to be good, for this destination and this id. */
  held: HeldGrant | undefined
  dnsUs: number | undefined
  connectUs: number | undefined
  address: string | undefined
  /** TCP: towards the application. */
  socket: net.Socket | undefined
  /** Gives up resolving or dialling; set while that goes on. */
  cancel: (() => void) | undefined
  over = false
  /** Told of its end. */
  keeper: { sessionEnded(session: ConnectorSession, end: StreamEnd): void } | undefined
  /** Of what is shared, what this session has one of. */
  readonly #holds: Pool[] = []
  /** UDP: datagrams that came before the flow ran. */
  readonly early: Buffer[]

  constructor(stream: MuxStream, open: Open, tunnel: ConnectorTunnelFacts, clock: Clock) {
    this.stream = stream
    this.open = open
    this.id = open.session
    this.tunnel = tunnel
    this.startedMs = clock.nowMs()
    this.#clock = clock
    this.#startedUs = clock.monotonicUs()
    this.early = open.protocol === 'udp' ? holdEarly(stream) : NONE
  }

  /** Of its socket, while that is open. */
  get nearPort(): number | undefined {
    return this.socket?.localPort
  }

  /** Of one whose grant is known. */
  get user(): string {
    return this.held!.grant.user
  }

  /** Takes one of `pool`, until `letGo` or the end. @throws {Fault} the device or its user has its share. */
  hold(pool: Pool): void {
    pool.take(this.tunnel.device, this.held!.grant.user)
    this.#holds.push(pool)
  }

  letGo(pool: Pool): void {
    const at = this.#holds.indexOf(pool)
    if (at === -1) return
    this.#holds.splice(at, 1)
    pool.give(this.tunnel.device, this.held!.grant.user)
  }

  /** Of its stream. Whatever ended it goes to its own end first: it may have more to say of the session. */
  closed(end: StreamEnd): void {
    queueMicrotask(() => this.stream.guard(() => this.keeper?.sessionEnded(this, end)))
  }

  letGoOfAll(): void {
    for (const pool of this.#holds.splice(0)) pool.give(this.tunnel.device, this.held!.grant.user)
  }

  /** Of one whose grant is known. */
  report(_state: 'open'): SessionReport {
    return sessionRecord(this)
  }

  /** As if nobody had set the clock since it began: how long it lasted is what the control plane goes by. */
  nowMs(): number {
    return this.startedMs + Math.round((this.#clock.monotonicUs() - this.#startedUs) / 1000)
  }
}
