/**
 * Leaf certificates for agents: how long they live, how they are renewed, how the answer looks on the wire.
 *
 * @module
 */
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import type { Authority } from '../../pki/authority.ts'
import { csrPublicKeyHash } from '../../pki/csr.ts'
import type { Identity, Role } from '../../pki/identity.ts'
import type { Store } from '../../store/store.ts'
import type { CertificateReply, ControlMessage } from '../../wire/control.ts'
import { agentRecord } from './records.ts'

const DAY_MS = 86_400_000
/**
 * A connector may be off for a weekend; a person signs in every day. Agents renew at 2/3. Under the 24 days that a
 * timer can wait: the end of a certificate is one.
 */
const LIFE_MS: Record<Role, number> = { connector: 7 * DAY_MS, client: DAY_MS, edge: 21 * DAY_MS }

export interface CertifyDeps {
  readonly store: Store
  readonly authority: Authority
  readonly tenant: string
  readonly clock: Clock
}

export type Issued = Awaited<ReturnType<Authority['issue']>>

export function issueFor(
  deps: Pick<CertifyDeps, 'authority' | 'clock'>,
  identity: Identity,
  csrPem: string,
  names: string[] = [],
): Promise<Issued> {
  return deps.authority.issue({
    csrPem,
    identity,
    lifeMs: LIFE_MS[identity.role],
    nowMs: deps.clock.nowMs(),
    names,
  })
}

export function replyOf(
  deps: Pick<CertifyDeps, 'authority' | 'tenant' | 'clock'>,
  id: string,
  issued: Issued,
  generation: number,
): CertificateReply {
  return {
    id,
    tenant: deps.tenant,
    certificate: issued.certificate,
    root: deps.authority.rootPem,
    notAfterMs: issued.notAfterMs,
    generation,
    serverTimeMs: deps.clock.nowMs(),
  }
}

/**
 * A new certificate for an identity that still holds a valid one, for the same key. It counts from its first use
 * on (adopt.ts).
 *
 * @throws {Fault} IDENTITY_REVOKED, INVALID (the CSR, or another key).
 */
export async function renew(
  deps: CertifyDeps,
  identity: Identity,
  message: { id: string; csr: string },
): Promise<ControlMessage> {
  const { store } = deps
  const record = await agentRecord(store, identity)
  if (record === undefined || !record.enabled) throw revoked(identity, record?.name)
  if ((await csrPublicKeyHash(message.csr)) !== record.publicKeyHash) {
    throw new Fault('INVALID', 'a renewal must be for the key that was enrolled', { hop: 'control' })
  }
  const issued = await issueFor(deps, identity, message.csr, record.names)
  await store.audit.append({
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
    generation: record.generation + 1,
  }
}

export function revoked(identity: Identity, name: string | undefined): Fault {
  const why = name === undefined ? 'was deleted' : `(${name}) is disabled`
  return new Fault('IDENTITY_REVOKED', `${identity.role} ${identity.id} ${why}`)
}
