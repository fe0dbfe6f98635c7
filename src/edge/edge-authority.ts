import type { EdgeAuthority } from '../link/control-port.ts'
import type { VerifyKeys } from '../pki/signing-keys.ts'
import { verifyKeys } from '../pki/signing-keys.ts'
import type { Peer } from '../pki/verify.ts'
import type { ControlMessage } from '../wire/control.ts'

type EdgeState = Extract<ControlMessage, { type: 'edge-state' }>

/**
 * What a remote edge knows of tickets and of who is shut out: what the control plane has told. While that is away it
 * goes by what it knew last. Nothing of it is written to disk.
 */
export class ToldAuthority implements EdgeAuthority {
  readonly tenant: string
  readonly rootPem: string
  #keys: VerifyKeys = new Map()
  #revoked = new Set<string>()

  constructor({ tenant, rootPem }: { tenant: string; rootPem: string }) {
    this.tenant = tenant
    this.rootPem = rootPem
  }

  ticketKeys(): VerifyKeys {
    return this.#keys
  }

  isRevoked(serial: string): boolean {
    return this.#revoked.has(serial)
  }

  /** @returns Whose pipes are to be cut. */
  take({ whole, ticketKeys, revoked, ended }: EdgeState): (peer: Peer) => boolean {
    if (whole) this.#revoked = new Set()
    for (const serial of revoked) this.#revoked.add(serial)
    this.#keys = verifyKeys(ticketKeys)
    const ids = new Set(ended)
    return ({ identity, serial }) => ids.has(identity.id) || this.#revoked.has(serial)
  }
}
