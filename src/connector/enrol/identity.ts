import { z } from 'zod'
import { requireOwnCertificate } from '../../link/dial/accept-certificate.ts'
import type { Credentials, EdgeAddress } from '../../link/dial/credentials.ts'
import type { Drift } from '../../pki/seal.ts'
import type { CertificateReply } from '../../wire/control.ts'
import type { SealedState } from './sealed-state.ts'

const FILE = 'identity.json'

/** What enrolment left on this machine, and renewal replaces. */
export const connectorIdentity = z.strictObject({
  id: z.string(),
  tenant: z.string(),
  keyPem: z.string(),
  /** The request for `keyPem`: sent again to renew, and to come back as the same connector after an expiry. */
  csrPem: z.string(),
  /** Leaf, then intermediate. */
  certificate: z.string(),
  rootPem: z.string(),
  notAfterMs: z.number(),
  /** When the certificate came, by the clock of this machine. */
  receivedMs: z.number(),
  generation: z.number(),
  edge: z.strictObject({ host: z.string(), port: z.number() }),
})
export type ConnectorIdentity = z.infer<typeof connectorIdentity>

export async function loadIdentity(sealedState: SealedState): Promise<ConnectorIdentity | undefined> {
  const secret = await sealedState.load(FILE)
  return secret === undefined ? undefined : connectorIdentity.parse(JSON.parse(secret))
}

/** As `loadIdentity`, and changes nothing; with the factors that changed. */
export async function peekIdentity(
  sealedState: SealedState,
): Promise<{ identity: ConnectorIdentity; drifted: readonly Drift[] } | undefined> {
  const found = await sealedState.peek(FILE)
  if (found === undefined) return undefined
  return { identity: connectorIdentity.parse(JSON.parse(found.secret)), drifted: found.drifted }
}

export async function saveIdentity(sealedState: SealedState, identity: ConnectorIdentity): Promise<void> {
  await sealedState.save(
    FILE,
    `connector ${identity.id} of tenant ${identity.tenant}`,
    JSON.stringify(identity),
  )
}

export function credentialsOf(identity: ConnectorIdentity): Credentials {
  const { id, tenant, keyPem, certificate, rootPem, notAfterMs, generation } = identity
  return {
    identity: { tenant, role: 'connector', id },
    keyPem,
    certificate,
    rootPem,
    notAfterMs,
    generation,
  }
}

/** Two thirds of the life of the certificate, by the clock of this machine. */
export function renewAtMs({ receivedMs, notAfterMs }: ConnectorIdentity): number {
  return receivedMs + ((notAfterMs - receivedMs) * 2) / 3
}

/**
 * An identity from a reply, after looking that it is ours: our key, our name, the root that was pinned.
 *
 * @throws {Fault} PROTOCOL_ERROR naming what does not fit.
 */
export function acceptCertificate(
  reply: Pick<CertificateReply, 'id' | 'tenant' | 'certificate' | 'root' | 'notAfterMs' | 'generation'>,
  o: { keyPem: string; csrPem: string; edge: EdgeAddress; nowMs: number; pin?: Buffer },
): ConnectorIdentity {
  requireOwnCertificate(reply, { role: 'connector', keyPem: o.keyPem, pin: o.pin })
  return {
    id: reply.id,
    tenant: reply.tenant,
    keyPem: o.keyPem,
    csrPem: o.csrPem,
    certificate: reply.certificate,
    rootPem: reply.root,
    notAfterMs: reply.notAfterMs,
    receivedMs: o.nowMs,
    generation: reply.generation,
    edge: { host: o.edge.host, port: o.edge.port },
  }
}
