import { inList } from './page.ts'
import type { StoreScope } from './scope.ts'
import { sweepTable } from './sweep-table.ts'
import type { Tables } from './tables.ts'

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
  /** Networks that it may lead to, as its segment said then; not known of grants from an older version. */
  readonly networks?: readonly string[]
}

/**
 * Agents keep reports while the control plane is away, and a laptop may be shut for days: so long a grant is known after its
 * end, for the sessions on it.
 */
const GRANT_KEEP_MS = 7 * 86_400_000

/** Certificates and grants that no longer count, and the grants that still do. */
export class Revocations {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
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

  /** Serials of certificates that have not expired by themselves yet. */
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
      // Both end together: said of the grant, it keeps those that have ended out of the search.
      .where('grantIssued.expiresMs', '>', nowMs)
      .where('revokedGrant.expiresMs', '>', nowMs)
      .where((where) =>
        where.or([where('grantIssued.deviceId', '=', agent), where('grantIssued.connectorId', '=', agent)]),
      )
      .execute()
    return rows.map((row) => row.id)
  }

  /** Remembers a grant, so that a later change of policy can end it. */
  async issued(grant: IssuedGrant): Promise<void> {
    const { id, connectorId, deviceId, userId, segmentId, ruleId, host, expiresMs, networks } = grant
    const ports = grant.ports === undefined ? '' : JSON.stringify({ ...grant.ports, networks })
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
    return rows.map(grantOf)
  }

  /** Those of them that were given out, also long ago. @param ids Some hundred at most. */
  async given(ids: readonly string[]): Promise<IssuedGrant[]> {
    if (ids.length === 0) return []
    const rows = await this.#scope.db
      .selectFrom('grantIssued')
      .selectAll()
      .where('id', 'in', inList(ids))
      .execute()
    return rows.map(grantOf)
  }

  /** Forgets what has ended by itself, some after some. */
  async sweep(nowMs: number): Promise<void> {
    await sweepTable(this.#scope, {
      table: 'revokedSerial',
      key: 'serial',
      time: 'expiresMs',
      beforeMs: nowMs,
    })
    await sweepTable(this.#scope, { table: 'revokedGrant', key: 'id', time: 'expiresMs', beforeMs: nowMs })
    const beforeMs = nowMs - GRANT_KEEP_MS
    await sweepTable(this.#scope, { table: 'grantIssued', key: 'id', time: 'expiresMs', beforeMs })
  }
}

function grantOf({ ports, ...row }: Tables['grantIssued']): IssuedGrant {
  if (ports === '') return row
  const { networks, ...rest } = JSON.parse(ports)
  return { ...row, ports: rest, networks }
}
