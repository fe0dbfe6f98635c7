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
  randomBytes,
  X509Certificate,
} from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { Fault } from '../base/faults.ts'
import { CERTIFICATE_KEY, CERTIFICATE_SIGNATURE, loadX509 } from '../pki/x509.ts'

/** PEM. */
export interface PublicCertificate {
  readonly cert: string
  readonly key: string
}

const DAY_MS = 86_400_000
/** Longest that today's browsers accept. */
const LIFE_MS = 397 * DAY_MS
const RENEW_MS = 30 * DAY_MS
const NOT_BEFORE_BACK_MS = 15 * 60_000

/** Self-signed, for these names and addresses. */
export async function createPublicCertificate(
  names: readonly string[],
  nowMs: number,
): Promise<PublicCertificate> {
  const x509 = await loadX509()
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: `00${randomBytes(16).toString('hex')}`,
    name: [{ CN: ['Backstitch edge'] }],
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
 * life is nearly over; one that an operator put there is left alone.
 *
 * @throws {Fault} INVALID if the files are there and do not fit together; STATE_UNWRITABLE.
 */
export async function keepPublicCertificate(
  dir: string,
  names: readonly string[],
  nowMs: number,
): Promise<PublicCertificate & { created: boolean }> {
  const certFile = path.join(dir, 'public.crt')
  const keyFile = path.join(dir, 'public.key')
  const [cert, key] = await Promise.all([readIfThere(certFile), readIfThere(keyFile)])
  if (cert !== undefined && key !== undefined) {
    const leaf = requirePair(cert, key, dir)
    const selfMade = leaf.subject === leaf.issuer
    if (!selfMade || leaf.validToDate.getTime() - nowMs > RENEW_MS) return { cert, key, created: false }
  } else if (cert !== undefined || key !== undefined) {
    throw new Fault('INVALID', `of public.crt and public.key in ${dir} only one is there`, { hop: 'edge' })
  }
  const made = await createPublicCertificate(names, nowMs)
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await replaceFile(keyFile, made.key, 0o600)
    await replaceFile(certFile, made.cert, 0o644)
  } catch (cause) {
    throw new Fault('STATE_UNWRITABLE', `cannot keep the public certificate in ${dir}`, {
      hop: 'edge',
      cause,
    })
  }
  return { ...made, created: true }
}

/** SHA-256 of the leaf, as browsers show it. */
export function fingerprintOf({ cert }: PublicCertificate): string {
  return new X509Certificate(cert).fingerprint256
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
    return await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Fault('INVALID', `${file} exists and cannot be read`, { hop: 'edge', cause })
  }
}

async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const fresh = `${file}.new`
  await writeFile(fresh, text, { mode })
  await chmod(fresh, mode)
  await rename(fresh, file)
}
