import type { KnownKeys } from '../agent/identity/known-keys.ts'
import type { VerifyKeys } from '../pki/signing-keys.ts'
import type { Peer } from '../pki/verify.ts'
import type { EdgeStateMessage } from '../wire/control.ts'
import type { EdgeAuthority } from './edge-authority.ts'

/**
 * What an edge knows of tickets and of who is shut out: what the control plane has told. While that is away it
 * goes by what it knew last. Of it only how new its keys are is written to disk.
 */
export class ReplicatedAuthority implements EdgeAuthority {
  readonly tenant: string
  readonly rootPem: string
  readonly #known: KnownKeys
  #revoked = new Set<string>()

  constructor({ tenant, rootPem }: { tenant: string; rootPem: string }, known: KnownKeys) {
    this.tenant = tenant
    this.rootPem = rootPem
    this.#known = known
  }

  ticketKeys(): VerifyKeys {
    return this.#known.keys
  }

  isRevoked(serial: string): boolean {
    return this.#revoked.has(serial)
  }

  /** @returns Whose pipes are to be cut. */
  take({ whole, revoked, ended }: EdgeStateMessage): (peer: Peer) => boolean {
    if (whole) this.#revoked = new Set()
    for (const serial of revoked) this.#revoked.add(serial)
    const ids = new Set(ended)
    return ({ identity, serial }) => ids.has(identity.id) || this.#revoked.has(serial)
  }
}
