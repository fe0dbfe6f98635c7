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
import { Fault, type FaultCode, type Hop } from '../base/faults.ts'
import { chainOf, MAX_CHAIN, oneLine, requireTime, urisOf } from './chain.ts'
import { publicKeyHash } from './csr.ts'
import {
  IDENTITY_SCHEME,
  type Identity,
  type IdentityRole,
  identityUri,
  parseIdentityUri,
} from './identity.ts'
import { KEY_SET_USAGE, TLS_USAGES } from './usages.ts'

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
  readonly roles: readonly IdentityRole[]
  readonly rootPem: string
  readonly nowMs: number
}

/**
 * Who is at the other end of `socket`, once its handshake is over. The TLS context must have had `ca: rootPem`.
 *
 * @throws {Fault} PEER_REFUSED (TLS_INTERCEPTED where an edge or the control plane was expected) if the leaf is missing,
 * of another root, tenant or role; CERT_EXPIRED (EDGE_CERT_EXPIRED where one of those was expected) or CLOCK_SKEW if only
 * the time is wrong.
 */
export function peerOf(socket: tls.TLSSocket, expect: PeerExpectation): Peer {
  const [role, ...others] = expect.roles
  const isServer = others.length === 0 && (role === 'edge' || role === 'control')
  // Every role is a hop: the peer owns what is wrong with it. Who answers in place of the control plane stands where
  // the edge does.
  const foreign: PeerRefusal = {
    code: isServer ? 'TLS_INTERCEPTED' : 'PEER_REFUSED',
    ended: isServer ? 'EDGE_CERT_EXPIRED' : 'CERT_EXPIRED',
    hop: others.length > 0 ? undefined : isServer ? 'edge' : role,
  }
  const leaf = presented(socket, foreign)
  const chain = chainOf(leaf, new X509Certificate(expect.rootPem))
  if (chain === undefined) {
    const who = whoIs(leaf)
    throw new Fault(foreign.code, `the certificate was not issued by the tenant CA: issuer ${who.issuer}`, {
      hop: foreign.hop,
      seen: who,
    })
  }
  for (const certificate of chain) requireTime(certificate, expect.nowMs, foreign.ended)
  // Our own walk has passed; this is the verdict of OpenSSL on the same chain, and both must agree.
  if (!socket.authorized) throw unauthorized(socket, leaf, foreign)
  const identity = identityOf(leaf)
  if (identity.tenant !== expect.tenant || !expect.roles.includes(identity.role)) {
    throw new Fault('PEER_REFUSED', `it identifies ${identityUri(identity)}`, {
      hop: foreign.hop,
      seen: { identity: identityUri(identity), wanted: expect.roles },
    })
  }
  return peer(leaf, identity)
}

/**
 * The control plane, or an edge, at the other end of `socket`, before this machine has any certificate: the chain it
 * presents must end in the root whose hash the provisioning key carries.
 *
 * @param expect.pin SHA-256 of the root certificate's DER.
 * @throws {Fault} TLS_INTERCEPTED naming issuer and subject seen; PIN_MISMATCH for another tenant's; EDGE_CERT_EXPIRED, CLOCK_SKEW; PEER_REFUSED if the
 * certificate is of this CA but of another role.
 */
export function verifyPinnedServer(
  socket: tls.TLSSocket,
  expect: { pin: Buffer; nowMs: number; role: 'control' | 'edge' },
): { peer: Peer; rootPem: string } {
  const leaf = presented(socket, EDGE)
  const root = lastPresented(leaf)
  const chain = samePin(root, expect.pin) ? chainOf(leaf, root) : undefined
  if (chain === undefined) {
    throw notPinned(leaf, root, expect.pin)
  }
  for (const certificate of chain) requireTime(certificate, expect.nowMs, EDGE.ended)
  const identity = identityOf(leaf)
  if (identity.role !== expect.role) {
    throw new Fault('PEER_REFUSED', `it identifies ${identityUri(identity)}`, {
      hop: 'edge',
      seen: { identity: identityUri(identity), wanted: [expect.role] },
    })
  }
  return { peer: peer(leaf, identity), rootPem: root.toString() }
}

/** A whole chain of another tenant is no inspection: nobody who signs names again writes ours into them. */
function notPinned(leaf: X509Certificate, root: X509Certificate, wanted: Buffer): Fault {
  const seen = { ...whoIs(leaf), chainEnd: oneLine(root.subject), wantedPin: wanted.toString('hex') }
  const [uri = ''] = urisOf(leaf)
  const isWhole = root.checkIssued(root) && chainOf(leaf, root) !== undefined
  if (!isWhole || !uri.startsWith(IDENTITY_SCHEME)) {
    const detail = `the chain presented does not end in the pinned tenant CA: issuer ${seen.issuer}`
    return new Fault('TLS_INTERCEPTED', detail, { seen })
  }
  const shownPin = root.fingerprint256.replaceAll(':', '').toLowerCase()
  const detail = 'the server that answers is a Backstitch server, but not the pinned one'
  return new Fault('PIN_MISMATCH', detail, { seen: { ...seen, identity: uri, shownPin } })
}

/** How a peer that is not ours is refused: the code and, where one peer only was expected, its hop. */
interface PeerRefusal {
  readonly code: FaultCode
  /** Where it is ours, and its time is over: agents must not take the end of an edge's certificate for their own. */
  readonly ended: FaultCode
  readonly hop?: Hop
}

const EDGE: PeerRefusal = { code: 'TLS_INTERCEPTED', ended: 'EDGE_CERT_EXPIRED' }

function presented(socket: tls.TLSSocket, foreign: PeerRefusal): X509Certificate {
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined)
    throw new Fault(foreign.code, 'the peer presented no certificate', { hop: foreign.hop })
  return leaf
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

function unauthorized(socket: tls.TLSSocket, leaf: X509Certificate, foreign: PeerRefusal): Fault {
  const error: unknown = socket.authorizationError
  const why = String((error as { code?: string } | null)?.code ?? error ?? 'not verified')
  const detail = `TLS did not verify the certificate: ${why}`
  const seen = { ...whoIs(leaf), error: why }
  if (why === 'CERT_HAS_EXPIRED') return new Fault(foreign.ended, detail, { seen })
  if (why === 'CERT_NOT_YET_VALID') return new Fault('CLOCK_SKEW', detail, { seen })
  return new Fault(foreign.code, detail, { hop: foreign.hop, seen })
}

/** The one URI name of the leaf, which says its role; and it may be used for what that role does in TLS, for nothing else. */
function identityOf(leaf: X509Certificate): Identity {
  const [uri, ...others] = urisOf(leaf)
  if (uri === undefined || others.length > 0 || !uri.startsWith(IDENTITY_SCHEME)) {
    throw new Fault('PEER_REFUSED', 'the certificate names no identity, or more than one', {
      seen: { names: (leaf.subjectAltName ?? '').slice(0, 512) },
    })
  }
  const usages = leaf.keyUsage ?? []
  if (usages.includes(KEY_SET_USAGE)) {
    throw new Fault('PEER_REFUSED', 'the certificate signs key sets and identifies no agent', {
      seen: whoIs(leaf),
    })
  }
  const identity = parseIdentityUri(uri)
  const wanted = TLS_USAGES[identity.role]
  if (usages.length !== wanted.length || !wanted.every((usage) => usages.includes(usage))) {
    throw new Fault(
      'PEER_REFUSED',
      `the certificate is not valid for the TLS role of ${aRole(identity.role)}`,
      {
        seen: { ...whoIs(leaf), usages, wanted },
      },
    )
  }
  return identity
}

function aRole(role: IdentityRole): string {
  return role === 'control' ? 'the control plane' : role === 'edge' ? 'an edge' : `a ${role}`
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
