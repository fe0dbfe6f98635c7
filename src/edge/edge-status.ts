import type { OutageReport } from '../link/self-examination.ts'
import type { FaultMessage } from '../wire/control.ts'
import type { EdgeStats } from './edge.ts'

/** The document that the status socket of a remote edge gives to whoever connects. */
export interface EdgeDaemonStatus {
  readonly role: 'edge'
  readonly version: string
  readonly pid: number
  /** `disconnected`: it joins pipes whose tickets it can verify, and can pass nobody on. */
  readonly state: 'enrolling' | 'connected' | 'disconnected' | 'draining'
  readonly startedAt: string
  readonly id?: string
  readonly tenant?: string
  readonly certificate?: { readonly notAfter: string; readonly generation: number }
  readonly listen?: { readonly host: string; readonly port: number }
  /** The home edge. */
  readonly edge?: { readonly host: string; readonly port: number; readonly rttUs?: number }
  /** How it is reached, and who said so. */
  readonly egress?: string
  readonly clockSkewMs?: number
  readonly stats?: EdgeStats
  readonly fault?: FaultMessage
  readonly outages?: OutageReport
  readonly notes: readonly FaultMessage[]
}
