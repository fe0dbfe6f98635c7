/** Tenants, certificates good and bad, and real TLS handshakes between their holders. For tests. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import tls from 'node:tls'
import { Authority, type AuthorityMaterial, createAuthority } from './authority.ts'
import { createKeyAndCsr } from './csr.ts'
import type { Identity } from './identity.ts'
import { TLS_USAGES } from './usages.ts'
import { CERTIFICATE_KEY, CERTIFICATE_SIGNATURE, loadX509 } from './x509.ts'

export const HOUR_MS = 3_600_000
export const nowMs = Date.now()

export interface Held {
  readonly key: string
  /** Leaf and intermediate. */
  readonly cert: string
  readonly leaf: string
}
export interface HandshakeTenant {
  readonly authority: Authority
  readonly material: AuthorityMaterial
}

export async function tenant(name: string, atMs = nowMs): Promise<HandshakeTenant> {
  const material = await createAuthority(name, atMs)
  return { material, authority: await Authority.load(name, material) }
}

export async function hold(of: HandshakeTenant, identity: Identity, atMs = nowMs): Promise<Held> {
  const { keyPem, csrPem } = await createKeyAndCsr(identity.id)
  const { certificate } = await of.authority.issue({ csrPem, identity, lifeMs: 24 * HOUR_MS, nowMs: atMs })
  return { key: keyPem, cert: certificate, leaf: certificate.split(/(?<=-----END CERTIFICATE-----\n)/)[0]! }
}

export const aClient = (id: string): Identity => ({ tenant: 'tnt_a', role: 'client', id })
export const aControl: Identity = { tenant: 'tnt_a', role: 'control', id: 'ctl_1' }
export const anEdge: Identity = { tenant: 'tnt_a', role: 'edge', id: 'edg_1' }

/** A real handshake over loopback; gives both secure ends. */
export async function handshake<T>(
  rootPem: string,
  server: tls.TlsOptions,
  client: tls.ConnectionOptions,
  use: (ends: { server: tls.TLSSocket; client: tls.TLSSocket }) => T | Promise<T>,
): Promise<T> {
  const listener = tls.createServer({
    ca: rootPem,
    requestCert: true,
    rejectUnauthorized: false, // so that peerOf itself is what refuses
    minVersion: 'TLSv1.3',
    ...server,
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as net.AddressInfo
  const accepted = once(listener, 'secureConnection') as Promise<[tls.TLSSocket]>
  let dialled: tls.TLSSocket | undefined
  try {
    dialled = tls.connect({
      host: '127.0.0.1',
      port,
      ca: rootPem,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...client,
    })
    const [[serverEnd]] = await Promise.all([accepted, once(dialled, 'secureConnect')])
    serverEnd.on('error', () => {})
    try {
      return await use({ server: serverEnd, client: dialled })
    } finally {
      serverEnd.destroy()
    }
  } finally {
    dialled?.destroy()
    listener.close()
  }
}

/** A leaf under the name of `issuerPem` with whatever in it, signed with any key, claiming the issuer's key. */
export async function writeCertificate(o: {
  issuerPem: string
  signingKeyPem: string
  uris: string[]
  dns?: string[]
  /** As a client has by default. */
  usages?: readonly string[]
}): Promise<Held> {
  const x509 = await loadX509()
  const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const signer = createPublicKey(o.issuerPem).toCryptoKey(CERTIFICATE_KEY, true, ['verify'])
  const written = await x509.X509CertificateGenerator.create({
    subject: 'CN=written by hand',
    issuer: new x509.X509Certificate(o.issuerPem).subjectName,
    notBefore: new Date(nowMs - HOUR_MS),
    notAfter: new Date(nowMs + HOUR_MS),
    signingAlgorithm: CERTIFICATE_SIGNATURE,
    publicKey: pair.publicKey.toCryptoKey(CERTIFICATE_KEY, true, ['verify']),
    signingKey: createPrivateKey(o.signingKeyPem).toCryptoKey(CERTIFICATE_KEY, false, ['sign']),
    extensions: [
      new x509.ExtendedKeyUsageExtension([...(o.usages ?? TLS_USAGES.client)]),
      new x509.SubjectAlternativeNameExtension([
        ...o.uris.map((value) => ({ type: 'url', value }) as const),
        ...(o.dns ?? []).map((value) => ({ type: 'dns', value }) as const),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(signer),
    ],
  })
  const leaf = `${written.toString('pem')}\n`
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { key, leaf, cert: leaf + o.issuerPem }
}
