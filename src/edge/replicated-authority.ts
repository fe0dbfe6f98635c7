import type { KnownKeys } from '../agent/identity/known-keys.ts'
import type { Companion } from '../agent/link/companion.ts'
import type { Log } from '../base/log.ts'
import type { VerifyKeys } from '../pki/signing-keys.ts'
import type { Peer } from '../pki/verify.ts'
import type { EdgeStateMessage } from '../wire/control.ts'
import type { Edge } from './edge.ts'
import type { EdgeAuthority } from './edge-authority.ts'
import { RevokedSerials } from './revoked-serials.ts'

/**
 * What an edge knows of tickets and of who is shut out: what the control plane has told. While that is away it
 * goes by what it knew last. Of it only how new its keys are is written to disk.
 */
export class ReplicatedAuthority implements EdgeAuthority {
  readonly tenant: string
  readonly rootPem: string
  readonly #known: KnownKeys
  readonly #revoked = new RevokedSerials()

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

  revoked(): Iterable<string> {
    return this.#revoked.all()
  }

  /** @returns Whose pipes are to be cut. */
  take(state: EdgeStateMessage): (peer: Peer) => boolean {
    return this.#revoked.take(state)
  }
}

/** Takes what control tells of it: whoever is shut out is cut, then `onTold` is called. */
export function followsAuthority(
  authority: ReplicatedAuthority,
  edge: Pick<Edge, 'revoke' | 'shutOutOfWorkers'>,
  log: Log,
  onTold: () => void,
): Companion {
  return {
    message(message) {
      if (message.type !== 'edge-state') return false
      const here = edge.revoke(authority.take(message))
      void edge.shutOutOfWorkers(message).then((there) => {
        const { whole, revoked, ended } = message
        const cut = here + there
        log.info(
          { event: 'edge.told', whole, revoked: revoked.length, ended: ended.length, cut },
          `${revoked.length} revoked certificates ${whole ? 'are known' : 'more'}, ${cut} connections closed`,
        )
      })
      onTold()
      return true
    },
  }
}
