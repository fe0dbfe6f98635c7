import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { Fault } from '../../base/faults.ts'
import { type IdentityRole, parseIdentityUri } from '../../pki/identity.ts'
import type { CertificateReply } from '../../wire/control.ts'

/** What is looked at of a certificate that was issued. */
export type IssuedCertificate = Pick<CertificateReply, 'id' | 'tenant' | 'certificate' | 'root'>

/**
 * Is the certificate ours: for our key, with our name and role, under the root that was pinned?
 *
 * @param o.pin SHA-256 of the root's DER; none once the root is known.
 * @throws {Fault} PROTOCOL_ERROR naming what does not fit.
 */
export function requireOwnCertificate(
  reply: IssuedCertificate,
  o: { role: IdentityRole; keyPem: string; pin?: Buffer },
): void {
  const leaf = new X509Certificate(reply.certificate)
  const refuse = (what: string) =>
    new Fault('PROTOCOL_ERROR', `the certificate that was issued ${what}`, { hop: 'control' })
  const ours = createPublicKey(createPrivateKey(o.keyPem)).export({ type: 'spki', format: 'der' })
  if (!ours.equals(leaf.publicKey.export({ type: 'spki', format: 'der' }))) throw refuse('is for another key')
  const uri = /URI:([^,\s]+)/.exec(leaf.subjectAltName ?? '')?.[1] ?? ''
  const named = parseIdentityUri(uri)
  if (named.id !== reply.id || named.tenant !== reply.tenant || named.role !== o.role) {
    throw refuse(`names ${uri}`)
  }
  if (o.pin !== undefined) {
    const root = new X509Certificate(reply.root).fingerprint256.replaceAll(':', '').toLowerCase()
    if (root !== o.pin.toString('hex')) throw refuse('has another root than the one in the key')
  }
}
