/**
 * The one way to an application, whatever entry asks: canonical destination → grant → tunnel → OPEN → attach.
 *
 * With a live grant and a live tunnel all of it happens within `open`, synchronously, at the price of one frame.
 * Else the control plane is asked, or a tunnel is waited for, and the same last steps follow. What can be tried
 * again without the local program noticing is tried once more.
 *
 * @module
 */
import { asFault, Fault } from '../../base/faults.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { Destination } from '../address/destination.ts'
import { applicationNotes } from './application-notes.ts'
import type { Bypass } from './bypass.ts'
import { ClientSession, type SessionEvents, type SessionOwner } from './client-session.ts'
import type { ClientSessionTotals } from './client-session-totals.ts'
import type { ClientTunnel } from './client-tunnel.ts'
import type { EntryKind } from './decisions.ts'
import type { CachedGrant, GrantCache, LatestSession } from './grant-cache.ts'
import type { LaneChooser, PrivateLane } from './lane-chooser.ts'
import type { Looks } from './looks.ts'
import type { Permits } from './permits.ts'
import { ANOTHER_WAY, ASK_ANEW, GRANT_IS_SPENT } from './retry-rules.ts'
import { SessionLedger, type SessionLedgerDeps } from './session-ledger.ts'
import type { SilentApps } from './silent-app.ts'
import type { TunnelPools } from './tunnel-pools.ts'

export interface OpenerDeps extends SessionLedgerDeps {
  readonly grants: GrantCache
  readonly permits: Permits
  readonly tunnels: TunnelPools
  readonly lanes: LaneChooser
  readonly bypass: Bypass
  readonly silence: Pick<SilentApps, 'opened' | 'ended' | 'soFar'>
  readonly looks: Pick<Looks, 'notes'>
}

const MAX_ATTEMPTS = 2
const UNANSWERED_US = 4_000_000

export class Opener implements SessionOwner {
  readonly live = new Set<ClientSession>()
  readonly lanes: LaneChooser
  /** The other lane: destinations that need no tunnel. */
  readonly bypass: Bypass
  readonly #deps: OpenerDeps
  readonly #ledger: SessionLedger
  #stopped = false

  constructor(deps: OpenerDeps) {
    this.#deps = deps
    this.lanes = deps.lanes
    this.bypass = deps.bypass
    this.#ledger = new SessionLedger(deps)
  }

  /**
   * Opens a session. Never throws for what happens on the way: `events.failed` is told.
   *
   * @param startedUs Monotonic time at which the local program asked, for what the user waited.
   */
  open(lane: PrivateLane, events: SessionEvents, startedUs: number): ClientSession {
    const { to, entry, alsoInternet } = lane
    const began = { startedMs: this.#deps.clock.nowMs(), openedUs: this.nowUs() }
    const session = new ClientSession(this, { to, entry, alsoInternet, events, ...began, startedUs })
    this.totals.total++
    const grant = this.#grantFor(to)
    const tunnel = grant && this.#deps.tunnels.pick(grant.granted.connector)
    if (
      grant === undefined ||
      tunnel === undefined ||
      this.#stopped ||
      !this.#begin(session, grant, tunnel)
    ) {
      this.#ask(session)
    }
    return session
  }

  get totals(): ClientSessionTotals {
    return this.#ledger.totals
  }

  /** Monotonic now, for `startedUs`. */
  nowUs(): number {
    return this.#deps.clock.monotonicUs()
  }

  /** What is known of the application of this session, where a connection alone does not show it. */
  notesOf({ grant, start }: ClientSession): Fault[] {
    const { silence, looks, clock } = this.#deps
    const { host, port } = start.to
    const seen = looks.notes.filter((note) => note.seen.host === host && note.seen.port === port)
    const grants = grant === undefined ? [] : [grant]
    const told = applicationNotes({ grants, looks: { notes: seen }, clock })
    return told.length > 0 ? told : [silence.soFar(start.to) ?? []].flat()
  }

  /** The next session asks the control plane, and hears what it knows now. */
  askAnew(to: Destination): void {
    const grant = this.#deps.grants.find(to.key)
    if (grant !== undefined) this.#deps.grants.drop(grant)
  }

  /** The command by which an admin sees more of what was refused here. */
  adminCommand(fault: Fault, to: Destination): string | undefined {
    return this.#deps.decisions.adminCommand(fault, to)
  }

  /** Notes a request that never became a session. @param asked What came, as far as it could be read. */
  refuse(entry: EntryKind, asked: string, fault: Fault): void {
    this.#deps.decisions.refused(entry, asked.slice(0, 300), fault)
  }

  /** Notes a program of a user who may not go through here. One line for each user, whatever they ask for. */
  refuseUser(entry: EntryKind, refusal: Fault): void {
    this.#deps.decisions.refused(entry, String(refusal.seen.user), refusal)
  }

  /** Cuts every session that a grant of `ids` carries. */
  cut(ids: ReadonlySet<string>, detail: string): void {
    for (const session of this.live) {
      if (ids.has(session.grant!.granted.grantId)) session.stream?.reset('GRANT_REVOKED', detail)
    }
  }

  /** Cuts every session and begins no other. */
  stop(): void {
    this.#stopped = true
    for (const session of this.live) session.stream?.reset('CLIENT_STOPPED', 'the client is stopping')
  }

  sessionOpened(session: ClientSession): void {
    this.#ledger.opened(session)
    const { to, entry } = session.start
    if (to.protocol === 'tcp' && entry !== 'trace') this.#deps.silence.opened(to, session, session.stream!)
    if (!session.over) session.start.events.opened?.(session)
  }

  sessionClosed(session: ClientSession, end: StreamEnd): void {
    session.tunnel!.leave(session)
    this.live.delete(session)
    this.#deps.silence.ended(session, end)
    if (session.grant!.latest === session) session.grant!.latest = undefined
    if (GRANT_IS_SPENT.has(end.reason)) this.#deps.grants.drop(session.grant!)
    if (session.isOpen || end.reason === 'done') this.#ended(session, end)
    else this.#refused(session, new Fault(end.reason, end.detail), end)
  }

  /** From here on it is a session of this grant. @param id That of the answer to it; else one more of the grant. */
  #under(session: ClientSession, grant: CachedGrant, id?: string): string {
    if (session.grant === grant) return session.id!
    session.grant = grant
    session.id = id ?? this.#deps.grants.nextSession(grant)
    return session.id
  }

  /** The last steps. @returns false if the tunnel accepts no session after all. */
  #begin(session: ClientSession, grant: CachedGrant, tunnel: ClientTunnel): boolean {
    const { to } = session.start
    try {
      const id = this.#under(session, grant)
      tunnel.show(grant)
      session.stream = tunnel.mux.open(
        {
          ...{ session: id, grant: grant.reference, protocol: to.protocol },
          ...{ host: to.host, absolute: to.absolute, port: to.port },
        },
        session,
      )
    } catch (error) {
      // A tunnel that is about to go, or is full: another one will do.
      this.#deps.log.debug(
        { event: 'session.moved', session: session.id, err: error },
        'tunnel accepts no session',
      )
      if (asFault(error).code === 'CONNECTOR_DRAINING') tunnel.retired = true
      return false
    }
    session.attempts++
    grant.used = true
    grant.latest = session
    session.tunnel = tunnel
    tunnel.enter(session)
    this.live.add(session)
    session.stream.guard(() => session.start.events.ready?.(session))
    return true
  }

  #ask(session: ClientSession): void {
    this.#way(session)
      .then(
        ({ grant, tunnel }) => {
          if (session.over) this.#ledger.tellTries(session)
          else if (!this.#begin(session, grant, tunnel))
            this.#refused(session, new Fault('TUNNEL_LOST', 'the tunnel accepts no session'))
        },
        (error: unknown) => this.#refused(session, asFault(error)),
      )
      .catch((error: unknown) => {
        this.#deps.log.error(
          { event: 'session.defect', session: session.id, err: error },
          'cancelling a session',
        )
        session.over = true
        session.stream?.reset('INTERNAL', asFault(error).detail)
      })
  }

  /** Asks for the parts that are missing, and notes what each took. */
  async #way(session: ClientSession): Promise<{ grant: CachedGrant; tunnel: ClientTunnel }> {
    if (this.#stopped) throw new Fault('CLIENT_STOPPED', 'the client is stopping')
    const { grants, permits, tunnels } = this.#deps
    const { to } = session.start
    const held = grants.find(to.key)
    const open = held && tunnels.pick(held.granted.connector)
    if (held !== undefined && open !== undefined && session.attempts === 0)
      return { grant: held, tunnel: open }
    const { grant, fresh } = await permits.ask(to)
    const { connector, pipe, policyUs, selectionUs } = grant.granted
    const id = this.#under(session, grant, fresh ? grant.granted.session : undefined)
    session.isOfFreshGrant = true
    if (fresh) {
      Object.assign(session.times, { policyUs, selectionUs })
      const because = `segment ${grant.granted.segmentName} through ${grant.granted.connectorName ?? connector}: ${grant.granted.because}${twoLanes(session)}`
      this.#deps.decisions.sent(session.start.entry, to, because)
    }
    const brought = fresh && pipe !== undefined ? tunnels.take(connector, pipe) : undefined
    const warm = tunnels.pick(connector)
    if (warm !== undefined) {
      brought?.catch(() => {}) // one more tunnel, or not: the pool has logged it
      return { grant, tunnel: warm }
    }
    const tunnel = await (brought ?? tunnels.ready(connector, id))
    const { ticketUs, handoverUs, innerTlsUs } = tunnel.facts
    Object.assign(session.times, { ticketUs, handoverUs, innerTlsUs })
    return { grant, tunnel }
  }

  #refused(session: ClientSession, fault: Fault, end?: StreamEnd): void {
    if (session.over && end === undefined) {
      this.#ledger.tellTries(session)
      return
    }
    const mayHelp = ANOTHER_WAY.has(fault.code) || (ASK_ANEW.has(fault.code) && !session.isOfFreshGrant)
    const again = mayHelp && !session.attached && session.attempts < MAX_ATTEMPTS
    if (again && !session.over) {
      session.attempts++
      if (session.grant !== undefined) {
        this.#ledger.keepTry(session, fault, end)
        this.#deps.grants.drop(session.grant)
      }
      session.stream = undefined
      // What comes of this try is another session: an id is of one stream.
      session.grant = undefined
      session.tunnel = undefined
      session.id = undefined
      this.#ask(session)
      return
    }
    const abandoned = session.over
    session.over = true
    this.#ledger.refused(session, fault, { end, abandoned })
    if (!abandoned) session.start.events.failed(fault, session)
  }

  /** The one that is held, unless its latest session waits in vain: which connector is answered, control knows. */
  #grantFor(to: Destination): CachedGrant | undefined {
    const grant = this.#deps.grants.find(to.key)
    if (grant?.latest === undefined || !this.#isUnanswered(grant.latest)) return grant
    this.#deps.grants.drop(grant)
    return undefined
  }

  /** It asked, and nothing has come for as long as people wait. */
  #isUnanswered({ start, bytesIn, bytesOut }: LatestSession): boolean {
    const { to, startedUs } = start
    if (to.protocol === 'udp' || bytesOut === 0 || bytesIn > 0) return false
    return this.nowUs() - startedUs >= UNANSWERED_US
  }

  #ended(session: ClientSession, end: StreamEnd): void {
    if (this.#isUnanswered(session)) this.#deps.grants.drop(session.grant!)
    this.#ledger.ended(session, end)
    if (session.over) return
    session.over = true
    session.start.events.closed?.(session, end)
  }
}

/** Said where it matters: the destination is named by an internet rule, too, and was kept private. */
function twoLanes({ start: { alsoInternet } }: ClientSession): string {
  return alsoInternet === undefined ? '' : `; NAME_IN_TWO_LANES: internet rule ${alsoInternet} also claims it`
}
