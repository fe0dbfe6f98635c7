import type { SessionReports } from '../../agent/sessions/session-reports.ts'
import type { SilenceWatch } from '../../agent/sessions/silence-watch.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { CarriedGrant } from '../../wire/control.ts'
import type { Application } from '../health/application-reach.ts'
import type { ConnectorSession } from './connector-session.ts'
import { ConnectorSessionTotals } from './connector-session-totals.ts'

/** Every session of every tunnel of this connector, findable by its grant, so that a revocation cuts it. */
export class ActiveSessions {
  /** Of those that ended. */
  readonly totals = new ConnectorSessionTotals()
  readonly #reports: SessionReports
  readonly #silence: Pick<SilenceWatch<Application>, 'ended'>
  readonly #byGrant = new Map<string, Set<ConnectorSession>>()
  #count = 0

  constructor(reports: SessionReports, silence: Pick<SilenceWatch<Application>, 'ended'>) {
    this.#reports = reports
    this.#silence = silence
  }

  get count(): number {
    return this.#count
  }

  /** From here on the session is counted, whatever ends it. */
  add(session: ConnectorSession): void {
    this.#count++
    session.keeper = this
    session.stream.keeper = session
  }

  sessionEnded(session: ConnectorSession, end: StreamEnd): void {
    session.over = true
    session.letGoOfAll()
    this.#count--
    this.#forget(session)
    this.totals.ended(session, end)
    const unanswered = this.#silence.ended(session, end)
    if (isOnRecord(session)) this.#reports.closed(session, session.report('closed', end, unanswered))
    session.cancel?.()
  }

  /** Its grant is good: from here on it is on record. */
  granted(session: ConnectorSession): void {
    if (isOnRecord(session)) this.#reports.opened(session)
    const id = session.held!.grant.id
    const sessions = this.#byGrant.get(id)
    if (sessions === undefined) this.#byGrant.set(id, new Set([session]))
    else sessions.add(session)
  }

  /** Resets the live sessions of these grants. @returns how many. */
  cut(grants: readonly string[], detail: string): number {
    let cut = 0
    for (const id of grants) {
      for (const session of this.#byGrant.get(id) ?? []) {
        session.stream.reset('GRANT_REVOKED', detail)
        cut++
      }
    }
    return cut
  }

  /** Sessions open now by segment, most first. */
  bySegment(): { segment: string; segmentName: string; sessions: number }[] {
    const found = new Map<string, { segment: string; segmentName: string; sessions: number }>()
    for (const sessions of this.#byGrant.values()) {
      for (const { held } of sessions) {
        const { segment, segmentName } = held!.grant
        const entry = found.get(segment) ?? { segment, segmentName, sessions: 0 }
        found.set(segment, entry)
        entry.sessions += sessions.size
        break
      }
    }
    return [...found.values()].sort((a, b) => b.sessions - a.sessions)
  }

  /** What still rests on grants that have ended by `nowMs`: an entry for each grant, protocol and port. */
  ended(nowMs: number): CarriedGrant[] {
    const entries = new Map<string, CarriedGrant>()
    for (const sessions of this.#byGrant.values()) {
      for (const { held, open } of sessions) {
        const { id, user, device, segment, rule, expiresMs } = held!.grant
        if (expiresMs > nowMs) break
        const { protocol, host, port } = open
        const key = `${id} ${protocol} ${port}`
        entries.set(key, { grant: id, user, device, segment, rule, protocol, host, port })
      }
    }
    return [...entries.values()]
  }

  #forget(session: ConnectorSession): void {
    const id = session.held?.grant.id
    const sessions = id === undefined ? undefined : this.#byGrant.get(id)
    if (id === undefined || sessions === undefined) return
    sessions.delete(session)
    if (sessions.size === 0) this.#byGrant.delete(id)
  }
}

/** Of a stream without a grant nobody knows whose it is; the echo of a trace leads nowhere. */
function isOnRecord({ held }: ConnectorSession): boolean {
  return held !== undefined && held.grant.echo !== true
}
