import { Fault } from '../base/faults.ts'
import { newId } from '../base/ids.ts'
import { notFound } from './absent.ts'
import { byIdOrName } from './by-id-or-name.ts'
import { checkVersion, type ExpectedVersion } from './expected-version.ts'
import { listPage, type Page, type PageQuery } from './page.ts'
import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'

/** An API token as stored: only the hash of it. */
export interface TokenRecord {
  readonly id: string
  readonly name: string
  readonly role: string
  /** SHA-256 of the token, hex. */
  readonly hash: string
  readonly expiresMs?: number
  readonly lastUsedMs?: number
  readonly version: number
  readonly createdMs: number
  readonly updatedMs: number
}

export class Tokens {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  /** @throws {Fault} CONFLICT if the name is taken. */
  async create(o: Pick<TokenRecord, 'name' | 'role' | 'hash' | 'expiresMs'>): Promise<TokenRecord> {
    return this.#scope.atomically(async (scope) => {
      const nowMs = scope.clock.nowMs()
      if ((await rowBy(scope, 'name', o.name)) !== undefined) {
        throw new Fault('CONFLICT', `a token already has the name ${o.name}`)
      }
      const row: Tables['token'] = {
        id: newId('tok', nowMs),
        name: o.name,
        role: o.role,
        hash: o.hash,
        expiresMs: o.expiresMs ?? null,
        lastUsedMs: null,
        version: 1,
        createdMs: nowMs,
        updatedMs: nowMs,
      }
      await scope.db.insertInto('token').values(row).execute()
      return fromRow(row)
    })
  }

  async byHash(hash: string): Promise<TokenRecord | undefined> {
    const row = await this.#scope.db
      .selectFrom('token')
      .selectAll()
      .where('hash', '=', hash)
      .executeTakeFirst()
    return row && fromRow(row)
  }

  async byId(id: string): Promise<TokenRecord | undefined> {
    const row = await rowBy(this.#scope, 'id', id)
    return row && fromRow(row)
  }

  /** Is there another one of this role that does not end by itself? */
  async another(id: string, role: string): Promise<boolean> {
    const row = await this.#scope.db
      .selectFrom('token')
      .select('id')
      .where('role', '=', role)
      .where('expiresMs', 'is', null)
      .where('id', '!=', id)
      .executeTakeFirst()
    return row !== undefined
  }

  /** @throws {Fault} NOT_FOUND. */
  async get(idOrName: string): Promise<TokenRecord> {
    const row = await one(this.#scope, idOrName)
    if (row === undefined) throw notFound('token', idOrName)
    return fromRow(row)
  }

  list(query: PageQuery): Promise<Page<TokenRecord>> {
    return listPage(query, {
      read: (after, limit) => {
        const rows = this.#scope.db.selectFrom('token').selectAll().orderBy('name').limit(limit)
        return (after === undefined ? rows : rows.where('name', '>', after)).execute()
      },
      key: ({ name }) => name,
      item: fromRow,
    })
  }

  async used(id: string, atMs: number): Promise<void> {
    await this.#scope.db.updateTable('token').set({ lastUsedMs: atMs }).where('id', '=', id).execute()
  }

  /** @throws {Fault} NOT_FOUND, PRECONDITION_FAILED. */
  async delete(idOrName: string, o: { expectVersion?: ExpectedVersion } = {}): Promise<void> {
    await this.#scope.atomically(async (scope) => {
      const row = await one(scope, idOrName)
      if (row === undefined) throw notFound('token', idOrName)
      checkVersion('token', idOrName, row.version, o.expectVersion)
      await scope.db.deleteFrom('token').where('id', '=', row.id).execute()
      scope.publish('token', { id: row.id })
    })
  }
}

function one(scope: StoreScope, idOrName: string) {
  return byIdOrName(idOrName, (column, word) => rowBy(scope, column, word))
}

function rowBy({ db }: StoreScope, column: 'id' | 'name', word: string) {
  return db.selectFrom('token').selectAll().where(column, '=', word).executeTakeFirst()
}

function fromRow(row: Tables['token']): TokenRecord {
  return { ...row, expiresMs: row.expiresMs ?? undefined, lastUsedMs: row.lastUsedMs ?? undefined }
}
