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
const MAX_TOLD = 50_000

export class Applications {
  readonly #told = new Map<string, Told>()

  tell(told: Told): void {
    const key = keyOf(told.connector, told)
    this.#told.delete(key) // Set anew it comes last: the first are the oldest.
    this.#told.set(key, told)
    if (this.#told.size > MAX_TOLD) this.#told.delete(this.#told.keys().next().value!)
  }

  /** Why a connector is passed over for an application now. */
  unreachable(
    connector: string,
    to: Pick<Application, 'host' | 'port'>,
    nowMs: number,
  ): { code: string } | undefined {
    const told = this.#told.get(keyOf(connector, to))
    if (told === undefined || told.ok || told.atMs + UNREACHABLE_MS <= nowMs) return undefined
    return { code: told.fault?.code ?? 'APP_UNREACHABLE' }
  }

  /** The last word of a connector on the applications of a segment. */
  of(segment: string, connector: string): Told[] {
    return [...this.#told.values()].filter((told) => told.segment === segment && told.connector === connector)
  }

  /** What it said is of no more use: it is gone. */
  forget(connector: string): void {
    for (const [key, told] of this.#told) if (told.connector === connector) this.#told.delete(key)
  }
}

function keyOf(connector: string, { host, port }: Pick<Application, 'host' | 'port'>): string {
  return `${connector} ${host} ${port}`
}
