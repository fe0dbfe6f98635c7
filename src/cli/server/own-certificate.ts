import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { type Clock, rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { writtenText } from '../../base/written-text.ts'
import { certificatesIn } from '../../pki/pem.ts'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** Chain and key of an operator, PEM, and what is doubtful about them though they can be used. */
export interface OwnCertificate {
  readonly cert: string
  readonly key: string
  readonly doubts: readonly string[]
  readonly files: CertificateFiles
}

const SOON_MS = 21 * 86_400_000

/**
 * @param publicHost What people and tools reach the server by.
 * @throws {Fault} INVALID naming the file, and what is wrong with it: not PEM, encrypted, exchanged, of another key, a
 *   chain that does not begin with the certificate of the key.
 */
export async function readOwnCertificate(
  files: CertificateFiles,
  { publicHost, nowMs }: { publicHost: string; nowMs: number },
): Promise<OwnCertificate> {
  const { certFile, keyFile } = files
  const [cert, key] = await Promise.all([readPem(certFile), readPem(keyFile)])
  const leaf = leafOf(cert, certFile)
  const privateKey = privateKeyOf(key, keyFile)
  if (!leaf.checkPrivateKey(privateKey)) {
    const later = certificatesIn(cert).some((one) => one.checkPrivateKey(privateKey))
    const order = `the chain in ${certFile} does not begin with the certificate of ${keyFile}, which comes later in the file`
    throw invalid(later ? order : `${keyFile} is not the key of ${certFile}`)
  }
  return { cert, key, doubts: doubtsOf(leaf, certFile, publicHost, nowMs), files }
}

/** @returns Reads the files again, and says whether they hold another certificate than the time before. */
export function rereadOf(first: OwnCertificate, publicHost: string, clock: Pick<Clock, 'nowMs'>) {
  let before = first
  return async (): Promise<OwnCertificate & { readonly created: boolean }> => {
    const now = await readOwnCertificate(first.files, { publicHost, nowMs: clock.nowMs() })
    const created = now.cert !== before.cert || now.key !== before.key
    before = now
    return { ...now, created }
  }
}

/** An installation that would not start for one of these would be worse off. */
function doubtsOf(leaf: X509Certificate, file: string, publicHost: string, nowMs: number): string[] {
  const { validFromDate, validToDate, subjectAltName } = leaf
  const endMs = validToDate.getTime()
  const until = rfc3339(endMs)
  const isNamed = net.isIP(publicHost) ? leaf.checkIP(publicHost) : leaf.checkHost(publicHost)
  return [
    ...(endMs <= nowMs ? [`the certificate in ${file} expired ${until}`] : []),
    ...(endMs > nowMs && endMs - nowMs < SOON_MS ? [`the certificate in ${file} expires ${until}`] : []),
    ...(validFromDate.getTime() > nowMs ? [`the certificate in ${file} is not valid yet`] : []),
    ...(isNamed === undefined
      ? [
          `the certificate in ${file} does not cover ${publicHost}: it is for ${subjectAltName ?? leaf.subject}`,
        ]
      : []),
  ]
}

function leafOf(pem: string, file: string): X509Certificate {
  if (pem.includes('PRIVATE KEY') && !pem.includes('BEGIN CERTIFICATE')) {
    throw invalid(
      `${file} contains a private key where the certificate should be: are the two files swapped?`,
    )
  }
  if (!pem.includes('BEGIN CERTIFICATE')) throw invalid(`${file} is not a certificate in PEM`)
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw invalid(`${file} cannot be read as a certificate`, cause)
  }
}

function privateKeyOf(pem: string, file: string): KeyObject {
  if (/BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw invalid(
      `the key in ${file} is encrypted: a server that starts unattended cannot be given a password`,
    )
  }
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw invalid(`${file} contains no private key in PEM`, cause)
  }
}

async function readPem(file: string): Promise<string> {
  return readFile(file).then(writtenText, (cause: NodeJS.ErrnoException) => {
    throw invalid(`${file} cannot be read: ${cause.code}`, cause)
  })
}

function invalid(detail: string, cause?: unknown): Fault {
  return new Fault('INVALID', detail, { hop: 'control', cause })
}
