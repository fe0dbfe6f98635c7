/**
 * The one place that signs and the one place that verifies what the control plane reports to others.
 *
 * JWS compact, one algorithm for each kind. `typ` is pinned, so that a ticket can never pass for a grant; `aud` names the
 * one reader, so that a token for one connector or edge is worthless at another; `exp` is exact to the millisecond.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto'
import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose'
import type { z } from 'zod'
import { Fault, type FaultCode } from '../base/faults.ts'

/** As certificates: a verifier whose clock is up to this much behind still accepts a fresh token. */
const NOT_BEFORE_BACK_MS = 15 * 60_000

export interface TokenKind<Body> {
  readonly alg: 'EdDSA' | 'ES256'
  /** Media type in the header, pinned. */
  readonly typ: string
  readonly body: z.ZodType<Body>
  /** What a person calls it. */
  readonly noun: string
  readonly maxChars: number
  readonly invalid: FaultCode
  readonly expired: FaultCode
}

/** A key, and what the header says of it, by which the reader finds the public half. */
export interface TokenSigner {
  readonly privateKey: KeyObject
  readonly header: { readonly kid: string } | { readonly x5c: string[] }
}

/** The public half for a header that nobody has verified yet. Throws where there is none that counts. */
export type FindKey = (header: Pick<JWTHeaderParameters, 'kid' | 'x5c'>) => KeyObject

interface Lived {
  readonly id: string
  readonly tenant: string
  readonly expiresMs: number
}

/**
 * @param audience Identity URI of the only reader.
 * @param issuedMs Unix milliseconds.
 * @throws {Fault} INVALID if the token would be longer than its readers accept.
 */
export async function signToken<Body extends Lived>(
  kind: TokenKind<Body>,
  signer: TokenSigner,
  o: { body: Body; audience: string; issuedMs: number },
): Promise<string> {
  const token = await new SignJWT({ body: kind.body.parse(o.body) })
    .setProtectedHeader({ alg: kind.alg, typ: kind.typ, ...signer.header })
    .setIssuer(issuer(o.body.tenant))
    .setAudience(o.audience)
    .setJti(o.body.id)
    .setIssuedAt(seconds(o.issuedMs))
    .setNotBefore(seconds(o.issuedMs - NOT_BEFORE_BACK_MS))
    .setExpirationTime(Math.ceil(o.body.expiresMs / 1000))
    .sign(signer.privateKey)
  if (token.length > kind.maxChars) {
    throw new Fault('INVALID', `a ${kind.noun} of ${token.length} characters is over ${kind.maxChars}`)
  }
  return token
}

/**
 * Returns the claims or throws; there is no third outcome to forget to check.
 *
 * @throws {Fault} `kind.expired` if only its life is over, `kind.invalid` for everything else.
 */
export async function verifyToken<Body extends Lived>(
  kind: TokenKind<Body>,
  findKey: FindKey,
  jws: string,
  expect: { tenant: string; audience: string; nowMs: number },
): Promise<Body> {
  if (jws.length > kind.maxChars) throw new Fault(kind.invalid, `it has ${jws.length} characters`)
  const { payload } = await jwtVerify(jws, findKey, {
    algorithms: [kind.alg],
    typ: kind.typ,
    issuer: issuer(expect.tenant),
    audience: expect.audience,
    currentDate: new Date(expect.nowMs),
    requiredClaims: ['exp', 'nbf', 'iat', 'jti', 'body'],
  }).catch((thrown: unknown) => {
    throw refusal(kind, thrown)
  })
  const parsed = kind.body.safeParse(payload.body)
  if (!parsed.success) throw new Fault(kind.invalid, `the ${kind.noun} is signed but malformed`)
  const body = parsed.data
  if (body.tenant !== expect.tenant || body.id !== payload.jti) {
    throw new Fault(kind.invalid, `the ${kind.noun} contradicts itself`)
  }
  if (body.expiresMs <= expect.nowMs) throw new Fault(kind.expired, ended(kind, body.expiresMs, expect.nowMs))
  return body
}

function refusal<Body>(kind: TokenKind<Body>, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown
  if (thrown instanceof errors.JWTExpired) {
    return new Fault(kind.expired, `the validity period of the ${kind.noun} is over`, { cause: thrown })
  }
  if (thrown instanceof errors.JOSEError) {
    // The code says which check failed; the message could quote the token.
    return new Fault(kind.invalid, `the ${kind.noun} was refused: ${thrown.code}`, { cause: thrown })
  }
  return new Fault(kind.invalid, `the ${kind.noun} cannot be read`, { cause: thrown })
}

function ended<Body>(kind: TokenKind<Body>, expiresMs: number, nowMs: number): string {
  return `the ${kind.noun} expired ${Math.round(nowMs - expiresMs)} ms ago`
}

function issuer(tenant: string): string {
  return `backstitch://${tenant}/control`
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}
