/**
 * What connectors have said of applications: by sessions that dialled them, and by trying themselves. Kept in memory:
 * a connector that comes back tells everything again.
 *
 * @module
 */
import type { FaultMessage } from '../../wire/control.ts'

export interface Application {
  readonly segment: string
  readonly host: string
  readonly port: number
}

/** One connector of one application. */
export interface Told extends Application {
  readonly connector: string
  readonly ok: boolean
  readonly fault?: FaultMessage
  readonly atMs: number
  /** It tried by itself: no session asked. */
  readonly probe: boolean
}

/** How long a connector that could not reach an application is passed over; it tells again more often than this. */
const UNREACHABLE_MS = 45_000
/** Of one connector: one that tells without end loses its own words, not those of others. */
const MAX_OF_CONNECTOR = 5000
const MAX_DETAIL_CHARS = 512

export class Applications {
  /** By connector, then by host and port. */
  readonly #told = new Map<string, Map<string, Told>>()

  tell(told: Told): void {
    const { connector, fault } = told
    const own = this.#told.get(connector) ?? new Map<string, Told>()
    this.#told.set(connector, own)
    const key = keyOf(told)
    own.delete(key) // Set anew it comes last: the first are the oldest.
    own.set(key, { ...told, fault: fault && brief(fault) })
    if (own.size > MAX_OF_CONNECTOR) own.delete(own.keys().next().value!)
  }

  /** Why a connector is passed over for an application now. */
  unreachable(
    connector: string,
    to: Pick<Application, 'host' | 'port'>,
    nowMs: number,
  ): { code: string } | undefined {
    const told = this.#told.get(connector)?.get(keyOf(to))
    if (told === undefined || told.ok || told.atMs + UNREACHABLE_MS <= nowMs) return undefined
    return { code: told.fault?.code ?? 'APP_UNREACHABLE' }
  }

  /** The last word of a connector on the applications of a segment. */
  of(segment: string, connector: string): Told[] {
    return [...(this.#told.get(connector)?.values() ?? [])].filter((told) => told.segment === segment)
  }

  /** What it said is of no more use: it is gone. */
  forget(connector: string): void {
    this.#told.delete(connector)
  }
}

/** What is kept of a fault is short, however much evidence came with it. */
function brief({ code, hop, detail }: FaultMessage): FaultMessage {
  return { code, hop, detail: detail.slice(0, MAX_DETAIL_CHARS) }
}

function keyOf({ host, port }: Pick<Application, 'host' | 'port'>): string {
  return `${host} ${port}`
}
