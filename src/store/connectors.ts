import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { nextTurn, turnIsOver } from '../base/slices.ts'
import { goneOrNever, notFound } from './absent.ts'
import { defined, freeName, type HeldCertificate, type ReportedHost } from './agent-fields.ts'
import { byIdOrName } from './by-id-or-name.ts'
import { checkVersion, type ExpectedVersion } from './expected-version.ts'
import { allRows, idsAtOnce, listPage, type Page, type PageQuery } from './page.ts'
import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'
import { setUses, usersOf } from './uses.ts'

/** An enrolled connector. */
export interface ConnectorRecord extends HeldCertificate {
  readonly id: string
  readonly name: string
  readonly groupId: string
  readonly keyId?: string
  /** SHA-256 of the public key, hex. */
  readonly publicKeyHash: string
  /** Salted hash of each machine factor, by factor. */
  readonly fingerprint: Readonly<Record<string, string>>
  readonly host: ReportedHost
  readonly enabled: boolean
  readonly enrolledMs: number
  readonly lastAddress?: string
  readonly lastSeenMs?: number
  readonly version: number
  readonly createdMs: number
  readonly updatedMs: number
}

export type NewConnector = HeldCertificate &
  Pick<ConnectorRecord, 'groupId' | 'keyId' | 'publicKeyHash' | 'fingerprint' | 'host' | 'lastAddress'> & {
    /** When the certificate had to be issued before the record. */
    readonly id?: string
    /** By default the host name, made unique. */
    readonly name?: string
  }

export type ConnectorChange = Partial<
  HeldCertificate &
    Pick<ConnectorRecord, 'name' | 'groupId' | 'keyId' | 'publicKeyHash' | 'fingerprint' | 'host' | 'enabled'>
>

export class Connectors {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  async byId(id: string): Promise<ConnectorRecord | undefined> {
    return one(this.#scope, 'id', id)
  }

  async byPublicKey(publicKeyHash: string): Promise<ConnectorRecord | undefined> {
    return one(this.#scope, 'publicKeyHash', publicKeyHash)
  }

  /** @throws {Fault} NOT_FOUND. */
  async get(idOrName: string): Promise<ConnectorRecord> {
    const found = await byIdOrName(idOrName, (column, word) => one(this.#scope, column, word))
    if (found === undefined) throw await goneOrNever(this.#scope, 'connector', idOrName)
    return found
  }

  async all(): Promise<ConnectorRecord[]> {
    const rows = await allRows(async (last: Tables['connector'] | undefined, limit) =>
      this.#scope.db
        .selectFrom('connector')
        .selectAll()
        .where('id', '>', last?.id ?? '')
        .orderBy('id')
        .limit(limit)
        .execute(),
    )
    return rows.map(fromRow)
  }

  /** In no order. */
  async byIds(ids: readonly string[]): Promise<ConnectorRecord[]> {
    const found: ConnectorRecord[] = []
    for (const some of idsAtOnce(ids)) {
      const rows = await this.#scope.db.selectFrom('connector').selectAll().where('id', 'in', some).execute()
      found.push(...rows.map(fromRow))
      if (turnIsOver()) await nextTurn()
    }
    return found
  }

  /** Members of a group, in order of id. */
  async ofGroup(groupId: string, limit = Number.MAX_SAFE_INTEGER): Promise<ConnectorRecord[]> {
    const rows = await this.#scope.db
      .selectFrom('connector')
      .selectAll()
      .where('groupId', '=', groupId)
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(fromRow)
  }

  list(query: PageQuery): Promise<Page<ConnectorRecord>> {
    return listPage(query, {
      read: (after, limit) => {
        const rows = this.#scope.db.selectFrom('connector').selectAll().orderBy('name').limit(limit)
        return (after === undefined ? rows : rows.where('name', '>', after)).execute()
      },
      key: ({ name }) => name,
      item: fromRow,
    })
  }

  /** @throws {Fault} CONFLICT if the public key is enrolled already. */
  async create(o: NewConnector): Promise<ConnectorRecord> {
    return this.#scope.atomically(async (scope) => {
      const { db } = scope
      const nowMs = scope.clock.nowMs()
      const same = await one(scope, 'publicKeyHash', o.publicKeyHash)
      if (same !== undefined) throw new Fault('CONFLICT', `connector ${same.id} has this public key`)
      const name = await freeName(o.name ?? o.host.name, async (wanted) => {
        return (await one(scope, 'name', wanted)) !== undefined
      })
      const row: Tables['connector'] = {
        id: o.id ?? newId('con', nowMs),
        name,
        groupId: o.groupId,
        keyId: o.keyId ?? null,
        publicKeyHash: o.publicKeyHash,
        thumbprint: o.thumbprint,
        serial: o.serial,
        generation: o.generation,
        fingerprint: JSON.stringify(o.fingerprint),
        host: JSON.stringify(o.host),
        enabled: 1,
        enrolledMs: nowMs,
        notAfterMs: o.notAfterMs,
        lastAddress: o.lastAddress ?? null,
        lastSeenMs: nowMs,
        version: 1,
        createdMs: nowMs,
        updatedMs: nowMs,
      }
      await db.insertInto('connector').values(row).execute()
      await setUses(scope, { kind: 'connector', id: row.id }, [{ kind: 'connector-group', id: row.groupId }])
      scope.touch('connector', row.id, { policy: true })
      return fromRow(row)
    })
  }

  /** @throws {Fault} NOT_FOUND, CONFLICT if the name is taken, PRECONDITION_FAILED. */
  async update(
    id: string,
    change: ConnectorChange,
    o: { expectVersion?: ExpectedVersion } = {},
  ): Promise<ConnectorRecord> {
    return this.#scope.atomically(async (scope) => {
      const before = await scope.db
        .selectFrom('connector')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst()
      if (before === undefined) throw notFound('connector', id)
      checkVersion('connector', id, before.version, o.expectVersion)
      if (change.name !== undefined && change.name !== before.name) {
        const namesake = await one(scope, 'name', change.name)
        if (namesake)
          throw new Fault('CONFLICT', `connector ${namesake.id} already has the name ${change.name}`)
      }
      const { fingerprint, host, enabled, ...plain } = defined(change)
      const row: Tables['connector'] = {
        ...before,
        ...plain,
        fingerprint: fingerprint === undefined ? before.fingerprint : JSON.stringify(fingerprint),
        host: host === undefined ? before.host : JSON.stringify(host),
        enabled: enabled === undefined ? before.enabled : enabled ? 1 : 0,
        version: before.version + 1,
        updatedMs: scope.clock.nowMs(),
      }
      await scope.db.updateTable('connector').set(row).where('id', '=', id).execute()
      if (row.groupId !== before.groupId) {
        await setUses(scope, { kind: 'connector', id }, [{ kind: 'connector-group', id: row.groupId }])
      }
      const routing = row.enabled !== before.enabled || row.groupId !== before.groupId
      if (routing) scope.publish('identity', { kind: 'connector', id })
      scope.touch('connector', id, { policy: routing })
      return fromRow(row)
    })
  }

  /** Notes when and from where it was last connected: no new version, and no hint to anyone. */
  async seen(id: string, o: { address: string; atMs: number }): Promise<void> {
    await this.#scope.db
      .updateTable('connector')
      .set({ lastAddress: o.address, lastSeenMs: o.atMs })
      .where('id', '=', id)
      .execute()
  }

  /** The certificate is revoked with it. @throws {Fault} NOT_FOUND, IN_USE, PRECONDITION_FAILED. */
  async delete(idOrName: string, o: { expectVersion?: ExpectedVersion } = {}): Promise<void> {
    await this.#scope.atomically(async (scope) => {
      const row = await byIdOrName(idOrName, (column, word) => one(scope, column, word))
      if (row === undefined) throw notFound('connector', idOrName)
      checkVersion('connector', idOrName, row.version, o.expectVersion)
      const users = await usersOf(scope, row.id)
      if (users.length > 0) {
        throw new Fault('IN_USE', `connector ${row.name} is used by ${users.join(', ')}`, { seen: { users } })
      }
      await setUses(scope, { kind: 'connector', id: row.id }, [])
      await scope.db.deleteFrom('connector').where('id', '=', row.id).execute()
      scope.publish('identity', { kind: 'connector', id: row.id })
      scope.touch('connector', row.id, { policy: true })
    })
  }
}

async function one(
  scope: StoreScope,
  column: 'id' | 'name' | 'publicKeyHash',
  value: string,
): Promise<ConnectorRecord | undefined> {
  const row = await scope.db.selectFrom('connector').selectAll().where(column, '=', value).executeTakeFirst()
  return row && fromRow(row)
}

function fromRow(row: Tables['connector']): ConnectorRecord {
  return {
    ...row,
    keyId: row.keyId ?? undefined,
    fingerprint: JSON.parse(row.fingerprint),
    host: JSON.parse(row.host),
    enabled: row.enabled === 1,
    lastAddress: row.lastAddress ?? undefined,
    lastSeenMs: row.lastSeenMs ?? undefined,
  }
}
