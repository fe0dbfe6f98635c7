import type { FaultMessage } from '../wire/control.ts'

export type ConnectorState = 'enrolling' | 'connected' | 'healthy' | 'degraded' | 'draining' | 'disconnected'

export interface StageReport {
  readonly stage: 1 | 2 | 3 | 4 | 5 | 6
  readonly name: string
  readonly state: 'waiting' | 'running' | 'passed' | 'failed'
  /** Set once passed or failed. */
  readonly durationMs?: number
  readonly fault?: FaultMessage
}

/** The document that the status socket gives to whoever connects. */
export interface ConnectorStatus {
  readonly role: 'connector'
  readonly version: string
  readonly state: ConnectorState
  readonly id?: string
  readonly tenant?: string
  /** How the identity rests on disk, and what moved since it was sealed. */
  readonly identity?: { readonly sealed: boolean; readonly factors: readonly string[]; readonly note: string }
  readonly certificate?: { readonly notAfter: string; readonly generation: number }
  readonly edge?: { readonly host: string; readonly port: number; readonly rttUs?: number }
  readonly egress?: string
  readonly clockSkewMs?: number
  readonly stages: readonly StageReport[]
  readonly fault?: FaultMessage
  readonly tunnels: number
  readonly sessions: number
  readonly sessionReportsWaiting: number
  readonly startedAt: string
  readonly healthySince?: string
  readonly startToHealthyMs?: number
  readonly pid: number
}
