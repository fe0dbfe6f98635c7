import { Fault } from '../../base/faults.ts'
import type { Peer } from '../../pki/verify.ts'
import type { Store } from '../../store/store.ts'
import { type AgentRecord, holdCertificate } from './records.ts'

/**
 * Which certificate an identity holds is settled by what it presents: a newer one than is known was renewed, and
 * counts from its first use on, so that an answer lost on the way costs nothing. A connector that presents an
 * older one is a copy of a state directory: the original has renewed since.
 *
 * @throws {Fault} IDENTITY_CLONED naming both addresses.
 */
export async function adoptCertificate(
  store: Store,
  peer: Peer,
  record: AgentRecord,
  from: string,
): Promise<void> {
  if (peer.thumbprint === record.thumbprint) return
  const { role, id } = peer.identity
  if (peer.notAfterMs < record.notAfterMs) {
    // A person's device may have signed in anew while its daemon still holds the certificate before.
    if (role === 'client') return
    throw cloned(
      id,
      from,
      record.lastAddress,
      `a certificate from before generation ${record.generation} was presented: ${peer.serial}, and ${record.serial} is current`,
    )
  }
  const { thumbprint, serial, notAfterMs } = peer
  await store.transaction(async (tx) => {
    const generation = record.generation + 1
    await holdCertificate(tx, peer.identity, { thumbprint, serial, notAfterMs, generation })
    await tx.audit.append({
      actor: `${role} ${id}`,
      action: 'certificate.adopt',
      object: `${role} ${id}`,
      detail: { serial, notAfterMs, generation, from },
    })
  })
}

/** The newcomer is refused, the other stays; both are named. */
export function cloned(id: string, from: string, other: string | undefined, why: string): Fault {
  return new Fault(
    'IDENTITY_CLONED',
    `${id} from ${from} and from ${other ?? 'an unknown address'}: ${why}`,
    {
      seen: { presentedFrom: from, heldFrom: other ?? '' },
    },
  )
}
