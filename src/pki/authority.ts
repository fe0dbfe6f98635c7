/**
 * The tenant CA: a root that can go offline, an intermediate that signs, leaves that name who they speak for.
 *
 *     root          20 years   CA, path length 1   its SHA-256 is the pin in every provisioning key
 *     intermediate   5 years   CA, path length 0   so a leaf can never sign anything
 *     leaf          hours      URI SAN = identity; key usage: signature; client, server or both, as its role needs
 *     key set       days       URI SAN = tenant and purpose; signs one set of keys, and is no peer of anybody
 *
 * All ECDSA P-256. NotBefore is 15 minutes back, for peers whose clock is behind.
 *
 * @module
 */
import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto'
import { isIP } from 'node:net'
import type * as X509 from '@peculiar/x509'
import { Fault } from '../base/faults.ts'
import { csrPublicKey, publicKeyHash } from './csr.ts'
import { type Identity, identityUri, keySetUri } from './identity.ts'
import type { TokenSigner } from './signed-token.ts'
import type { KeyPurpose } from './signing-keys.ts'
import { KEY_SET_USAGE, TLS_USAGES } from './usages.ts'
import { CERTIFICATE_KEY, CERTIFICATE_SIGNATURE, loadX509 } from './x509.ts'

export const NOT_BEFORE_BACK_MS = 15 * 60_000
const DAY_MS = 86_400_000
const ROOT_LIFE_MS = 20 * 365 * DAY_MS
const INTERMEDIATE_LIFE_MS = 5 * 365 * DAY_MS

/** PEM. `rootKey` is needed to make a new intermediate only; it may be empty where the root is kept offline. */
export interface AuthorityMaterial {
  readonly rootCert: string
  readonly rootKey: string
  readonly intermediateCert: string
  readonly intermediateKey: string
}

export interface IssueOptions {
  /** Only the key is taken from it: names and extensions that it asks for are ignored. */
  readonly csrPem: string
  readonly identity: Identity
  readonly lifeMs: number
  readonly nowMs: number
  /** DNS names or addresses for the SAN, beside the identity. */
  readonly names?: readonly string[]
}

export interface SignedCertificate {
  /** Leaf, then intermediate, PEM. */
  readonly certificate: string
  /** Upper-case hex, as `X509Certificate.serialNumber`. */
  readonly serial: string
  /** SHA-256 of the leaf's DER, hex. */
  readonly thumbprint: string
  readonly notAfterMs: number
  /** SHA-256 of the subject public key info's DER, hex. */
  readonly publicKeyHash: string
}

/** A new root and intermediate for `tenant`. The keys are secrets: they belong in the vault. @throws {RangeError} if no identity can name it. */
export async function createAuthority(tenant: string, nowMs: number): Promise<AuthorityMaterial> {
  identityUri({ tenant, role: 'edge', id: 'any' }) // throws if leaves could not name the tenant
  const x509 = await loadX509()
  const root = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const intermediate = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const rootName: X509.JsonName = [{ O: [tenant] }, { CN: ['Backstitch root'] }]
  const ca = async (o: { key: KeyObject; name: X509.JsonName; lifeMs: number; pathLength: number }) =>
    write(x509, {
      subject: o.name,
      issuer: rootName,
      publicKey: o.key,
      signedBy: root,
      notBeforeMs: nowMs - NOT_BEFORE_BACK_MS,
      notAfterMs: nowMs + o.lifeMs,
      extensions: [
        new x509.BasicConstraintsExtension(true, o.pathLength, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    })
  const rootCert = await ca({ key: root.publicKey, name: rootName, lifeMs: ROOT_LIFE_MS, pathLength: 1 })
  const intermediateCert = await ca({
    key: intermediate.publicKey,
    name: [{ O: [tenant] }, { CN: [`Backstitch intermediate ${new Date(nowMs).getUTCFullYear()}`] }],
    lifeMs: INTERMEDIATE_LIFE_MS,
    pathLength: 0,
  })
  return {
    rootCert,
    rootKey: pkcs8(root.privateKey),
    intermediateCert,
    intermediateKey: pkcs8(intermediate.privateKey),
  }
}

/** Signs leaves of one tenant with its intermediate. */
export class Authority {
  /** SHA-256 of the root certificate's DER, 32 bytes. */
  readonly pin: Buffer
  readonly rootPem: string
  readonly intermediatePem: string
  readonly #tenant: string
  readonly #intermediate: X509Certificate
  readonly #key: KeyObject

  /** @throws {Fault} INVALID if certificates and keys do not belong together. */
  static async load(tenant: string, material: AuthorityMaterial): Promise<Authority> {
    return new Authority(tenant, material)
  }

  private constructor(tenant: string, { rootCert, intermediateCert, intermediateKey }: AuthorityMaterial) {
    const root = new X509Certificate(rootCert)
    this.#intermediate = new X509Certificate(intermediateCert)
    this.#key = createPrivateKey(intermediateKey)
    if (!root.ca || !root.verify(root.publicKey)) broken(tenant, 'the root is not a self-signed CA')
    if (!this.#intermediate.ca || !this.#intermediate.checkIssued(root)) {
      broken(tenant, 'the intermediate was not issued by this root')
    }
    if (!this.#intermediate.verify(root.publicKey))
      broken(tenant, 'the intermediate is not signed by this root')
    if (!this.#intermediate.checkPrivateKey(this.#key))
      broken(tenant, 'the key does not belong to the intermediate')
    this.#tenant = tenant
    this.rootPem = rootCert
    this.intermediatePem = intermediateCert
    this.pin = Buffer.from(root.fingerprint256.replaceAll(':', ''), 'hex')
  }

  /**
   * A leaf for the key in the request. It never outlives the intermediate.
   *
   * @throws {Fault} INVALID if the request is not acceptable, names another tenant or no life is left.
   */
  async issue({ csrPem, identity, lifeMs, nowMs, names = [] }: IssueOptions): Promise<SignedCertificate> {
    if (identity.tenant !== this.#tenant) {
      throw new Fault('INVALID', `tenant ${this.#tenant} cannot issue for ${identityUri(identity)}`)
    }
    const publicKey = await csrPublicKey(csrPem)
    const { pem, leaf, notAfterMs } = await this.#leaf({
      ...{ publicKey, name: identity.id, uri: identityUri(identity), names },
      ...{ usages: TLS_USAGES[identity.role], lifeMs, nowMs },
    })
    return {
      certificate: pem + this.intermediatePem,
      serial: leaf.serialNumber,
      thumbprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
      notAfterMs,
      publicKeyHash: publicKeyHash(publicKey),
    }
  }

  /**
   * A fresh key that signs one set of keys, with its certificate. No request leads to one: it is made where it signs, and
   * forgotten.
   *
   * @throws {Fault} INVALID if no life is left.
   */
  async keySigner(
    purpose: KeyPurpose,
    { lifeMs, nowMs }: { lifeMs: number; nowMs: number },
  ): Promise<{ signer: TokenSigner; notAfterMs: number }> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const { leaf, notAfterMs } = await this.#leaf({
      ...{ publicKey, name: `${purpose} keys`, uri: keySetUri(this.#tenant, purpose), names: [] },
      ...{ usages: [KEY_SET_USAGE], lifeMs, nowMs },
    })
    const x5c = [leaf, this.#intermediate].map(({ raw }) => raw.toString('base64'))
    return { signer: { privateKey, header: { x5c } }, notAfterMs }
  }

  async #leaf(o: {
    readonly publicKey: KeyObject
    readonly name: string
    readonly uri: string
    readonly names: readonly string[]
    readonly usages: readonly string[]
    readonly lifeMs: number
    readonly nowMs: number
  }): Promise<{ pem: string; leaf: X509Certificate; notAfterMs: number }> {
    const x509 = await loadX509()
    // X.509 times are whole seconds; rounding down keeps the promise "no longer than lifeMs".
    const notAfterMs = Math.min(floorSecond(o.nowMs + o.lifeMs), this.#intermediate.validToDate.getTime())
    if (notAfterMs <= o.nowMs)
      throw new Fault('INVALID', 'the certificate would expire before it becomes valid')
    const pem = await write(x509, {
      subject: [{ O: [this.#tenant] }, { CN: [o.name] }],
      issuer: new x509.X509Certificate(this.#intermediate.raw).subjectName,
      publicKey: o.publicKey,
      signedBy: { privateKey: this.#key, publicKey: this.#intermediate.publicKey },
      notBeforeMs: o.nowMs - NOT_BEFORE_BACK_MS,
      notAfterMs,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([...o.usages]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'url', value: o.uri },
          ...o.names.map((value) => ({ type: nameType(value), value })),
        ]),
      ],
    })
    return { pem, leaf: new X509Certificate(pem), notAfterMs }
  }
}

interface CertificateContent {
  readonly subject: X509.JsonName
  readonly issuer: X509.JsonName | X509.Name
  readonly publicKey: KeyObject
  readonly signedBy: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly extensions: X509.Extension[]
}

async function write(x509: typeof X509, o: CertificateContent): Promise<string> {
  const publicKey = o.publicKey.toCryptoKey(CERTIFICATE_KEY, true, ['verify'])
  const signer = o.signedBy.publicKey.toCryptoKey(CERTIFICATE_KEY, true, ['verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: o.subject,
    issuer: o.issuer,
    notBefore: new Date(floorSecond(o.notBeforeMs)),
    notAfter: new Date(floorSecond(o.notAfterMs)),
    signingAlgorithm: CERTIFICATE_SIGNATURE,
    publicKey,
    signingKey: o.signedBy.privateKey.toCryptoKey(CERTIFICATE_KEY, false, ['sign']),
    extensions: [
      ...o.extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(signer),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

const DNS_NAME = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?$/i

/** A name with a comma or a quote could read as two names, one of them an identity: it is not signed. */
function nameType(name: string): 'ip' | 'dns' {
  if (isIP(name)) return 'ip'
  if (DNS_NAME.test(name)) return 'dns'
  throw new Fault('INVALID', 'a name for the certificate is neither a DNS name nor an address', {
    seen: { name },
  })
}

/** 16 bytes, 126 random bits: positive in DER, and never with a leading zero byte that readers print differently. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.toString('hex')
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function floorSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}

function broken(tenant: string, what: string): never {
  throw new Fault('INVALID', `the certificate authority of ${tenant} is damaged: ${what}`)
}
