import { Fault } from '../base/faults.ts'
import type { HeldCertificate, ReportedHost } from './agent-fields.ts'
import { setMeta } from './meta.ts'
import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'

/** What an edge that runs as a process of its own proves itself with. The edge itself is an object. */
export interface EdgeIdentityRecord extends HeldCertificate {
  /** Of the edge object. */
  readonly id: string
  readonly keyId?: string
  /** SHA-256 of the public key, hex. */
  readonly publicKeyHash: string
  readonly host: ReportedHost
  readonly enrolledMs: number
  readonly lastAddress?: string
  readonly lastSeenMs?: number
}

export type NewEdgeIdentity = Omit<EdgeIdentityRecord, 'enrolledMs' | 'lastSeenMs'>

const HOME_SAID = 'home_edge_said'

export class EdgeIdentities {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  /** The address, HOST:PORT, that the server last gave the edge beside it; what is there now may be declared since. */
  async said(): Promise<string | undefined> {
    const { db } = this.#scope
    return (await db.selectFrom('meta').select('value').where('key', '=', HOME_SAID).executeTakeFirst())
      ?.value
  }

  async say(address: string): Promise<void> {
    await setMeta(this.#scope.db, HOME_SAID, address)
  }

  async byId(id: string): Promise<EdgeIdentityRecord | undefined> {
    const row = await this.#scope.db
      .selectFrom('edgeIdentity')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row && fromRow(row)
  }

  /**
   * Enrols, or enrols anew: what was held before ends.
   *
   * @throws {Fault} CONFLICT if another edge has this public key.
   */
  async put(o: NewEdgeIdentity): Promise<void> {
    await this.#scope.atomically(async (scope) => {
      const nowMs = scope.clock.nowMs()
      const same = await scope.db
        .selectFrom('edgeIdentity')
        .select('id')
        .where('publicKeyHash', '=', o.publicKeyHash)
        .executeTakeFirst()
      if (same !== undefined && same.id !== o.id) {
        throw new Fault('CONFLICT', `edge ${same.id} has this public key`)
      }
      if (same === undefined) await endEdgeIdentity(scope, o.id, 'the edge was enrolled again')
      else await scope.db.deleteFrom('edgeIdentity').where('id', '=', o.id).execute()
      const row: Tables['edgeIdentity'] = {
        ...o,
        keyId: o.keyId ?? null,
        host: JSON.stringify(o.host),
        enrolledMs: nowMs,
        lastAddress: o.lastAddress ?? null,
        lastSeenMs: nowMs,
      }
      await scope.db.insertInto('edgeIdentity').values(row).execute()
    })
  }

  /** A renewed certificate was used for the first time. */
  async hold(id: string, held: HeldCertificate): Promise<void> {
    await this.#scope.atomically(({ db }) =>
      db.updateTable('edgeIdentity').set(held).where('id', '=', id).execute(),
    )
  }

  /** Notes when and from where it was last connected. */
  async seen(id: string, o: { address: string; atMs: number }): Promise<void> {
    await this.#scope.db
      .updateTable('edgeIdentity')
      .set({ lastAddress: o.address, lastSeenMs: o.atMs })
      .where('id', '=', id)
      .execute()
  }
}

/** The edge is no more, or holds another key now: its certificate is revoked. Does nothing if it has none. */
export async function endEdgeIdentity(
  { db, clock, publish }: StoreScope,
  id: string,
  reason: string,
): Promise<void> {
  const row = await db.selectFrom('edgeIdentity').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return
  await db.deleteFrom('edgeIdentity').where('id', '=', id).execute()
  await db
    .insertInto('revokedSerial')
    .values({ serial: row.serial, reason, expiresMs: row.notAfterMs, createdMs: clock.nowMs() })
    .onConflict((conflict) => conflict.column('serial').doNothing())
    .execute()
  publish('revoked', { serials: [row.serial], grants: [] })
}

function fromRow(row: Tables['edgeIdentity']): EdgeIdentityRecord {
  return {
    ...row,
    keyId: row.keyId ?? undefined,
    host: JSON.parse(row.host),
    lastAddress: row.lastAddress ?? undefined,
    lastSeenMs: row.lastSeenMs ?? undefined,
  }
}
