/**
 * Every failure a person can be shown, and the hop that owns it.
 *
 * Codes are stable: they travel in RESET frames, REST bodies, logs and metric labels, and are the
 * headings of docs/faults.md (test/faults-page.test.ts keeps both equal). Add codes; never rename or reuse one.
 *
 * @module
 */

import { API_FAULTS } from './fault-table/api.ts'
import { APPLICATION_FAULTS } from './fault-table/application.ts'
import { CLIENT_FAULTS } from './fault-table/client.ts'
import { CONFIGURATION_FAULTS } from './fault-table/configuration.ts'
import { CONNECTOR_FAULTS } from './fault-table/connector.ts'
import { CONTROL_FAULTS } from './fault-table/control.ts'
import { DNS_FAULTS } from './fault-table/dns.ts'
import { EDGE_FAULTS } from './fault-table/edge.ts'
import type { FaultRow, Hop } from './fault-table/row.ts'

export { HOPS, type Hop } from './fault-table/row.ts'

export const FAULTS = {
  ...CLIENT_FAULTS,
  ...EDGE_FAULTS,
  ...CONTROL_FAULTS,
  ...API_FAULTS,
  ...CONFIGURATION_FAULTS,
  ...CONNECTOR_FAULTS,
  ...DNS_FAULTS,
  ...APPLICATION_FAULTS,
} as const

export type FaultCode = keyof typeof FAULTS

/** What the table says of a code. */
export function faultRow(code: FaultCode): FaultRow {
  return FAULTS[code]
}

export function isFaultCode(text: string): text is FaultCode {
  return Object.hasOwn(FAULTS, text)
}

export interface FaultOptions extends ErrorOptions {
  /** Overrides the owner where the code can happen at several hops (PROTOCOL_ERROR, INTERNAL, INVALID…). */
  readonly hop?: Hop
  /** What was seen, verbatim, by name: errno, issuer, position. Never a secret. */
  readonly seen?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

/** A failure that names its hop. Match on `code`, never on the message. `detail` says what happened here. */
export class Fault extends Error {
  readonly code: FaultCode
  readonly hop: Hop
  readonly detail: string
  readonly seen: NonNullable<FaultOptions['seen']>

  constructor(code: FaultCode, detail: string, options: FaultOptions = {}) {
    super(`${code}: ${FAULTS[code].title}: ${detail}`, options)
    this.name = 'Fault'
    this.code = code
    this.hop = options.hop ?? FAULTS[code].hop
    this.detail = detail
    this.seen = options.seen ?? {}
  }

  get retry(): boolean {
    return FAULTS[this.code].retry
  }
}

/** Anything thrown, as a Fault: a Fault stays itself, everything else becomes `code` with the cause kept. */
export function asFault(thrown: unknown, code: FaultCode = 'INTERNAL', hop?: Hop): Fault {
  if (thrown instanceof Fault) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new Fault(code, message, { cause: thrown, hop })
}
