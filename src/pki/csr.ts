/** Certificate requests: a key made where it will live, and proof to the authority that its maker holds it. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { Fault } from '../base/faults.ts'
import { CERTIFICATE_KEY, CERTIFICATE_SIGNATURE, loadX509 } from './x509.ts'

/** DER of an uncompressed P-256 key: always this long, so a second spelling of one key cannot pass. */
const P256_SPKI_BYTES = 91
const MAX_CSR_CHARS = 16_384

/**
 * A fresh P-256 key and a request for it. The key never leaves this machine.
 *
 * @param commonName Evidence for people; the authority ignores it and names the leaf itself.
 * @returns PKCS #8 and PKCS #10, both PEM.
 */
export async function createKeyAndCsr(commonName: string): Promise<{ keyPem: string; csrPem: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { keyPem, csrPem: await csrFor({ privateKey, publicKey }, commonName) }
}

async function csrFor(
  { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
  commonName: string,
): Promise<string> {
  const { Pkcs10CertificateRequestGenerator } = await loadX509()
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [plain(commonName)] }],
    signingAlgorithm: CERTIFICATE_SIGNATURE,
    keys: {
      privateKey: privateKey.toCryptoKey(CERTIFICATE_KEY, false, ['sign']),
      publicKey: publicKey.toCryptoKey(CERTIFICATE_KEY, true, ['verify']),
    },
  })
  return `${request.toString('pem')}\n`
}

/** The writer reads `#` and `\\` in names as instructions; X.520 ends a common name at 64 characters. */
function plain(commonName: string): string {
  return commonName.replaceAll(/[^\w. -]/g, '').slice(0, 64) || 'backstitch'
}

/**
 * The public key of a request whose self-signature holds.
 *
 * @throws {Fault} INVALID if the request is malformed, its signature is wrong or its key is not P-256.
 */
export async function csrPublicKey(csrPem: string): Promise<KeyObject> {
  if (csrPem.length > MAX_CSR_CHARS) throw new Fault('INVALID', `the request has ${csrPem.length} characters`)
  const { Pkcs10CertificateRequest } = await loadX509()
  let spki: Buffer
  try {
    const request = new Pkcs10CertificateRequest(csrPem)
    if (!(await request.verify())) throw new Error('the signature does not match the key')
    spki = Buffer.from(request.publicKey.rawData)
  } catch (cause) {
    throw new Fault('INVALID', 'the certificate request is malformed or not signed with its own key', {
      cause,
    })
  }
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  const curve = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType
  if (curve !== 'prime256v1' || spki.length !== P256_SPKI_BYTES) {
    throw new Fault('INVALID', 'the key of the certificate request is not an uncompressed P-256 key', {
      seen: { key: String(curve), bytes: spki.length },
    })
  }
  return key
}

/**
 * SHA-256 of the request's subject public key info, hex: the same key asks again, the same answer comes back.
 *
 * @throws {Fault} INVALID as csrPublicKey.
 */
export async function csrPublicKeyHash(csrPem: string): Promise<string> {
  return publicKeyHash(await csrPublicKey(csrPem))
}

export function publicKeyHash(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}
