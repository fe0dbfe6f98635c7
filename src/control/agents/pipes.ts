import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import { type Identity, identityUri } from '../../pki/identity.ts'
import type { SigningKey } from '../../pki/signing-keys.ts'
import { signTicket, TICKET_LIFE_MS } from '../../pki/ticket.ts'
import type { PipeTicket } from '../../wire/control.ts'

export interface PipeEnds {
  /** Who is the TLS client inside the pipe. */
  readonly client: Identity
  readonly connector: Identity
  readonly session: string
}

/** Where halves are brought to. The port is known once the edge listens. */
export interface EdgeForPipe {
  readonly id: string
  readonly host: string
  port: number
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
  const shared = { pipe, edge: { ...o.edge }, ticketUs: Math.max(0, o.clock.monotonicUs() - startUs) }
  return {
    client: { ...shared, ticket: client, peer: uri.connector },
    connector: { ...shared, ticket: connector, peer: uri.client },
  }
}
