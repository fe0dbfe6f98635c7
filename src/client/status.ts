import type { FaultMessage } from '../wire/control.ts'
import type { Decision } from './decisions.ts'

/** The document that the status socket gives to whoever connects. */
export interface ClientStatus {
  readonly role: 'client'
  readonly version: string
  readonly state: 'signed-out' | 'connecting' | 'connected' | 'disconnected'
  readonly id?: string
  readonly tenant?: string
  readonly user?: string
  readonly certificate?: { readonly notAfter: string; readonly generation: number }
  readonly edge?: { readonly host: string; readonly port: number; readonly rttUs?: number }
  readonly egress?: string
  readonly clockSkewMs?: number
  readonly fault?: FaultMessage
  /** Where the local proxy listens, HOST:PORT. */
  readonly proxy?: string
  readonly forwards: readonly {
    readonly local: string
    readonly to: string
    readonly protocol: 'tcp' | 'udp'
  }[]
  readonly tunnels: readonly {
    readonly connector: string
    readonly edge: string
    readonly pipe: string
    readonly streams: number
    readonly rttUs: number
    readonly queuedBytes: number
    readonly bytesPerSecond: number
    readonly retired: boolean
  }[]
  readonly grants: readonly {
    readonly id: string
    readonly destination: string
    readonly segment: string
    readonly connector: string
    readonly endsInMs: number
  }[]
  readonly sessions: {
    readonly open: number
    readonly total: number
    readonly failed: number
    readonly bytesUp: number
    readonly bytesDown: number
  }
  readonly sessionReportsWaiting: number
  /** What the client decided last, newest first, also when it sent nothing. */
  readonly decisions: readonly Decision[]
  readonly startedAt: string
  readonly pid: number
}
