/**
 * A grant: this certificate may reach these destinations through this connector, until then. Signed by the control
 * plane, verified by the connector; the edge carries it unread inside the end-to-end TLS session.
 *
 * @module
 */
import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { Fault } from '../base/faults.ts'
import { identityUri } from './identity.ts'
import { packNetworks, unpackNetworks } from './packed-networks.ts'
import { signToken, type TokenKind, verifyToken } from './signed-token.ts'
import { keyFor, type SigningKey, type VerifyKeys } from './signing-keys.ts'

/** A segment whose grant would be longer is refused when it is signed: it must be split. */
export const MAX_GRANT_CHARS = 16_000

const name = z.string().min(1).max(256)
const ports = z.array(z.tuple([z.number().int(), z.number().int()]))

const grant = z.strictObject({
  id: name,
  tenant: name,
  user: name,
  userName: name,
  device: name,
  /** SHA-256 of the client's leaf certificate, hex: the grant is worthless with any other. */
  thumbprint: z.string().regex(/^[0-9a-f]{64}$/),
  connector: name,
  segment: name,
  segmentName: name,
  rule: name,
  hosts: z.array(z.string()),
  cidrs: z.array(z.string()),
  /** Addresses allowed after resolution; empty: any but the forbidden ranges. */
  addressCidrs: z.array(z.string()),
  tcp: ports,
  udp: ports,
  /** Of a trace: leads to the echo in the connector, and nowhere else. */
  echo: z.literal(true).optional(),
  issuedMs: z.number().int(),
  expiresMs: z.number().int(),
})
export type Grant = z.infer<typeof grant>

/** As it is signed. */
const signed = grant.extend({ addressCidrs: z.string() })

const KIND: TokenKind<z.infer<typeof signed>> = {
  alg: 'EdDSA',
  typ: 'bs-grant+jwt',
  body: signed,
  noun: 'grant',
  maxChars: MAX_GRANT_CHARS,
  invalid: 'GRANT_INVALID',
  expired: 'GRANT_EXPIRED',
}

/** @throws {Fault} INVALID if the segment is too large for one grant. */
export async function signGrant(key: SigningKey, grant: Grant): Promise<string> {
  return signToken(KIND, key, {
    body: { ...grant, addressCidrs: packNetworks(grant.addressCidrs) },
    audience: identityUri({ tenant: grant.tenant, role: 'connector', id: grant.connector }),
    issuedMs: grant.issuedMs,
  })
}

/**
 * @param expect.connector Id of the connector that verifies.
 * @param expect.thumbprint Certificate of the peer of this tunnel, as TLS proved it.
 * @throws {Fault} GRANT_EXPIRED, or GRANT_INVALID for everything else.
 */
export async function verifyGrant(
  keys: VerifyKeys,
  jws: string,
  expect: { tenant: string; connector: string; thumbprint: string; nowMs: number },
): Promise<Grant> {
  const body = await verifyToken(KIND, keyFor(keys, 'grant', 'GRANT_INVALID'), jws, {
    tenant: expect.tenant,
    audience: identityUri({ tenant: expect.tenant, role: 'connector', id: expect.connector }),
    nowMs: expect.nowMs,
  })
  const grant = { ...body, addressCidrs: readNetworks(body) }
  if (grant.connector !== expect.connector) {
    throw new Fault('GRANT_INVALID', 'it names another connector', { seen: { grant: grant.id } })
  }
  if (!sameHash(grant.thumbprint, expect.thumbprint)) {
    throw new Fault('GRANT_INVALID', 'it is bound to another certificate', { seen: { grant: grant.id } })
  }
  return grant
}

function readNetworks({ id, addressCidrs }: z.infer<typeof signed>): string[] {
  try {
    return unpackNetworks(addressCidrs)
  } catch (cause) {
    throw new Fault('GRANT_INVALID', 'its networks cannot be read', { cause, seen: { grant: id } })
  }
}

function sameHash(left: string, right: string): boolean {
  const a = Buffer.from(left, 'hex')
  const b = Buffer.from(right, 'hex')
  return a.length === 32 && b.length === 32 && timingSafeEqual(a, b)
}
