/** Who a certificate speaks for, written as its one URI SAN: `backstitch://TENANT/ROLE/ID`. */
import { Fault } from '../base/faults.ts'
import type { KeyPurpose } from './signing-keys.ts'

/** `control` is what ends control connections, enrolment and sign-in; the others are agents of it. */
export type IdentityRole = AgentRole | 'control'
export type AgentRole = 'connector' | 'client' | 'edge'

export interface Identity {
  readonly tenant: string
  readonly role: IdentityRole
  readonly id: string
}

export const IDENTITY_SCHEME = 'backstitch://'

// One spelling only: no case, escape, port, query or empty part that two readers could see differently.
const IDENTITY = /^backstitch:\/\/([a-z0-9_-]{1,64})\/(connector|client|edge|control)\/([a-z0-9_-]{1,64})$/

/** @throws {RangeError} if a part has a character that an identity URI does not allow. */
export function identityUri(identity: Identity): string {
  const uri = `${IDENTITY_SCHEME}${identity.tenant}/${identity.role}/${identity.id}`
  if (!IDENTITY.test(uri)) {
    throw new RangeError(`Cannot write identity as its parts must be 1..64 of a-z 0-9 _ -: got ${uri}`)
  }
  return uri
}

/** What the certificate names that signs the keys for one purpose. It is no identity: nobody speaks for it. */
export function keySetUri(tenant: string, purpose: KeyPurpose): string {
  return `${IDENTITY_SCHEME}${tenant}/keys/${purpose}`
}

/** @throws {Fault} PROTOCOL_ERROR if `uri` is not exactly what identityUri writes. */
export function parseIdentityUri(uri: string): Identity {
  const parts = IDENTITY.exec(uri)
  if (!parts) {
    throw new Fault('PROTOCOL_ERROR', 'an identity must have the form backstitch://TENANT/ROLE/ID', {
      seen: { identity: uri.slice(0, 256) },
    })
  }
  return { tenant: parts[1]!, role: parts[2] as IdentityRole, id: parts[3]! }
}
