import type { Scope } from './scope.ts'

export interface Revoked {
  readonly reason: string
  /** When the thing revoked ends by itself and need not be remembered. */
  readonly expiresMs: number
}

type Ranges = readonly (readonly [first: number, last: number])[]

/** A grant that was given out, by what it rests on. */
export interface IssuedGrant {
  readonly id: string
  readonly connectorId: string
  readonly deviceId: string
  readonly userId: string
  readonly segmentId: string
  readonly ruleId: string
  /** Canonical destination it is for. */
  readonly host: string
  readonly expiresMs: number
  /** Of its segment when it was given out; not known of grants from an older version. */
  readonly ports?: { readonly tcp: Ranges; readonly udp: Ranges }
}

/** Certificates and grants that no longer count, and the grants that still do. */
export class Revocations {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  async revokeSerials(serials: readonly string[], o: Revoked): Promise<void> {
    if (serials.length === 0) return
    await this.#scope.atomically(async (scope) => {
      const createdMs = scope.clock.nowMs()
      await scope.db
        .insertInto('revokedSerial')
        .values(serials.map((serial) => ({ serial, ...o, createdMs })))
        .onConflict((conflict) => conflict.column('serial').doNothing())
        .execute()
      scope.publish('revoked', { serials, grants: [] })
    })
  }

  async revokeGrants(ids: readonly string[], o: Revoked): Promise<void> {
    if (ids.length === 0) return
    await this.#scope.atomically(async (scope) => {
      const createdMs = scope.clock.nowMs()
      await scope.db
        .insertInto('revokedGrant')
        .values(ids.map((id) => ({ id, ...o, createdMs })))
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute()
      scope.publish('revoked', { serials: [], grants: ids })
    })
  }

  /** Serials of certificates that have not ended by themselves yet. */
  async serials(nowMs: number): Promise<string[]> {
    const rows = await this.#scope.db
      .selectFrom('revokedSerial')
      .select('serial')
      .where('expiresMs', '>', nowMs)
      .execute()
    return rows.map((row) => row.serial)
  }

  /** Ids of revoked grants of this device, or through this connector, that have not ended by themselves yet. */
  async grants(agent: string, nowMs: number): Promise<string[]> {
    const rows = await this.#scope.db
      .selectFrom('revokedGrant')
      .innerJoin('grantIssued', 'grantIssued.id', 'revokedGrant.id')
      .select('revokedGrant.id')
      .where('revokedGrant.expiresMs', '>', nowMs)
      .where((where) =>
        where.or([where('grantIssued.deviceId', '=', agent), where('grantIssued.connectorId', '=', agent)]),
      )
      .execute()
    return rows.map((row) => row.id)
  }

  /** Remembers a grant, so that a later change of policy can end it. */
  async issued(grant: IssuedGrant): Promise<void> {
    const { id, connectorId, deviceId, userId, segmentId, ruleId, host, expiresMs } = grant
    const ports = grant.ports === undefined ? '' : JSON.stringify(grant.ports)
    const row = { id, connectorId, deviceId, userId, segmentId, ruleId, host, expiresMs, ports }
    await this.#scope.db.insertInto('grantIssued').values(row).execute()
  }

  /** Grants given out that have neither ended nor been revoked. */
  async live(nowMs: number): Promise<IssuedGrant[]> {
    const rows = await this.#scope.db
      .selectFrom('grantIssued')
      .selectAll()
      .where('expiresMs', '>', nowMs)
      .where((where) =>
        where.not(
          where.exists(
            where
              .selectFrom('revokedGrant')
              .select('revokedGrant.id')
              .whereRef('revokedGrant.id', '=', 'grantIssued.id'),
          ),
        ),
      )
      .execute()
    return rows.map(({ ports, ...row }) => ({ ...row, ports: ports === '' ? undefined : JSON.parse(ports) }))
  }

  /** Forgets what has ended by itself. */
  async sweep(nowMs: number): Promise<void> {
    await this.#scope.atomically(async ({ db }) => {
      await db.deleteFrom('revokedSerial').where('expiresMs', '<=', nowMs).execute()
      await db.deleteFrom('revokedGrant').where('expiresMs', '<=', nowMs).execute()
      await db.deleteFrom('grantIssued').where('expiresMs', '<=', nowMs).execute()
    })
  }
}
