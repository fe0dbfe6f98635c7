import { Fault } from '../../base/faults.ts'
import type { Peer } from '../../pki/verify.ts'
import type { Store } from '../../store/store.ts'
import { type AgentRecord, holdCertificate } from '../presence/agent-record.ts'

/**
 * Which certificate an identity holds is settled by what it presents: a newer one than is known was renewed, and
 * counts from its first use on, so that an answer lost on the way costs nothing. One that presents an older
 * is a copy of a state directory: the original has renewed, or signed in, since.
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
  requireNewest(peer, record, from)
  const { role, id } = peer.identity
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

/**
 * The one that is held, or one that ends later. Two that end together are not one behind the other: in the last day of a
 * sign-in all that is renewed ends with it, and a copy would take turns with the original.
 *
 * @throws {Fault} IDENTITY_CLONED.
 */
export function requireNewest(
  { identity, serial, thumbprint, notAfterMs }: Peer,
  record: AgentRecord,
  from: string,
): void {
  if (thumbprint === record.thumbprint || notAfterMs > record.notAfterMs) return
  const { generation, serial: current } = record
  const why = `a certificate from before generation ${generation} was presented: ${serial}; the current one is ${current}`
  const hint =
    identity.role === 'client' ? '; the next sign-in on the device decides which copy keeps it' : ''
  throw cloned(identity.id, from, record.lastAddress, why + hint)
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
