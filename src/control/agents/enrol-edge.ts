import { HOME_EDGE } from '../../api/kinds.ts'
import { Fault } from '../../base/faults.ts'
import type { KeyUse } from '../../store/keys.ts'
import type { Repositories } from '../../store/store.ts'
import type { CertificateReply, EnrolRequest } from '../../wire/control.ts'
import { issueFor } from '../base/issue.ts'
import { agentNamesOf } from '../presence/agent-record.ts'
import { type CertifyDeps, replyOf } from './certify.ts'

/**
 * The certificate of an edge that was registered and comes with the key for it. Another public key than before takes
 * its place: the certificate that the edge held until now is revoked.
 *
 * @throws {Fault} IDENTITY_REVOKED if the edge is disabled.
 */
export async function enrolEdge(
  deps: CertifyDeps,
  tx: Repositories,
  {
    edgeId,
    keyId,
    publicKeyHash,
    body,
    from,
  }: Partial<Pick<KeyUse, 'keyId'>> & {
    edgeId: string
    publicKeyHash: string
    body: EnrolRequest
    from: string
  },
): Promise<CertificateReply> {
  const edge = await tx.objects.get('edge', edgeId)
  if (!edge.spec.enabled && edge.name !== HOME_EDGE)
    throw new Fault('IDENTITY_REVOKED', `edge ${edge.name} (${edge.id}) is disabled`)
  const before = await tx.edges.byId(edge.id)
  const identity = { tenant: deps.tenant, role: 'edge', id: edge.id } as const
  const issued = await issueFor(deps, identity, body.csr, { names: agentNamesOf(edge.spec) })
  const { thumbprint, serial, notAfterMs } = issued
  const generation = (before?.generation ?? 0) + 1
  await tx.edges.put({
    ...{ id: edge.id, keyId, publicKeyHash, thumbprint, serial, notAfterMs, generation },
    host: body.host,
    lastAddress: from,
  })
  await tx.audit.append({
    actor: keyId === undefined ? 'system' : `key ${keyId}`,
    action: before === undefined ? 'edge.enrol' : 'edge.enrol-again',
    object: `edge ${edge.id}`,
    detail: { name: edge.name, from, serial, host: body.host.name },
  })
  return replyOf(deps, edge.id, issued, { generation })
}

/** A key enrols what it was made for. @throws {Fault} KEY_WRONG_GROUP. */
export function requireKeyFor(role: 'connector' | 'edge', use: KeyUse): void {
  const meant = use.edgeId === undefined ? 'connector' : 'edge'
  if (meant === role) return
  const of = use.edgeId === undefined ? 'connectors' : `edge ${use.edgeId}`
  throw new Fault('KEY_WRONG_GROUP', `key ${use.keyId} enrols ${of}, but a ${role} presented it`, {
    seen: { key: use.keyId, meant, came: role },
  })
}
