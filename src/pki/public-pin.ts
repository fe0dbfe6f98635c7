/**
 * What a context remembers of the certificate that people and tools are shown, so that a renewed one is known again:
 * one for the same key, or, where an authority signed it, another one for the same name by the same authority or by one
 * that this machine trusts. One that signed itself has only its key to be known by.
 *
 * @module
 */
import { createHash, type X509Certificate } from 'node:crypto'
import net from 'node:net'
import { certificatesIn } from './pem.ts'

/** Each a SHA-256, hex with colons. */
export interface PublicPin {
  /** Of the certificate, as browsers show it. */
  readonly fingerprint: string
  /** Of its public key (SPKI, DER). Absent in contexts that an earlier version wrote. */
  readonly publicKey?: string
  /** Of the public key of whoever signed it, where that is shown with it. */
  readonly authority?: string
}

/** Extended key usage, RFC 5280 section 4.2.1.12. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

/** @param pem The certificate, and behind it those that it is shown with. */
export function publicPinOf(pem: string): Required<Pick<PublicPin, 'fingerprint' | 'publicKey'>> & PublicPin {
  const [leaf, ...others] = certificatesIn(pem)
  const issuer = others.find((other) => signed(other, leaf!))
  return {
    fingerprint: leaf!.fingerprint256,
    publicKey: keyHash(leaf!),
    ...(issuer && { authority: keyHash(issuer) }),
  }
}

/**
 * @param leaf As the server shows it, with those that came behind it as `issuerCertificate`.
 * @param o.trusted This machine trusts it for this host: the verdict of OpenSSL.
 */
export function isPinned(
  leaf: X509Certificate,
  pin: PublicPin,
  o: { readonly host: string; readonly nowMs: number; readonly trusted: boolean },
): boolean {
  if (leaf.fingerprint256 === pin.fingerprint || keyHash(leaf) === pin.publicKey) return true
  if (pin.authority === undefined) return false
  if (o.trusted) return true
  const issuer = leaf.issuerCertificate
  return (
    issuer !== undefined &&
    keyHash(issuer) === pin.authority &&
    signed(issuer, leaf) &&
    [leaf, issuer].every((one) => +one.validFromDate <= o.nowMs && o.nowMs < +one.validToDate) &&
    (leaf.keyUsage ?? [SERVER_AUTH]).includes(SERVER_AUTH) &&
    (net.isIP(o.host) === 0 ? leaf.checkHost(o.host) : leaf.checkIP(o.host)) !== undefined
  )
}

function signed(issuer: X509Certificate, leaf: X509Certificate): boolean {
  return issuer.ca && leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey)
}

function keyHash({ publicKey }: X509Certificate): string {
  const hash = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }))
  return hash.digest('hex').toUpperCase().match(/../g)!.join(':')
}
