/**
 * A ticket: this identity may bring one half of this pipe to this edge, within seconds. Signed by the control plane,
 * verified by the edge. That an id is used once only is the edge's business: it remembers ids until they expire.
 *
 * @module
 */
import { z } from 'zod'
import { Fault } from '../base/faults.ts'
import { identityUri } from './identity.ts'
import { signToken, type TokenKind, verifyToken } from './signed-token.ts'
import { keyFor, type SigningKey, type VerifyKeys } from './signing-keys.ts'

/** As wire/handover.ts: an edge reads no more than this from a peer that has no ticket yet. */
const MAX_TICKET_CHARS = 4096

const name = z.string().min(1).max(256)

const ticket = z.strictObject({
  id: name,
  tenant: name,
  pipe: name,
  side: z.enum(['client', 'connector']),
  /** Identity URI that may use the ticket. */
  holder: name,
  /** Identity URI of the other half. */
  peer: name,
  edge: name,
  session: name,
  /** Of the edge (wire/shard.ts): a half that comes by another one is refused. */
  shard: z.number().int().min(0).max(255).optional(),
  expiresMs: z.number().int(),
})
export type Ticket = z.infer<typeof ticket>

/** An edge tells an ended ticket from a forged one by nothing: the honest answer to both is a new one. */
const KIND: TokenKind<Ticket> = {
  alg: 'EdDSA',
  typ: 'bs-ticket+jwt',
  body: ticket,
  noun: 'ticket',
  maxChars: MAX_TICKET_CHARS,
  invalid: 'TICKET_INVALID',
  expired: 'TICKET_INVALID',
}

/** Life of every ticket: it is for bringing a half at once. An edge bounds its memory of used ids by it. */
export const TICKET_LIFE_MS = 30_000

/** @throws {Fault} INVALID if the ticket would be longer than an edge reads. */
export async function signTicket(key: SigningKey, ticket: Ticket): Promise<string> {
  return signToken(KIND, key, {
    body: ticket,
    audience: identityUri({ tenant: ticket.tenant, role: 'edge', id: ticket.edge }),
    issuedMs: ticket.expiresMs - TICKET_LIFE_MS,
  })
}

/**
 * @param expect.edge Id of the edge that verifies.
 * @param expect.holder Identity URI that the outer TLS proved.
 * @throws {Fault} TICKET_INVALID.
 */
export async function verifyTicket(
  keys: VerifyKeys,
  jws: string,
  expect: { tenant: string; edge: string; holder: string; nowMs: number },
): Promise<Ticket> {
  const ticket = await verifyToken(KIND, keyFor(keys, 'ticket', 'TICKET_INVALID'), jws, {
    tenant: expect.tenant,
    audience: identityUri({ tenant: expect.tenant, role: 'edge', id: expect.edge }),
    nowMs: expect.nowMs,
  })
  if (ticket.edge !== expect.edge || ticket.holder !== expect.holder) {
    throw new Fault('TICKET_INVALID', 'it was issued to another identity', { seen: { ticket: ticket.id } })
  }
  return ticket
}
