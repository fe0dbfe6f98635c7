/** How long the control plane keeps what it has seen. */
export interface Retention {
  /** Records of sessions, from their last change on. */
  readonly sessionDays: number
  /** Refusals by their ids. */
  readonly denialDays: number
  /** Audit records go into files then, never away. */
  readonly auditDays: number
  /** Where those files go; `audit` in the state directory by default. */
  readonly auditArchive?: string
}

export const RETENTION: Retention = { sessionDays: 14, denialDays: 14, auditDays: 400 }
