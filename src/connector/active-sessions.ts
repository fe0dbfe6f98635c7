import type { Clock } from '../base/clock.ts'
import type { SessionReports } from '../link/session-reports.ts'
import type { Session } from './session.ts'

/** Every session of every tunnel of this connector, findable by its grant, so that a revocation cuts it. */
export class ActiveSessions {
  readonly #clock: Clock
  readonly #reports: SessionReports
  readonly #byGrant = new Map<string, Set<Session>>()
  #count = 0

  constructor(clock: Clock, reports: SessionReports) {
    this.#clock = clock
    this.#reports = reports
  }

  get count(): number {
    return this.#count
  }

  /** From here on the session is counted, and its end reported whatever ends it. */
  add(session: Session): void {
    this.#count++
    this.#reports.opened(session)
    session.stream.ended.then((end) => {
      session.over = true
      session.cancel?.()
      this.#count--
      this.#forget(session)
      this.#reports.closed(session, session.report('closed', end, this.#clock.nowMs()))
    })
  }

  granted(session: Session): void {
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

  #forget(session: Session): void {
    const id = session.held?.grant.id
    const sessions = id === undefined ? undefined : this.#byGrant.get(id)
    if (id === undefined || sessions === undefined) return
    sessions.delete(session)
    if (sessions.size === 0) this.#byGrant.delete(id)
  }
}
