import type { StreamEnd } from '../../mux/stream-end.ts'
import type { SessionWitness } from './connector-ledger.ts'
import type { ConnectorSession } from './connector-session.ts'
import { SessionIndex } from './session-index.ts'

/** Every session of the tunnels of this process, from OPEN to its end. A revocation cuts those of its grants. */
export class ActiveSessions {
  readonly #index = new SessionIndex<ConnectorSession>()
  readonly #witness: SessionWitness<ConnectorSession>
  #count = 0

  constructor(witness: SessionWitness<ConnectorSession>) {
    this.#witness = witness
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
    this.#index.remove(session)
    this.#witness.ended(session, end, session.nowMs())
    session.cancel?.()
  }

  /** Its grant is good: from here on it is on record. */
  granted(session: ConnectorSession): void {
    this.#witness.granted(session)
    this.#index.add(session)
  }

  /** Resets the live sessions of these grants. @returns how many. */
  cut(grants: readonly string[], detail: string): number {
    let cut = 0
    for (const session of this.#index.of(grants)) {
      session.stream.reset('GRANT_REVOKED', detail)
      cut++
    }
    return cut
  }
}
