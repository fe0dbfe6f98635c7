import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { nextTurn, turnIsOver } from '../base/slices.ts'
import { goneOrNever, notFound } from './absent.ts'
import { defined, freeName, type HeldCertificate } from './agent-fields.ts'
import {
  type DeviceHolder,
  type DeviceRecord,
  type DeviceRow,
  devices,
  fromRow,
  holderOf,
  type Posture,
  withSignIn,
} from './device-record.ts'
import { checkVersion, type ExpectedVersion } from './expected-version.ts'
import { allRows, idsAtOnce, inList, listPage, type Page, type PageQuery } from './page.ts'
import { namesByIds } from './references.ts'
import type { StoreScope } from './scope.ts'
import { type By, endSignIns, forgetSignIns } from './sign-ins.ts'
import type { Tables } from './tables.ts'
import { setUses, usersOf } from './uses.ts'

export type NewDevice = HeldCertificate &
  Pick<DeviceRecord, 'userId' | 'publicKeyHash' | 'host' | 'lastAddress'> & {
    readonly id?: string
    /** By default the host name, made unique among the devices of the user. */
    readonly name?: string
    readonly reportedPosture?: Posture
  }

export type DeviceChange = Partial<
  HeldCertificate &
    Pick<
      DeviceRecord,
      'name' | 'userId' | 'publicKeyHash' | 'host' | 'enabled' | 'reportedPosture' | 'assignedPosture'
    >
>

export class Devices {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  async byId(id: string): Promise<DeviceRecord | undefined> {
    return one(this.#scope, 'id', id)
  }

  async byPublicKey(publicKeyHash: string): Promise<DeviceRecord | undefined> {
    return one(this.#scope, 'publicKeyHash', publicKeyHash)
  }

  /** @param idOrName An id before any name. A name only finds a device when one user alone has it. @throws {Fault} NOT_FOUND; INVALID where several have. */
  async get(idOrName: string): Promise<DeviceRecord> {
    const byId = await one(this.#scope, 'id', idOrName)
    if (byId !== undefined) return byId
    const rows = await devices(this.#scope).where('device.name', '=', idOrName).execute()
    if (rows.length === 1) return fromRow(rows[0]!)
    if (rows.length === 0) throw await goneOrNever(this.#scope, 'client-device', idOrName)
    const ids = rows.map((row) => row.id)
    const owners = await namesByIds(
      this.#scope,
      rows.map((row) => row.userId),
    )
    const each = rows.map(({ id, userId }) => `${id} of ${owners.get(userId) ?? userId}`)
    const detail = `"${idOrName}" is a device of more than one user: give the id, ${each.join(' or ')}`
    throw new Fault('INVALID', detail, { hop: 'control', seen: { ids } })
  }

  /** Those of these that there are, by id. @param ids At most some hundred. */
  async byIds(ids: readonly string[]): Promise<Map<string, DeviceRecord>> {
    if (ids.length === 0) return new Map()
    const rows = await devices(this.#scope).where('device.id', 'in', inList(ids)).execute()
    return new Map(rows.map((row) => [row.id, fromRow(row)]))
  }

  /** As byIds, of each only what policy looks at. */
  async holders(ids: readonly string[]): Promise<Map<string, DeviceHolder>> {
    if (ids.length === 0) return new Map()
    const rows = await withSignIn(this.#scope)
      .select(['device.id', 'device.userId', 'enabled', 'reportedPosture', 'assignedPosture'])
      .where('device.id', 'in', inList(ids))
      .execute()
    return new Map(rows.map((row) => [row.id, holderOf(row)]))
  }

  /** Those of any number of ids, in order of id. */
  async named(ids: readonly string[]): Promise<DeviceRecord[]> {
    const found: DeviceRecord[] = []
    for (const some of idsAtOnce(ids)) {
      found.push(...(await this.byIds(some)).values())
      if (turnIsOver()) await nextTurn()
    }
    return found.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  async all(): Promise<DeviceRecord[]> {
    const rows = await allRows(async (last: DeviceRow | undefined, limit) =>
      devices(this.#scope)
        .where('device.id', '>', last?.id ?? '')
        .orderBy('device.id')
        .limit(limit)
        .execute(),
    )
    return rows.map(fromRow)
  }

  /** In order of id. */
  async ofUser(userId: string): Promise<DeviceRecord[]> {
    const rows = await devices(this.#scope).where('device.userId', '=', userId).orderBy('device.id').execute()
    return rows.map(fromRow)
  }

  list(query: PageQuery): Promise<Page<DeviceRecord>> {
    return listPage(query, {
      read: (after, limit) => {
        const rows = devices(this.#scope).orderBy('device.id').limit(limit)
        return (after === undefined ? rows : rows.where('device.id', '>', after)).execute()
      },
      key: ({ id }) => id,
      item: fromRow,
    })
  }

  /** @throws {Fault} CONFLICT if the public key is known already. */
  async create(o: NewDevice): Promise<DeviceRecord> {
    return this.#scope.atomically(async (scope) => {
      const { db } = scope
      const nowMs = scope.clock.nowMs()
      const same = await one(scope, 'publicKeyHash', o.publicKeyHash)
      if (same !== undefined) throw new Fault('CONFLICT', `device ${same.id} has this public key`)
      const name = await freeName(o.name ?? o.host.name, (wanted) => nameTaken(scope, o.userId, wanted))
      const row: Tables['device'] = {
        id: o.id ?? newId('dev', nowMs),
        name,
        userId: o.userId,
        publicKeyHash: o.publicKeyHash,
        thumbprint: o.thumbprint,
        serial: o.serial,
        generation: o.generation,
        host: JSON.stringify(o.host),
        reportedPosture: JSON.stringify(o.reportedPosture ?? {}),
        assignedPosture: '{}',
        enabled: 1,
        enrolledMs: nowMs,
        notAfterMs: o.notAfterMs,
        lastAddress: o.lastAddress ?? null,
        lastSeenMs: nowMs,
        version: 1,
        createdMs: nowMs,
        updatedMs: nowMs,
      }
      await db.insertInto('device').values(row).execute()
      await setUses(scope, { kind: 'client-device', id: row.id }, [{ kind: 'user', id: row.userId }])
      scope.touch('client-device', row.id, { policy: false })
      return (await one(scope, 'id', row.id))!
    })
  }

  /** Disabling it signs it out. @throws {Fault} NOT_FOUND, CONFLICT if the name is taken, PRECONDITION_FAILED. */
  async update(
    id: string,
    change: DeviceChange,
    o: By & { expectVersion?: ExpectedVersion } = {},
  ): Promise<DeviceRecord> {
    return this.#scope.atomically(async (scope) => {
      const before = await scope.db.selectFrom('device').selectAll().where('id', '=', id).executeTakeFirst()
      if (before === undefined) throw notFound('client-device', id)
      checkVersion('client-device', id, before.version, o.expectVersion)
      const { host, enabled, reportedPosture, assignedPosture, ...plain } = defined(change)
      const row: Tables['device'] = {
        ...before,
        ...plain,
        host: host === undefined ? before.host : JSON.stringify(host),
        reportedPosture:
          reportedPosture === undefined ? before.reportedPosture : JSON.stringify(reportedPosture),
        assignedPosture:
          assignedPosture === undefined ? before.assignedPosture : JSON.stringify(assignedPosture),
        enabled: enabled === undefined ? before.enabled : enabled ? 1 : 0,
        version: before.version + 1,
        updatedMs: scope.clock.nowMs(),
      }
      const renamed = row.name !== before.name || row.userId !== before.userId
      if (renamed && (await nameTaken(scope, row.userId, row.name))) {
        throw new Fault('CONFLICT', `another device of the user already has the name ${row.name}`)
      }
      await scope.db.updateTable('device').set(row).where('id', '=', id).execute()
      if (row.userId !== before.userId) {
        await setUses(scope, { kind: 'client-device', id }, [{ kind: 'user', id: row.userId }])
      }
      const policy =
        row.enabled !== before.enabled ||
        row.userId !== before.userId ||
        row.reportedPosture !== before.reportedPosture ||
        row.assignedPosture !== before.assignedPosture
      if (row.enabled === 0)
        await endSignIns(scope, { deviceId: id }, { by: o.by, because: 'device-disabled' })
      if (policy) scope.publish('identity', { kind: 'client-device', id })
      scope.touch('client-device', id, { policy })
      return (await one(scope, 'id', id))!
    })
  }

  /** What a client on it says of it. A change is no new version: no admin has written it. */
  async reported(id: string, posture: Posture): Promise<void> {
    const reportedPosture = JSON.stringify(posture)
    const before = await this.#scope.db
      .selectFrom('device')
      .select('reportedPosture')
      .where('id', '=', id)
      .executeTakeFirst()
    if (before?.reportedPosture === reportedPosture) return
    await this.#scope.atomically(async (scope) => {
      await scope.db.updateTable('device').set({ reportedPosture }).where('id', '=', id).execute()
      scope.touch('client-device', id, { policy: true })
    })
  }

  /** Notes when and from where it was last connected: no new version, and no hint to anyone. */
  async seen(id: string, o: { address: string; atMs: number }): Promise<void> {
    await this.#scope.db
      .updateTable('device')
      .set({ lastAddress: o.address, lastSeenMs: o.atMs })
      .where('id', '=', id)
      .execute()
  }

  /** @throws {Fault} NOT_FOUND, IN_USE, PRECONDITION_FAILED. */
  async delete(id: string, o: { expectVersion?: ExpectedVersion } = {}): Promise<void> {
    await this.#scope.atomically(async (scope) => {
      const row = await scope.db.selectFrom('device').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) throw notFound('client-device', id)
      checkVersion('client-device', id, row.version, o.expectVersion)
      const users = await usersOf(scope, id)
      if (users.length > 0) {
        throw new Fault('IN_USE', `device ${row.name} is used by ${users.join(', ')}`, { seen: { users } })
      }
      await setUses(scope, { kind: 'client-device', id }, [])
      await forgetSignIns(scope, id)
      await scope.db.deleteFrom('device').where('id', '=', id).execute()
      scope.publish('identity', { kind: 'client-device', id })
      scope.touch('client-device', id, { policy: true })
    })
  }
}

async function one(
  scope: StoreScope,
  column: 'id' | 'publicKeyHash',
  value: string,
): Promise<DeviceRecord | undefined> {
  const row = await devices(scope).where(`device.${column}`, '=', value).executeTakeFirst()
  return row && fromRow(row)
}

async function nameTaken(scope: StoreScope, userId: string, name: string): Promise<boolean> {
  const row = await scope.db
    .selectFrom('device')
    .select('id')
    .where('userId', '=', userId)
    .where('name', '=', name)
    .executeTakeFirst()
  return row !== undefined
}
