import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import tls from 'node:tls'

export interface PresentedCertificate {
  readonly subject: string
  readonly issuer: string
  /** SHA-256 of the DER, hex. */
  readonly sha256: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Subject alternative names as node writes them. */
  readonly names: string
}

const MAX_CHAIN = 5

/** What the server of a TLS connection showed, leaf first. Judged nowhere here. */
export function presentedChain(socket: tls.TLSSocket): PresentedCertificate[] {
  return x509Chain(socket).map((certificate) => ({
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
    names: (certificate.subjectAltName ?? '').slice(0, 512),
  }))
}

/**
 * Would other programs of this machine believe this chain? One that they believe and the pin does not is re-signed by
 * a CA that somebody has installed here: TLS inspection.
 */
export function trustedBySystem(socket: tls.TLSSocket): boolean {
  const chain = x509Chain(socket)
  const last = chain.at(-1)
  if (last === undefined) return false
  const links = chain.every(
    (one, i) => i === 0 || (chain[i - 1]!.checkIssued(one) && verifies(chain[i - 1]!, one)),
  )
  return (
    links && systemRoots().some((root) => root.fingerprint256 === last.fingerprint256 || verifies(last, root))
  )
}

/** Does the leaf cover `host`, as a program that connects to it would ask? */
export function nameFits(socket: tls.TLSSocket, host: string): boolean {
  const leaf = socket.getPeerX509Certificate()
  // Each throws for what the other takes.
  return leaf !== undefined && (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined
}

function x509Chain(socket: tls.TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = []
  for (
    let at = socket.getPeerX509Certificate();
    at !== undefined && chain.length < MAX_CHAIN;
    at = at.issuerCertificate
  ) {
    chain.push(at)
  }
  return chain
}

function verifies(certificate: X509Certificate, by: X509Certificate): boolean {
  return certificate.checkIssued(by) && certificate.verify(by.publicKey)
}

let roots: X509Certificate[] | undefined
function systemRoots(): X509Certificate[] {
  roots ??= tls.getCACertificates('system').flatMap((pem) => {
    try {
      return [new X509Certificate(pem)]
    } catch {
      return [] // one damaged file in the store hides the others from nobody
    }
  })
  return roots
}

function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ').slice(0, 512)
}
