/**
 * A tenant with a real CA for the tests of link and edge: everything a control plane would sign, without one.
 *
 * @module
 */
import { newId } from '../../base/ids.ts'
import { Authority, createAuthority } from '../../pki/authority.ts'
import { createKeyAndCsr } from '../../pki/csr.ts'
import { type Identity, type IdentityRole, identityUri } from '../../pki/identity.ts'
import { signKeySet } from '../../pki/key-set.ts'
import {
  type KeyPurpose,
  newSigningKey,
  type PublicJwk,
  type SigningKey,
  type VerifyKeys,
  verifyKeys,
} from '../../pki/signing-keys.ts'
import { signTicket, type Ticket } from '../../pki/ticket.ts'
import type { PipeTicket } from '../../wire/control.ts'
import type { Credentials, EdgeAddress } from './credentials.ts'

const HOUR_MS = 3_600_000

export interface Issue {
  readonly names?: string[]
  readonly lifeMs?: number
  readonly nowMs?: number
}

export class TestTenant {
  readonly id: string
  readonly authority: Authority
  readonly signingKey: SigningKey = newSigningKey(Date.now())
  readonly ticketKeys: VerifyKeys = verifyKeys('ticket', [this.signingKey.publicJwk])

  static async create(id = newId('tnt')): Promise<TestTenant> {
    return new TestTenant(id, await Authority.load(id, await createAuthority(id, Date.now() - 60_000)))
  }

  private constructor(id: string, authority: Authority) {
    this.id = id
    this.authority = authority
  }

  identity(role: IdentityRole, id: string): Identity {
    return { tenant: this.id, role, id }
  }

  async credentials(role: IdentityRole, id: string, o: Issue = {}): Promise<Credentials> {
    const { keyPem, csrPem } = await createKeyAndCsr(id)
    const identity = this.identity(role, id)
    const { nowMs = Date.now(), lifeMs = HOUR_MS, names } = o
    const { certificate, notAfterMs } = await this.authority.issue({ csrPem, identity, lifeMs, nowMs, names })
    return { identity, keyPem, certificate, rootPem: this.authority.rootPem, notAfterMs, generation: 1 }
  }

  /** The keys for `purpose` as a control plane tells them. */
  async keySet(purpose: KeyPurpose, o: { keys?: PublicJwk[]; issuedMs?: number } = {}): Promise<string> {
    const nowMs = Date.now()
    const { keys = [this.signingKey.publicJwk], issuedMs = nowMs } = o
    const set = { tenant: this.id, purpose, keys, issuedMs, lifeMs: HOUR_MS, nowMs }
    return (await signKeySet(this.authority, set)).jws
  }

  /** The two tickets of one pipe, as the control plane would hand them out. `change` spoils a ticket for a test. */
  async pipe(
    edge: EdgeAddress & { id: string },
    client: Credentials,
    connector: Credentials,
    change: Partial<Ticket> = {},
  ): Promise<{ client: PipeTicket; connector: PipeTicket }> {
    const common = {
      tenant: this.id,
      pipe: newId('pip'),
      session: newId('ses'),
      edge: edge.id,
      expiresMs: Date.now() + 30_000,
    }
    const sign = async (side: Ticket['side'], holder: Identity, peer: Identity): Promise<PipeTicket> => {
      const ticket: Ticket = {
        ...common,
        id: newId('tkt'),
        side,
        holder: identityUri(holder),
        peer: identityUri(peer),
        ...change,
      }
      const signed = await signTicket(this.signingKey, ticket)
      const where = { id: edge.id, host: edge.host, port: edge.port }
      const { shard } = ticket
      return { pipe: common.pipe, edge: where, ticket: signed, shard, peer: identityUri(peer), ticketUs: 0 }
    }
    return {
      client: await sign('client', client.identity, connector.identity),
      connector: await sign('connector', connector.identity, client.identity),
    }
  }
}
