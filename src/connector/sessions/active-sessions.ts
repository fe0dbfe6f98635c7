import type net from 'node:net'
import { Deadlines } from '../../base/deadlines.ts'
import { KEEP_ALIVE } from '../../base/keep-alive.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import type { SessionWitness } from './connector-ledger.ts'
import type { ConnectorSession } from './connector-session.ts'
import { SessionIndex } from './session-index.ts'

const YOUNG_MS = 5000

/** Every session of the tunnels of this process, from OPEN to its end. A revocation cuts those of its grants. */
export class ActiveSessions {
  readonly #index = new SessionIndex<ConnectorSession>()
  readonly #witness: SessionWitness<ConnectorSession>
  /** Most sessions end before another host can vanish: the kernel is asked to look only where one goes on. */
  readonly #young: Deadlines<Pick<ConnectorSession, 'socket'>>
  #count = 0

  constructor(witness: SessionWitness<ConnectorSession>, youngMs = YOUNG_MS) {
    this.#witness = witness
    this.#young = new Deadlines(youngMs, ({ socket }) =>
      socket?.setKeepAlive(KEEP_ALIVE.keepAlive, KEEP_ALIVE.keepAliveInitialDelay),
    )
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

  /** It has a connection to its application. */
  joined(session: Pick<ConnectorSession, 'socket'>, socket: net.Socket): void {
    session.socket = socket
    this.#young.add(session)
  }

  sessionEnded(session: ConnectorSession, end: StreamEnd): void {
    this.#young.delete(session)
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
