/**
 * The keys that verify grants, or tickets, as they reach whoever verifies: signed under the tenant's CA by a certificate
 * that can do nothing else. No edge, connector, client or control plane has one, so whoever stole theirs, or plays the
 * control plane with it, makes nobody believe a key of his own.
 *
 *     root ──▶ intermediate ──▶ leaf, URI backstitch://TENANT/keys/PURPOSE, usage: key set
 *                                 └──▶ JWS: purpose, keys, issued at, end        verifyKeySet
 *
 * A set that is older than one that was known is refused, however well it is signed: a key that leaked and was rotated
 * out does not come back by showing the set in which it stood.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { rfc3339 } from '../base/clock.ts'
import { asFault, Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import type { Authority } from './authority.ts'
import { chainOf, readCertificate, requireTime, urisOf } from './chain.ts'
import { keySetUri } from './identity.ts'
import { type FindKey, signToken, type TokenKind, verifyToken } from './signed-token.ts'
import { type KeyPurpose, type PublicJwk, type VerifyKeys, verifyKeys } from './signing-keys.ts'
import { KEY_SET_USAGE } from './usages.ts'

/** Two certificates and eight keys, with room. A longer one is refused before it is read. */
export const MAX_KEY_SET_CHARS = 8192
const MAX_KEYS = 8
/** DER of one certificate as base64. */
const MAX_CERTIFICATE_CHARS = 3000
/** As certificates begin so much earlier: a clock may be behind by it. */
const AHEAD_MS = 15 * 60_000

const name = z.string().min(1).max(256)
const keySet = z.strictObject({
  id: name,
  tenant: name,
  purpose: z.enum(['grant', 'ticket']),
  keys: z
    .array(
      z.strictObject({
        kid: name,
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string().max(64),
      }),
    )
    .min(1)
    .max(MAX_KEYS),
  /** Grows with each set of one purpose. */
  issuedMs: z.number().int(),
  expiresMs: z.number().int(),
})

const KIND: TokenKind<z.infer<typeof keySet>> = {
  alg: 'ES256',
  typ: 'bs-keys+jwt',
  body: keySet,
  noun: 'key set',
  maxChars: MAX_KEY_SET_CHARS,
  invalid: 'PEER_REFUSED',
  expired: 'EDGE_CERT_EXPIRED',
}

/** Signs the keys for one purpose. The key that signs is made for it, and forgotten. */
export async function signKeySet(
  authority: Pick<Authority, 'keySigner'>,
  set: {
    readonly tenant: string
    readonly purpose: KeyPurpose
    readonly keys: readonly PublicJwk[]
    readonly issuedMs: number
    readonly lifeMs: number
    readonly nowMs: number
  },
): Promise<{ jws: string; expiresMs: number }> {
  const { tenant, purpose, keys, issuedMs, nowMs } = set
  const { signer, notAfterMs } = await authority.keySigner(purpose, set)
  const body = { id: newId('kst', nowMs), tenant, purpose, keys: [...keys], issuedMs, expiresMs: notAfterMs }
  const jws = await signToken(KIND, signer, { body, audience: keySetUri(tenant, purpose), issuedMs: nowMs })
  return { jws, expiresMs: notAfterMs }
}

export interface KeySetExpectation {
  readonly tenant: string
  readonly rootPem: string
  readonly purpose: KeyPurpose
  /** When the newest set was issued that is known; 0 where none is. */
  readonly newestMs: number
  readonly nowMs: number
}

export interface KnownKeySet {
  readonly keys: VerifyKeys
  readonly issuedMs: number
  readonly expiresMs: number
}

/**
 * Returns the keys or throws.
 *
 * @throws {Fault} EDGE_CERT_EXPIRED or CLOCK_SKEW if only the time is wrong; PEER_REFUSED for everything else: another root,
 *   tenant or purpose, a certificate that is for something else, a set that is older than the newest.
 */
export async function verifyKeySet(jws: string, expect: KeySetExpectation): Promise<KnownKeySet> {
  const { tenant, purpose, nowMs } = expect
  const uri = keySetUri(tenant, purpose)
  const body = await verifyToken(KIND, signerOf(uri, expect), jws, { tenant, audience: uri, nowMs }).catch(
    (thrown: unknown) => {
      throw ofControl(thrown)
    },
  )
  const { issuedMs, expiresMs } = body
  if (body.purpose !== purpose)
    throw refused(`it is for ${body.purpose}s, but keys for ${purpose}s were expected`)
  if (issuedMs > nowMs + AHEAD_MS)
    throw new Fault('CLOCK_SKEW', `by this clock the key set is not issued before ${rfc3339(issuedMs)}`)
  // What is remembered from so far ahead is of a time when this clock was wrong.
  if (issuedMs < expect.newestMs && expect.newestMs <= nowMs + AHEAD_MS) {
    const seen = { issued: rfc3339(issuedMs), known: rfc3339(expect.newestMs) }
    throw refused(`the set of ${purpose} keys is older than the known one`, seen)
  }
  try {
    return { keys: verifyKeys(purpose, body.keys), issuedMs, expiresMs }
  } catch (cause) {
    throw refused('its keys cannot be read', undefined, cause)
  }
}

/** The key of the leaf in the header, once that leads to the root and may sign this. */
function signerOf(uri: string, { rootPem, nowMs }: KeySetExpectation): FindKey {
  return ({ x5c }) => {
    const isChain =
      Array.isArray(x5c) &&
      x5c.length === 2 &&
      x5c.every((one) => typeof one === 'string' && one.length <= MAX_CERTIFICATE_CHARS)
    const [leaf, intermediate] = isChain
      ? x5c.map((one: string) => readCertificate(Buffer.from(one, 'base64')))
      : []
    if (leaf === undefined || intermediate === undefined) throw refused('it comes without its certificates')
    const chain = chainOf(leaf, new X509Certificate(rootPem), (one) =>
      one === leaf ? intermediate : undefined,
    )
    if (chain === undefined) throw refused('its certificate was not issued by the tenant CA')
    const uris = urisOf(leaf)
    const usages = leaf.keyUsage ?? []
    if (usages.length !== 1 || usages[0] !== KEY_SET_USAGE || uris.length !== 1 || uris[0] !== uri)
      throw refused('its certificate is not for that purpose', { uris, usages, wanted: uri })
    for (const certificate of chain) requireTime(certificate, nowMs, KIND.expired)
    return leaf.publicKey
  }
}

function refused(what: string, seen?: Record<string, string | string[]>, cause?: unknown): Fault {
  return new Fault('PEER_REFUSED', `verification keys were refused: ${what}`, {
    hop: 'control',
    seen,
    cause,
  })
}

/** Whoever sent it is, or plays, the control plane. */
function ofControl(thrown: unknown): Fault {
  const fault = asFault(thrown)
  if (fault.code !== 'PEER_REFUSED' || fault.hop === 'control') return fault
  return refused(fault.detail, undefined, fault)
}
