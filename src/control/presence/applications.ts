/**
 * What connectors have said of applications: by sessions that dialled them, and by trying themselves. Kept in memory:
 * a connector that comes back tells everything again.
 *
 * @module
 */
import type { FaultCode } from '../../base/faults.ts'
import type { FaultMessage } from '../../wire/control.ts'

export interface SegmentApplication {
  readonly segment: string
  readonly host: string
  readonly port: number
  /** TCP, unless it says so. */
  readonly protocol?: 'tcp' | 'udp'
}

/** One connector of one application. */
export interface ApplicationReport extends SegmentApplication {
  readonly connector: string
  readonly ok: boolean
  readonly fault?: FaultMessage
  readonly atMs: number
  /** It tried by itself: no session asked. */
  readonly probe: boolean
  /** Sessions that have waited for their first byte for long. */
  readonly waits?: number
}

/** How long a connector that could not reach an application is passed over; it tells again more often than this. */
const UNREACHABLE_MS = 45_000
/** Nobody can try UDP: what was refused is known for so long, and then nothing is. */
const UDP_REFUSED_MS = 90_000
/** Of one connector: one that tells without end loses its own words, not those of others. */
const MAX_OF_CONNECTOR = 5000
/** So many applications, by host, are no accident. */
const SEVERAL = 2
const MAX_IN_VAIN = 8
/** Faults that the machine of a connector, or what is around it, has with one application after the other. */
const OF_THE_CONNECTOR: ReadonlySet<FaultCode> = new Set([
  ...(['APP_TIMEOUT', 'APP_UNREACHABLE', 'APP_RESOLVER_DOWN', 'LOOKUPS_BUSY'] as const),
  ...(['FD_EXHAUSTED', 'CONNECTOR_OVERLOADED'] as const),
])
const MAX_DETAIL_CHARS = 512
const MAX_LINES = 4
const MAX_LINE_CHARS = 256

export class Applications {
  /** By connector, then by host and port. */
  readonly #told = new Map<string, Map<string, ApplicationReport>>()
  /** By connector, then by host: what it did not reach since it last reached anything. */
  readonly #inVain = new Map<string, Map<string, { readonly code: FaultCode; readonly atMs: number }>>()

  tell(told: ApplicationReport): void {
    const { connector, fault } = told
    const own = this.#told.get(connector) ?? new Map<string, ApplicationReport>()
    this.#told.set(connector, own)
    const key = keyOf(told)
    own.delete(key) // Set anew it comes last: the first are the oldest.
    own.set(key, { ...told, fault: fault && brief(fault) })
    if (own.size > MAX_OF_CONNECTOR) own.delete(own.keys().next().value!)
    this.#count(told)
  }

  #count({ connector, host, ok, fault, atMs }: ApplicationReport): void {
    if (ok) this.#inVain.delete(connector)
    if (fault === undefined || !OF_THE_CONNECTOR.has(fault.code)) return
    const hosts = this.#inVain.get(connector) ?? new Map()
    this.#inVain.set(connector, hosts)
    hosts.delete(host)
    hosts.set(host, { code: fault.code, atMs })
    if (hosts.size > MAX_IN_VAIN) hosts.delete(hosts.keys().next().value!)
  }

  /**
   * Fault codes of what a connector was asked for last, where it reached none of several applications: a name that nobody
   * has asked for yet will most likely fare no better with it.
   */
  ailing(connector: string, nowMs: number): string | undefined {
    const recent = [...(this.#inVain.get(connector)?.values() ?? [])].filter(
      ({ atMs }) => atMs + UNREACHABLE_MS > nowMs,
    )
    const isClear = recent.length >= SEVERAL || recent.some(({ code }) => code === 'APP_RESOLVER_DOWN')
    return isClear ? [...new Set(recent.map(({ code }) => code))].join(', ') : undefined
  }

  /** Why a connector is passed over for an application now. */
  unreachable(
    connector: string,
    to: Omit<SegmentApplication, 'segment'>,
    nowMs: number,
  ): { code: string } | undefined {
    const told = this.#told.get(connector)?.get(keyOf(to))
    if (told === undefined || told.atMs + UNREACHABLE_MS <= nowMs) return undefined
    const { ok, fault } = told
    if (ok && fault?.code !== 'APP_SILENT') return undefined
    return { code: fault?.code ?? 'APP_UNREACHABLE' }
  }

  /** The last word of a connector on the applications of a segment. */
  of(segment: string, connector: string, nowMs: number): ApplicationReport[] {
    return [...(this.#told.get(connector)?.values() ?? [])].filter(
      (told) => told.segment === segment && isCurrent(told, nowMs),
    )
  }

  /** All that a connector has told, of whichever segment. */
  toldBy(connector: string, nowMs: number): ApplicationReport[] {
    return [...(this.#told.get(connector)?.values() ?? [])].filter((told) => isCurrent(told, nowMs))
  }

  /** Its last word on one of them. */
  about(
    connector: string,
    to: Omit<SegmentApplication, 'segment'>,
    nowMs: number,
  ): ApplicationReport | undefined {
    const told = this.#told.get(connector)?.get(keyOf(to))
    return told !== undefined && isCurrent(told, nowMs) ? told : undefined
  }

  /** What a connector last said that it does not reach, or not as it should. */
  failingOf(connector: string): ApplicationReport[] {
    return [...(this.#told.get(connector)?.values() ?? [])].filter(({ fault }) => fault !== undefined)
  }

  /** What it said is of no more use: it is gone. */
  forget(connector: string): void {
    this.#told.delete(connector)
    this.#inVain.delete(connector)
  }
}

/** What is kept of a fault is short, however much evidence came with it. */
function brief({ code, hop, detail, seen = {} }: FaultMessage): FaultMessage {
  const words = [lines('saw', seen.saw), lines('fix', seen.fix)].filter((one) => one !== undefined)
  const kept = words.length === 0 ? {} : { seen: Object.fromEntries(words) }
  return { code, hop, detail: detail.slice(0, MAX_DETAIL_CHARS), ...kept }
}

function lines(name: string, value: unknown): readonly [string, string[]] | undefined {
  if (!Array.isArray(value)) return undefined
  return [name, value.slice(0, MAX_LINES).map((line) => String(line).slice(0, MAX_LINE_CHARS))]
}

function isCurrent({ protocol, ok, atMs }: ApplicationReport, nowMs: number): boolean {
  return protocol !== 'udp' || ok || atMs + UDP_REFUSED_MS > nowMs
}

function keyOf({ host, port, protocol = 'tcp' }: Omit<SegmentApplication, 'segment'>): string {
  return `${host} ${port} ${protocol}`
}
