export type ConnectorState = 'connected' | 'healthy' | 'degraded' | 'draining' | 'disconnected' | 'disabled'
export interface Candidate {
  readonly id: string
  readonly name: string
  /** Connector group it is a member of. */
  readonly group: string
  readonly state: ConnectorState
  readonly sessions: number
  /** Known not to reach the application of this segment, with the fault code it reported. */
  readonly unreachable?: { readonly code: string }
}
export interface Selection {
  readonly chosen?: Candidate
  readonly because: string
  readonly excluded: readonly { readonly id: string; readonly name: string; readonly because: string }[]
}
export function selectConnector(_candidates: readonly Candidate[]): Selection {
  throw new Error('being written')
}
