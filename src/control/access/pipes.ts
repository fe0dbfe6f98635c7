import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import { type Identity, identityUri } from '../../pki/identity.ts'
import type { SigningKey } from '../../pki/signing-keys.ts'
import { signTicket, TICKET_LIFE_MS } from '../../pki/ticket.ts'
import type { PipeTicket } from '../../wire/control.ts'
import type { Keyring } from '../base/keyring.ts'
import type { EdgeForPipe, Edges } from '../presence/edges.ts'
import type { Connected } from '../presence/presence.ts'

export interface PipeEnds {
  /** Who is the TLS client inside the pipe. */
  readonly client: Identity
  readonly connector: Identity
  readonly session: string
}

/**
 * Signs the permissions to bring both halves of one new pipe to `edge`: each names its holder, so that a ticket
 * that leaks is of no use to anyone else.
 */
export async function createPipe(
  ends: PipeEnds,
  o: { tenant: string; edge: EdgeForPipe; key: SigningKey; clock: Clock },
): Promise<{ client: PipeTicket; connector: PipeTicket }> {
  const startUs = o.clock.monotonicUs()
  const nowMs = o.clock.nowMs()
  const pipe = newId('pip', nowMs)
  const uri = { client: identityUri(ends.client), connector: identityUri(ends.connector) }
  const sign = (side: 'client' | 'connector') =>
    signTicket(o.key, {
      id: newId('tkt', nowMs),
      tenant: o.tenant,
      pipe,
      side,
      holder: uri[side],
      peer: uri[side === 'client' ? 'connector' : 'client'],
      edge: o.edge.id,
      session: ends.session,
      expiresMs: nowMs + TICKET_LIFE_MS,
    })
  const [client, connector] = await Promise.all([sign('client'), sign('connector')])
  const shared = { pipe, edge: o.edge, ticketUs: Math.max(0, o.clock.monotonicUs() - startUs) }
  return {
    client: { ...shared, ticket: client, peer: uri.connector },
    connector: { ...shared, ticket: connector, peer: uri.client },
  }
}

export interface PipeDeps {
  readonly edges: Edges
  readonly ticketKeys: Keyring
  readonly tenant: string
  readonly clock: Clock
}

/**
 * A pipe between two agents that are connected, at the edge that is best for both.
 *
 * @throws {Fault} EDGE_DRAINING.
 */
export async function pipeBetween(
  deps: PipeDeps,
  client: Connected,
  connector: Connected,
  session: string,
): Promise<{ client: PipeTicket; connector: PipeTicket; because: string }> {
  const { edges, ticketKeys, tenant, clock } = deps
  const { edge, because } = edges.choose(client, connector)
  const ends = { client: client.peer.identity, connector: connector.peer.identity, session }
  const pipe = await createPipe(ends, { tenant, edge, key: ticketKeys.signing, clock })
  edges.remember(pipe.client.pipe, edge.id, because)
  return { ...pipe, because }
}
