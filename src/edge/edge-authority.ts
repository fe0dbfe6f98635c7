import type { VerifyKeys } from '../pki/signing-keys.ts'

/** What an edge has to know to take halves of pipes. */
export interface EdgeAuthority {
  readonly tenant: string
  readonly rootPem: string
  ticketKeys(): VerifyKeys
  isRevoked(serial: string): boolean
  /** All serials that are: what a worker begins with. */
  revoked(): Iterable<string>
}
