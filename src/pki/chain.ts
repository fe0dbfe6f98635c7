/** From a leaf to the root that is trusted: the one walk, for peers of TLS and for certificates in what is signed. */
import { X509Certificate } from 'node:crypto'
import { rfc3339 } from '../base/clock.ts'
import { Fault, type FaultCode } from '../base/faults.ts'

/** Root, intermediate, leaf; a longer chain is not ours. */
export const MAX_CHAIN = 3

/**
 * Leaf to root if every link is signed by the next and the last is `root`, which the caller trusts; else nothing.
 *
 * @param issuerOf The certificate that is said to be of the issuer: nobody has looked at it yet.
 */
export function chainOf(
  leaf: X509Certificate,
  root: X509Certificate,
  issuerOf: (certificate: X509Certificate) => X509Certificate | undefined = ({ issuerCertificate }) =>
    issuerCertificate,
): X509Certificate[] | undefined {
  if (leaf.ca) return undefined
  const chain = [leaf]
  for (let at = leaf; chain.length < MAX_CHAIN; ) {
    if (isCa(root, at)) return [...chain, root]
    const next = issuerOf(at)
    if (next === undefined || !isCa(next, at)) return undefined
    chain.push(next)
    at = next
  }
  return undefined
}

function isCa(issuer: X509Certificate, of: X509Certificate): boolean {
  return issuer.ca && of.checkIssued(issuer) && of.verify(issuer.publicKey)
}

/** @throws {Fault} CLOCK_SKEW where it has not begun, `ended` where it is over. */
export function requireTime(certificate: X509Certificate, nowMs: number, ended: FaultCode): void {
  const seen = {
    subject: oneLine(certificate.subject),
    notBefore: rfc3339(certificate.validFromDate.getTime()),
    notAfter: rfc3339(certificate.validToDate.getTime()),
    clock: rfc3339(nowMs),
  }
  if (nowMs < certificate.validFromDate.getTime()) {
    throw new Fault('CLOCK_SKEW', `by this clock the certificate is not valid before ${seen.notBefore}`, {
      seen,
    })
  }
  if (nowMs >= certificate.validToDate.getTime()) {
    throw new Fault(ended, `by this clock the certificate expired at ${seen.notAfter}`, { seen })
  }
}

/** The URI names of a leaf; text that could read as two is no name at all. */
export function urisOf({ subjectAltName: names = '' }: X509Certificate): string[] {
  if (names.includes('"')) return []
  return names.split(', ').flatMap((name) => (name.startsWith('URI:') ? name.slice('URI:'.length) : []))
}

/** Names as Node prints them have a line per part. */
export function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ').slice(0, 512)
}

/** @returns undefined for what is no certificate. */
export function readCertificate(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der)
  } catch {
    return undefined
  }
}
