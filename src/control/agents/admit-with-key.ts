import type { Clock } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import type { Authority } from '../../pki/authority.ts'
import { csrPublicKeyHash } from '../../pki/csr.ts'
import { hashKeySecret } from '../../pki/provisioning-key.ts'
import type { Store } from '../../store/store.ts'
import type { CertificateReply, EnrolRequest } from '../../wire/control.ts'
import type { Failures } from '../base/failures.ts'
import { issueFor } from '../base/issue.ts'
import type { HomeEdge } from '../presence/edges.ts'
import { replyOf } from './certify.ts'
import { enrolEdge, requireKeyFor } from './enrol-edge.ts'
import { groupFor } from './enrol-group.ts'
import type { RefusedKeys } from './refused-keys.ts'

export interface EnrolDeps {
  readonly store: Store
  readonly authority: Authority
  readonly tenant: string
  readonly clock: Clock
  readonly home: Pick<HomeEdge, 'id' | 'secretHash'>
  readonly keyFailures: Failures
  readonly refusedKeys: RefusedKeys
}

/**
 * Exchanges a provisioning key for the certificate of a new connector, or of the edge that the key is for. The edge beside
 * the control plane comes with a secret that only lies in its state directory.
 *
 * The use of the key, the connector and the audit record are one transaction: whatever crashes, a use is never
 * spent without a connector. The same public key gets the same connector again, and spends nothing.
 *
 * @throws {Fault} KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED, KEY_EXHAUSTED, KEY_WRONG_GROUP, WRONG_CONNECTOR_KIND,
 *   IDENTITY_REVOKED, INVALID (the CSR), RATE_LIMITED for whoever fails too often.
 */
export async function admitWithKey(
  deps: EnrolDeps,
  body: EnrolRequest,
  from: string,
): Promise<CertificateReply> {
  const { refusedKeys, clock } = deps
  const publicKeyHash = await csrPublicKeyHash(body.csr)
  try {
    const reply = await exchange(deps, { body, publicKeyHash }, from)
    refusedKeys.enrolled(publicKeyHash)
    return reply
  } catch (thrown) {
    const who = { address: from, host: body.host.name, publicKeyHash }
    refusedKeys.refused(asFault(thrown), who, clock.nowMs())
    throw thrown
  }
}

async function exchange(
  deps: EnrolDeps,
  { body, publicKeyHash }: { body: EnrolRequest; publicKeyHash: string },
  from: string,
): Promise<CertificateReply> {
  const { store, tenant, clock, home } = deps
  const secretHash = hashKeySecret(body.secret)
  return store.transaction(async (tx) => {
    if (secretHash === home.secretHash && body.role === 'edge') {
      return enrolEdge(deps, tx, { edgeId: home.id, publicKeyHash, body, from })
    }
    const use = await tx.keys.consume(secretHash, publicKeyHash, clock.nowMs()).catch((thrown: unknown) => {
      // Looked up first: a valid one is taken, however many failed before.
      if (asFault(thrown).code === 'KEY_UNKNOWN') deps.keyFailures.failed(from)
      throw thrown
    })
    requireKeyFor(body.role ?? 'connector', use)
    const { edgeId, keyId } = use
    if (edgeId === home.id) {
      throw new Fault('KEY_WRONG_GROUP', `key ${keyId} is for the edge that the server enrols by itself`, {
        seen: { key: keyId, edge: edgeId },
      })
    }
    if (edgeId !== undefined) return enrolEdge(deps, tx, { edgeId, keyId, publicKeyHash, body, from })
    const before = use.already === undefined ? undefined : await tx.connectors.byId(use.already)
    if (before !== undefined && !before.enabled) {
      throw new Fault('IDENTITY_REVOKED', `connector ${before.name} (${before.id}) is disabled`)
    }
    const groupId = await groupFor(tx, use, body.group, before)
    const id = before?.id ?? newId('con', clock.nowMs())
    const issued = await issueFor(deps, { tenant, role: 'connector', id }, body.csr)
    const held = {
      thumbprint: issued.thumbprint,
      serial: issued.serial,
      notAfterMs: issued.notAfterMs,
      generation: (before?.generation ?? 0) + 1,
    }
    const told = {
      groupId,
      keyId: use.keyId,
      publicKeyHash,
      fingerprint: body.fingerprint,
      host: body.host,
    }
    const record =
      before === undefined
        ? await tx.connectors.create({ id, ...held, ...told, lastAddress: from })
        : await tx.connectors.update(id, { ...held, ...told })
    await tx.audit.append({
      actor: `key ${use.keyId}`,
      action: before === undefined ? 'connector.enrol' : 'connector.enrol-again',
      object: `connector ${id}`,
      detail: { name: record.name, group: groupId, from, serial: issued.serial, host: body.host.name },
    })
    return replyOf(deps, id, issued, held)
  })
}
