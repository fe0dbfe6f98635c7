/**
 * Leaf certificates for agents: how long they live, how they are renewed, how the answer looks on the wire.
 *
 * @module
 */

import { type Clock, rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import type { Authority, SignedCertificate } from '../../pki/authority.ts'
import { csrPublicKeyHash } from '../../pki/csr.ts'
import type { Store } from '../../store/store.ts'
import type { CertificateReply, ControlMessage } from '../../wire/control.ts'
import { issueFor } from '../base/issue.ts'
import { admitted } from '../presence/admitted.ts'
import type { Connected } from '../presence/presence.ts'
import { requireNewest } from './adopt.ts'

export interface CertifyDeps {
  readonly store: Store
  readonly authority: Authority
  readonly tenant: string
  readonly clock: Clock
}

export function replyOf(
  deps: Pick<CertifyDeps, 'authority' | 'tenant' | 'clock'>,
  id: string,
  issued: SignedCertificate,
  { generation, signInEndsMs }: { generation: number; signInEndsMs?: number },
): CertificateReply {
  return {
    id,
    tenant: deps.tenant,
    certificate: issued.certificate,
    root: deps.authority.rootPem,
    notAfterMs: issued.notAfterMs,
    signInEndsMs,
    generation,
    serverTimeMs: deps.clock.nowMs(),
  }
}

/**
 * A new certificate for an identity that still holds a valid one, for the same key. It counts from its first use
 * on (adopt.ts). Whether it may have it is asked in the transaction that records it: nothing that was decided before
 * somebody was disabled or signed out is given after.
 *
 * @throws {Fault} IDENTITY_REVOKED, REAUTH_NEEDED, IDENTITY_CLONED, INVALID (the CSR, or another key).
 */
export async function renew(
  deps: CertifyDeps,
  { peer, from }: Pick<Connected, 'peer' | 'from'>,
  message: { id: string; csr: string },
): Promise<ControlMessage> {
  const { identity } = peer
  const publicKeyHash = await csrPublicKeyHash(message.csr)
  return deps.store.transaction(async (tx) => {
    const record = await admitted(tx, identity, deps.clock.nowMs())
    if (publicKeyHash !== record.publicKeyHash) {
      throw new Fault('INVALID', 'a renewal must use the enrolled key', { hop: 'control' })
    }
    requireNewest(peer, record, from)
    const { signIn } = record
    if (signIn !== undefined && peer.notAfterMs >= signIn.endMs) throw noLonger(record.name, signIn)
    const issued = await issueFor(deps, identity, message.csr, {
      names: record.names,
      untilMs: signIn?.endMs,
      afterMs: peer.notAfterMs,
    })
    await tx.audit.append({
      actor: `${identity.role} ${identity.id}`,
      action: 'certificate.renew',
      object: `${identity.role} ${identity.id}`,
      detail: { serial: issued.serial, notAfterMs: issued.notAfterMs },
    })
    return {
      type: 'renewed',
      id: message.id,
      certificate: issued.certificate,
      notAfterMs: issued.notAfterMs,
      signInEndsMs: signIn?.endMs,
      generation: record.generation + 1,
    }
  })
}

function noLonger(device: string, { endMs }: { endMs: number }): Fault {
  const ends = rfc3339(endMs)
  return new Fault(
    'REAUTH_NEEDED',
    `the sign-in on ${device} ends at ${ends}; a certificate cannot outlast it`,
    { seen: { ends } },
  )
}
