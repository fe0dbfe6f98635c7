/**
 * The one place that turns a TLS peer into an identity.
 *
 * Only the leaf whose key the handshake proved is read for who the peer is. Every other certificate a peer presents is
 * filler: it may carry the leaf up to the root, and says nothing about the peer.
 *
 * @module
 */
import { timingSafeEqual, X509Certificate } from 'node:crypto'
import type tls from 'node:tls'
import { rfc3339 } from '../base/clock.ts'
import { Fault, type FaultCode, type Hop } from '../base/faults.ts'
import { publicKeyHash } from './csr.ts'
import { IDENTITY_SCHEME, type Identity, identityUri, parseIdentityUri, type Role } from './identity.ts'

export interface Peer {
  readonly identity: Identity
  /** Upper-case hex. */
  readonly serial: string
  /** SHA-256 of the leaf's DER, hex. */
  readonly thumbprint: string
  /** SHA-256 of the key that the handshake proved, hex: what stays the same when the certificate is renewed. */
  readonly publicKeyHash: string
  readonly notAfterMs: number
}

export interface PeerExpectation {
  readonly tenant: string
  readonly roles: readonly Role[]
  readonly rootPem: string
  readonly nowMs: number
}

/** Root, intermediate, leaf; a longer chain is not ours. */
const MAX_CHAIN = 3
const CLIENT_AND_SERVER = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']

/**
 * Who is at the other end of `socket`, once its handshake is over. The TLS context must have had `ca: rootPem`.
 *
 * @throws {Fault} PEER_REFUSED (TLS_INTERCEPTED where an edge was expected) if the leaf is missing, of another root,
 * tenant or role; CERT_EXPIRED or CLOCK_SKEW if only the time is wrong.
 */
export function peerOf(socket: tls.TLSSocket, expect: PeerExpectation): Peer {
  const [role, ...others] = expect.roles
  const foreign: Refusal = {
    code: role === 'edge' && others.length === 0 ? 'TLS_INTERCEPTED' : 'PEER_REFUSED',
    hop: others.length === 0 ? role : undefined, // every role is a hop: the peer owns what is wrong with it
  }
  const leaf = presented(socket, foreign)
  const chain = chainOf(leaf, new X509Certificate(expect.rootPem))
  if (chain === undefined) {
    throw new Fault(foreign.code, 'the certificate is not of the tenant CA', {
      hop: foreign.hop,
      seen: whoIs(leaf),
    })
  }
  for (const certificate of chain) requireTime(certificate, expect.nowMs)
  // Our own walk has passed; this is the verdict of OpenSSL on the same chain, and both must agree.
  if (!socket.authorized) throw unauthorized(socket, leaf, foreign)
  const identity = identityOf(leaf)
  if (identity.tenant !== expect.tenant || !expect.roles.includes(identity.role)) {
    throw new Fault('PEER_REFUSED', `it speaks for ${identityUri(identity)}`, {
      hop: foreign.hop,
      seen: { identity: identityUri(identity), wanted: expect.roles },
    })
  }
  return peer(leaf, identity)
}

/**
 * The edge at the other end of `socket`, before this machine has any certificate: the chain it presents must end in
 * the root whose hash the provisioning key carries.
 *
 * @param expect.pin SHA-256 of the root certificate's DER.
 * @throws {Fault} TLS_INTERCEPTED naming issuer and subject seen; CERT_EXPIRED, CLOCK_SKEW; PEER_REFUSED if the
 * certificate is of this CA but not an edge's.
 */
export function verifyPinnedServer(
  socket: tls.TLSSocket,
  expect: { pin: Buffer; nowMs: number },
): { peer: Peer; rootPem: string } {
  const leaf = presented(socket, { code: 'TLS_INTERCEPTED' })
  const root = lastPresented(leaf)
  const chain = samePin(root, expect.pin) ? chainOf(leaf, root) : undefined
  if (chain === undefined) {
    throw new Fault('TLS_INTERCEPTED', 'the chain presented does not end in the pinned tenant CA', {
      seen: { ...whoIs(leaf), chainEnd: oneLine(root.subject), wantedPin: expect.pin.toString('hex') },
    })
  }
  for (const certificate of chain) requireTime(certificate, expect.nowMs)
  const identity = identityOf(leaf)
  if (identity.role !== 'edge') {
    throw new Fault('PEER_REFUSED', `it speaks for ${identityUri(identity)}`, {
      seen: { identity: identityUri(identity), wanted: ['edge'] },
    })
  }
  return { peer: peer(leaf, identity), rootPem: root.toString() }
}

/** How a peer that is not ours is refused: the code and, where one peer only was expected, its hop. */
interface Refusal {
  readonly code: FaultCode
  readonly hop?: Hop
}

function presented(socket: tls.TLSSocket, foreign: Refusal): X509Certificate {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined)
    throw new Fault(foreign.code, 'the peer presented no certificate', { hop: foreign.hop })
  return leaf
}

/** Leaf to root if every link is signed by the next and the last is `root`, which the caller trusts; else nothing. */
function chainOf(leaf: X509Certificate, root: X509Certificate): X509Certificate[] | undefined {
  if (leaf.ca) return undefined
  const chain = [leaf]
  for (let at = leaf; chain.length < MAX_CHAIN; ) {
    if (isCa(root, at)) return [...chain, root]
    const next = at.issuerCertificate
    if (next === undefined || !isCa(next, at)) return undefined
    chain.push(next)
    at = next
  }
  return undefined
}

function isCa(issuer: X509Certificate, of: X509Certificate): boolean {
  return issuer.ca && of.checkIssued(issuer) && of.verify(issuer.publicKey)
}

function lastPresented(leaf: X509Certificate): X509Certificate {
  let at = leaf
  for (let depth = 1; depth < MAX_CHAIN && at.issuerCertificate !== undefined; depth++) {
    at = at.issuerCertificate
  }
  return at
}

function samePin(root: X509Certificate, pin: Buffer): boolean {
  const seen = Buffer.from(root.fingerprint256.replaceAll(':', ''), 'hex')
  return pin.length === seen.length && timingSafeEqual(seen, pin)
}

function requireTime(certificate: X509Certificate, nowMs: number): void {
  const seen = {
    subject: oneLine(certificate.subject),
    notBefore: rfc3339(certificate.validFromDate.getTime()),
    notAfter: rfc3339(certificate.validToDate.getTime()),
    clock: rfc3339(nowMs),
  }
  if (nowMs < certificate.validFromDate.getTime()) {
    throw new Fault('CLOCK_SKEW', `by this clock the certificate begins only at ${seen.notBefore}`, { seen })
  }
  if (nowMs >= certificate.validToDate.getTime()) {
    throw new Fault('CERT_EXPIRED', `by this clock the certificate ended at ${seen.notAfter}`, { seen })
  }
}

function unauthorized(socket: tls.TLSSocket, leaf: X509Certificate, foreign: Refusal): Fault {
  const error: unknown = socket.authorizationError
  const why = String((error as { code?: string } | null)?.code ?? error ?? 'not verified')
  const detail = `TLS did not verify the certificate: ${why}`
  const seen = { ...whoIs(leaf), error: why }
  if (why === 'CERT_HAS_EXPIRED') return new Fault('CERT_EXPIRED', detail, { seen })
  if (why === 'CERT_NOT_YET_VALID') return new Fault('CLOCK_SKEW', detail, { seen })
  return new Fault(foreign.code, detail, { hop: foreign.hop, seen })
}

/** The one URI name of the leaf. Two, or text that could read as two, is no identity. */
function identityOf(leaf: X509Certificate): Identity {
  const names = leaf.subjectAltName ?? ''
  const uris = names.split(', ').filter((name) => name.startsWith('URI:'))
  const uri = uris[0]?.slice('URI:'.length)
  if (uris.length !== 1 || names.includes('"') || !uri?.startsWith(IDENTITY_SCHEME)) {
    throw new Fault('PEER_REFUSED', 'the certificate names no identity, or more than one', {
      seen: { names: names.slice(0, 512) },
    })
  }
  if (!CLIENT_AND_SERVER.every((usage) => leaf.keyUsage?.includes(usage))) {
    throw new Fault('PEER_REFUSED', 'the certificate is not for client and server', { seen: whoIs(leaf) })
  }
  return parseIdentityUri(uri)
}

function peer(leaf: X509Certificate, identity: Identity): Peer {
  return {
    identity,
    serial: leaf.serialNumber,
    thumbprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    publicKeyHash: publicKeyHash(leaf.publicKey),
    notAfterMs: leaf.validToDate.getTime(),
  }
}

function whoIs(leaf: X509Certificate): { subject: string; issuer: string; sha256: string } {
  return { subject: oneLine(leaf.subject), issuer: oneLine(leaf.issuer), sha256: leaf.fingerprint256 }
}

/** Names as Node prints them have a line per part. */
function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ').slice(0, 512)
}
