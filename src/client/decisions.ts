import type { FaultCode, Hop } from '../base/faults.ts'

/** How a destination came in. */
export type Entry = 'socks5' | 'http-connect' | 'http' | 'forward' | 'stdio' | 'socks5-udp' | 'forward-udp'

/** What the client made of one request to reach a destination. */
export interface Decision {
  readonly at: string
  readonly entry: Entry
  readonly destination: string
  readonly outcome: 'sent' | 'refused'
  readonly code?: FaultCode
  readonly hop?: Hop
  readonly because: string
  /** How often the same was decided in a row. */
  readonly times: number
}
