import type { Peer } from '../pki/verify.ts'
import type { EdgeStateMessage } from '../wire/control.ts'

/** Certificates that are shut out, as the control plane has told. */
export class RevokedSerials {
  #serials: Set<string>

  constructor(serials: Iterable<string> = []) {
    this.#serials = new Set(serials)
  }

  has(serial: string): boolean {
    return this.#serials.has(serial)
  }

  all(): Iterable<string> {
    return this.#serials
  }

  /** @returns Whose pipes are to be cut. */
  take({ whole, revoked, ended }: EdgeStateMessage): (peer: Peer) => boolean {
    if (whole) this.#serials = new Set()
    for (const serial of revoked) this.#serials.add(serial)
    const ids = new Set(ended)
    return ({ identity, serial }) => ids.has(identity.id) || this.#serials.has(serial)
  }
}
