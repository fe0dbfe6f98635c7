/**
 * The certificate that people and tools see. An operator brings one; until then the edge makes its own, and shows
 * its fingerprint so that the first visitor can compare.
 *
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { replaceFile, writeFault } from '../../base/durable-file.ts'
import { Fault } from '../../base/faults.ts'
import { writtenText } from '../../base/written-text.ts'
import { CERTIFICATE_KEY, CERTIFICATE_SIGNATURE, loadX509 } from '../../pki/x509.ts'

/** PEM. */
export interface PublicCertificate {
  readonly cert: string
  readonly key: string
}

const OUR_NAME = 'Backstitch edge'
const CURVE = 'prime256v1'

const DAY_MS = 86_400_000
/** Longest that today's browsers accept. */
const LIFE_MS = 397 * DAY_MS
const RENEW_MS = 30 * DAY_MS
const NOT_BEFORE_BACK_MS = 15 * 60_000

/** Self-signed, for these names and addresses. */
export async function createPublicCertificate(
  names: readonly string[],
  nowMs: number,
  privateKey: KeyObject = generateKeyPairSync('ec', { namedCurve: CURVE }).privateKey,
): Promise<PublicCertificate> {
  const x509 = await loadX509()
  const publicKey = createPublicKey(privateKey)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: `00${randomBytes(16).toString('hex')}`,
    name: [{ CN: [OUR_NAME] }],
    notBefore: new Date(nowMs - NOT_BEFORE_BACK_MS),
    notAfter: new Date(nowMs + LIFE_MS),
    signingAlgorithm: CERTIFICATE_SIGNATURE,
    keys: {
      privateKey: privateKey.toCryptoKey(CERTIFICATE_KEY, false, ['sign']),
      publicKey: publicKey.toCryptoKey(CERTIFICATE_KEY, true, ['verify']),
    },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: net.isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
    ],
  })
  return {
    cert: `${certificate.toString('pem')}\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/**
 * The one kept in `dir` (`public.crt`, `public.key`), made there when absent. One that we made is made anew when its
 * life is nearly over, for the same key, so that the two files fit together whenever the power goes; one that an
 * operator put there is left alone.
 *
 * @throws {Fault} INVALID if the files are there and do not fit together; STATE_UNWRITABLE, DISK_FULL where there is
 * none that still holds.
 */
export async function keepPublicCertificate(
  dir: string,
  names: readonly string[],
  nowMs: number,
): Promise<PublicCertificate & { created: boolean }> {
  const certFile = path.join(dir, 'public.crt')
  const keyFile = path.join(dir, 'public.key')
  const [cert, key] = await Promise.all([readIfThere(certFile), readIfThere(keyFile)])
  const kept = cert !== undefined && key !== undefined ? { cert, key } : undefined
  if (cert !== undefined && key === undefined) {
    throw new Fault('INVALID', `${certFile} exists without public.key`, { hop: 'edge' })
  }
  const leaf = kept && requirePair(kept.cert, kept.key, dir)
  const leftMs = leaf === undefined ? 0 : leaf.validToDate.getTime() - nowMs
  if (kept && leaf && (leftMs > RENEW_MS || !isOurs(leaf))) return { ...kept, created: false }
  const made = await createPublicCertificate(
    names,
    nowMs,
    key === undefined ? undefined : ourKey(key, keyFile),
  )
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    if (key === undefined) await replaceFile(keyFile, made.key)
    await replaceFile(certFile, made.cert, { mode: 0o644 })
  } catch (cause) {
    if (kept !== undefined && leftMs > 0) return { ...kept, created: false }
    throw writeFault(cause, dir, 'edge')
  }
  return { ...made, created: true }
}

function isOurs({ subject, issuer }: X509Certificate): boolean {
  return subject === issuer && subject === `CN=${OUR_NAME}`
}

/** The key of a certificate that we make anew, or did not come to make. */
function ourKey(pem: string, file: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyDetails?.namedCurve === CURVE) return key
  } catch {}
  throw new Fault('INVALID', `${file} exists without public.crt, and is not a key of ours`, { hop: 'edge' })
}

function requirePair(cert: string, key: string, dir: string): X509Certificate {
  try {
    const leaf = new X509Certificate(cert)
    if (leaf.publicKey.equals(createPublicKey(createPrivateKey(key)))) return leaf
  } catch (cause) {
    throw new Fault('INVALID', `public.crt or public.key in ${dir} cannot be read`, { hop: 'edge', cause })
  }
  throw new Fault('INVALID', `public.crt and public.key in ${dir} do not belong together`, { hop: 'edge' })
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return writtenText(await readFile(file))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Fault('INVALID', `${file} exists but cannot be read`, { hop: 'edge', cause })
  }
}
