import { randomInt } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import { type Identity, identityUri } from '../../pki/identity.ts'
import type { SigningKey } from '../../pki/signing-keys.ts'
import { signTicket, TICKET_LIFE_MS } from '../../pki/ticket.ts'
import type { PipeTicket } from '../../wire/control.ts'
import { SHARDS } from '../../wire/shard.ts'
import type { Keyring } from '../base/keyring.ts'
import { type EdgeForPipe, type Edges, knowsShards } from '../presence/edges.ts'
import type { Connected } from '../presence/presence.ts'

export interface PipeEnds {
  /** Who is the TLS client inside the pipe. */
  readonly client: Identity
  readonly connector: Identity
  readonly session: string
  /** Only where both, and the edge, know of shards. */
  readonly shard?: number
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
      shard: ends.shard,
      expiresMs: nowMs + TICKET_LIFE_MS,
    })
  const [client, connector] = await Promise.all([sign('client'), sign('connector')])
  const { shard } = ends
  const shared = { pipe, edge: o.edge, shard, ticketUs: Math.max(0, o.clock.monotonicUs() - startUs) }
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
  const isKnown = knowsShards(client) && knowsShards(connector) && edges.knowsShards(edge.id)
  const shard = isKnown ? nextShard(client, connector) : undefined
  const ends = { client: client.peer.identity, connector: connector.peer.identity, session, shard }
  const pipe = await createPipe(ends, { tenant, edge, key: ticketKeys.signing, clock })
  edges.remember(pipe.client.pipe, edge.id, because)
  return { ...pipe, because }
}

/** From anywhere on: else the first pipes of all clients would come to the same worker of an edge. */
function nextShard(client: Connected, connector: Connected): number {
  const { id } = connector.peer.identity
  client.nextShards ??= new Map()
  const shard = client.nextShards.get(id) ?? randomInt(SHARDS)
  client.nextShards.set(id, (shard + 1) % SHARDS)
  return shard
}
