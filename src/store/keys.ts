import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { goneOrNever, notFound } from './absent.ts'
import { byIdOrName } from './by-id-or-name.ts'
import { meantFor, rememberDeleted, whyNoKey } from './deleted-keys.ts'
import { checkVersion, type ExpectedVersion } from './expected-version.ts'
import { listPage, type Page, type PageQuery } from './page.ts'
import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'
import { setUses } from './uses.ts'

/** A provisioning key as stored: the secret itself is nowhere, only its hash. */
export interface KeyRecord {
  readonly id: string
  readonly name: string
  /** Empty for a key that enrols an edge. */
  readonly groupId: string
  /** The edge that enrols with it. */
  readonly edgeId?: string
  readonly uses: number
  readonly maxUses: number
  readonly expiresMs: number
  readonly revoked: boolean
  readonly version: number
  readonly createdMs: number
  readonly updatedMs: number
}

export type KeyState = 'usable' | 'exhausted' | 'expired' | 'revoked'

/** What an admin did outweighs what time did. */
export function keyState(key: KeyRecord, nowMs: number): KeyState {
  if (key.revoked) return 'revoked'
  if (key.expiresMs <= nowMs) return 'expired'
  return key.uses >= key.maxUses ? 'exhausted' : 'usable'
}

/** What a use of a key gave. */
export interface KeyUse {
  readonly keyId: string
  readonly groupId: string
  readonly edgeId?: string
  /** The connector or edge that already has this public key. Through the same key it cost no further use. */
  readonly already?: string
}

export class ProvisioningKeys {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  /** @throws {Fault} CONFLICT if the name is taken; NOT_FOUND if there is no such group or edge. */
  async create(o: {
    name: string
    /** What enrols with it: connectors of a group, or one edge. */
    groupId?: string
    edgeId?: string
    /** `hashKeySecret` of the secret. */
    secretHash: string
    maxUses: number
    expiresMs: number
  }): Promise<KeyRecord> {
    return this.#scope.atomically(async (scope) => {
      const nowMs = scope.clock.nowMs()
      if ((await rowBy(scope, 'name', o.name)) !== undefined) {
        throw new Fault('CONFLICT', `a provisioning key already has the name ${o.name}`)
      }
      const { groupId = '', edgeId, ...rest } = o
      const to =
        edgeId === undefined
          ? ({ kind: 'connector-group', id: groupId } as const)
          : ({ kind: 'edge', id: edgeId } as const)
      const found = await scope.db
        .selectFrom('object')
        .select('id')
        .where('kind', '=', to.kind)
        .where('id', '=', to.id)
        .executeTakeFirst()
      if (found === undefined) throw notFound(to.kind, to.id)
      const row: Tables['provisioningKey'] = {
        ...rest,
        groupId,
        edgeId: edgeId ?? null,
        id: newId('key', nowMs),
        uses: 0,
        revoked: 0,
        version: 1,
        createdMs: nowMs,
        updatedMs: nowMs,
      }
      await scope.db.insertInto('provisioningKey').values(row).execute()
      const from = { kind: 'provisioning-key', id: row.id } as const
      await setUses(scope, from, [to])
      return fromRow(row)
    })
  }

  /**
   * Takes one use, in one write: however many ask at once, no more succeed than the key allows.
   * Run it in the transaction that creates the connector, so that a crash costs no use.
   *
   * @param secretHash `hashKeySecret` of the secret presented.
   * @throws {Fault} KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED, KEY_EXHAUSTED.
   */
  async consume(secretHash: string, publicKeyHash: string, nowMs: number): Promise<KeyUse> {
    return this.#scope.atomically(async (scope) => {
      const { db } = scope
      const key = await db
        .selectFrom('provisioningKey')
        .selectAll()
        .where('secretHash', '=', secretHash)
        .executeTakeFirst()
      if (key === undefined) throw await whyNoKey(scope, secretHash)
      if (key.revoked === 1)
        throw new Fault('KEY_REVOKED', `key ${key.name} (${key.id})`, await seenOf(scope, key))
      if (key.expiresMs <= nowMs) {
        const at = new Date(key.expiresMs).toISOString()
        throw new Fault(
          'KEY_EXPIRED',
          `key ${key.name} (${key.id}) expired at ${at}`,
          await seenOf(scope, key),
        )
      }
      const same = await db
        .selectFrom(key.edgeId === null ? 'connector' : 'edgeIdentity')
        .select(['id', 'keyId'])
        .where('publicKeyHash', '=', publicKeyHash)
        .executeTakeFirst()
      const { id: keyId, groupId, edgeId } = key
      const use: KeyUse = { keyId, groupId, edgeId: edgeId ?? undefined, already: same?.id }
      if (same?.keyId === key.id) return use
      const taken = await db
        .updateTable('provisioningKey')
        .set((set) => ({ uses: set('uses', '+', 1), updatedMs: nowMs }))
        .where('id', '=', key.id)
        .where('revoked', '=', 0)
        .where('expiresMs', '>', nowMs)
        .whereRef('uses', '<', 'maxUses')
        .executeTakeFirst()
      if (taken.numUpdatedRows === 1n) return use
      const detail = `key ${key.name} (${key.id}): ${key.uses} of ${key.maxUses} uses are taken`
      throw new Fault('KEY_EXHAUSTED', detail, await seenOf(scope, key))
    })
  }

  /** @throws {Fault} NOT_FOUND. */
  async get(idOrName: string): Promise<KeyRecord> {
    const row = await findRow(this.#scope, idOrName)
    if (row === undefined) throw await goneOrNever(this.#scope, 'provisioning-key', idOrName)
    return fromRow(row)
  }

  list(query: PageQuery): Promise<Page<KeyRecord>> {
    return listPage(query, {
      read: (after, limit) => {
        const rows = this.#scope.db.selectFrom('provisioningKey').selectAll().orderBy('name').limit(limit)
        return (after === undefined ? rows : rows.where('name', '>', after)).execute()
      },
      key: ({ name }) => name,
      item: fromRow,
    })
  }

  /** @throws {Fault} NOT_FOUND, PRECONDITION_FAILED. */
  async update(
    idOrName: string,
    change: { maxUses?: number; expiresMs?: number; revoked?: boolean },
    o: { expectVersion?: ExpectedVersion } = {},
  ): Promise<KeyRecord> {
    return this.#scope.atomically(async (scope) => {
      const before = await findRow(scope, idOrName)
      if (before === undefined) throw notFound('provisioning-key', idOrName)
      checkVersion('provisioning-key', idOrName, before.version, o.expectVersion)
      const row: Tables['provisioningKey'] = {
        ...before,
        maxUses: change.maxUses ?? before.maxUses,
        expiresMs: change.expiresMs ?? before.expiresMs,
        revoked: change.revoked === undefined ? before.revoked : change.revoked ? 1 : 0,
        version: before.version + 1,
        updatedMs: scope.clock.nowMs(),
      }
      await scope.db.updateTable('provisioningKey').set(row).where('id', '=', row.id).execute()
      return fromRow(row)
    })
  }

  /**
   * Connectors that were enrolled with it stay. Whoever still comes with it hears that it was revoked.
   *
   * @throws {Fault} NOT_FOUND, PRECONDITION_FAILED.
   */
  async delete(idOrName: string, o: { by: string; expectVersion?: ExpectedVersion }): Promise<void> {
    await this.#scope.atomically(async (scope) => {
      const row = await findRow(scope, idOrName)
      if (row === undefined) throw notFound('provisioning-key', idOrName)
      checkVersion('provisioning-key', idOrName, row.version, o.expectVersion)
      await setUses(scope, { kind: 'provisioning-key', id: row.id }, [])
      await rememberDeleted(scope, row, o.by)
      await scope.db.deleteFrom('provisioningKey').where('id', '=', row.id).execute()
    })
  }
}

function findRow(scope: StoreScope, idOrName: string) {
  return byIdOrName(idOrName, (column, word) => rowBy(scope, column, word))
}

function rowBy({ db }: StoreScope, column: 'id' | 'name', word: string) {
  return db.selectFrom('provisioningKey').selectAll().where(column, '=', word).executeTakeFirst()
}

function fromRow({ secretHash: _, ...row }: Tables['provisioningKey']): KeyRecord {
  return { ...row, edgeId: row.edgeId ?? undefined, revoked: row.revoked === 1 }
}

async function seenOf(scope: StoreScope, key: Tables['provisioningKey']) {
  return {
    seen: {
      key: key.id,
      ...(await meantFor(scope, key)),
      uses: key.uses,
      maxUses: key.maxUses,
      expires: new Date(key.expiresMs).toISOString(),
    },
  }
}
