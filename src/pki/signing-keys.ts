/**
 * Ed25519 keys that grants and tickets are signed with.
 *
 * Rotation: make a new key, sign with it at once, and publish the old public key beside it until the last
 * token signed with it has ended. Verifiers pick by `kid`, so the two overlap without either failing.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { Fault, type FaultCode } from '../base/faults.ts'
import { newId } from '../base/ids.ts'

/** A public signing key as it travels (RFC 8037). */
export interface PublicJwk {
  readonly kid: string
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
}

export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly header: { readonly kid: string }
  readonly publicJwk: PublicJwk
}

/** What a key signs. A key for one never verifies the other. */
export type KeyPurpose = 'grant' | 'ticket'

/** Public keys that a verifier accepts for one purpose, by `kid`. */
export interface VerifyKeys {
  readonly purpose: KeyPurpose
  readonly byKid: ReadonlyMap<string, KeyObject>
}

/** @param nowMs Unix time in milliseconds; ids of keys sort by it. */
export function newSigningKey(nowMs: number): SigningKey {
  return signingKey(newId('key', nowMs), generateKeyPairSync('ed25519').privateKey)
}

/** PKCS #8 PEM: a secret, to be kept in the vault. */
export function exportSigningKey(key: SigningKey): string {
  return key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** @throws {Fault} INVALID if `pem` is not an Ed25519 private key. */
export function importSigningKey(kid: string, pem: string): SigningKey {
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey(pem)
  } catch (cause) {
    throw new Fault('INVALID', `signing key ${kid} is not a private key`, { cause })
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new Fault('INVALID', `signing key ${kid} is ${privateKey.asymmetricKeyType}, not ed25519`)
  }
  return signingKey(kid, privateKey)
}

/** @throws {Fault} INVALID if a key is not an Ed25519 public key, or two have one kid. */
export function verifyKeys(purpose: KeyPurpose, jwks: readonly PublicJwk[]): VerifyKeys {
  const keys = new Map<string, KeyObject>()
  for (const { kid, kty, crv, x } of jwks) {
    if (kty !== 'OKP' || crv !== 'Ed25519') throw new Fault('INVALID', `signing key ${kid} is not Ed25519`)
    if (keys.has(kid)) throw new Fault('INVALID', `two signing keys are named ${kid}`)
    try {
      keys.set(kid, createPublicKey({ key: { kty, crv, x }, format: 'jwk' }))
    } catch (cause) {
      throw new Fault('INVALID', `signing key ${kid} is not a public key`, { cause })
    }
  }
  return { purpose, byKid: keys }
}

/** Those of a set, for another process. */
export function publicJwks({ byKid }: VerifyKeys): PublicJwk[] {
  return [...byKid].map(([kid, key]) => ({
    kid,
    kty: 'OKP',
    crv: 'Ed25519',
    x: key.export({ format: 'jwk' }).x!,
  }))
}

/** As a header of a token asks for it. @throws {Fault} `refusal` where no such key is there, or it is for something else. */
export function keyFor(
  keys: VerifyKeys,
  purpose: KeyPurpose,
  refusal: FaultCode,
): (header: { kid?: string }) => KeyObject {
  return ({ kid }) => {
    const key = kid === undefined || keys.purpose !== purpose ? undefined : keys.byKid.get(kid)
    if (key === undefined) throw new Fault(refusal, 'it is signed with a key that is not accepted here')
    return key
  }
}

function signingKey(kid: string, privateKey: KeyObject): SigningKey {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' })
  return { kid, privateKey, header: { kid }, publicJwk: { kid, kty: 'OKP', crv: 'Ed25519', x: x! } }
}
