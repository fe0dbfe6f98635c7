import type { StoreScope } from './scope.ts'

/** Secrets by name, as sealed by the vault: this table never sees what is in them. */
export class Secrets {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  async get(name: string): Promise<string | undefined> {
    const row = await this.#scope.db
      .selectFrom('secret')
      .select('sealed')
      .where('name', '=', name)
      .executeTakeFirst()
    return row?.sealed
  }

  async put(name: string, sealed: string): Promise<void> {
    const updatedMs = this.#scope.clock.nowMs()
    await this.#scope.db
      .insertInto('secret')
      .values({ name, sealed, updatedMs })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ sealed, updatedMs }))
      .execute()
  }

  /** Names that start with `prefix`, in order. */
  async names(prefix = ''): Promise<string[]> {
    const rows = await this.#scope.db
      .selectFrom('secret')
      .select('name')
      .where('name', '>=', prefix)
      .where('name', '<', `${prefix}\uffff`)
      .orderBy('name')
      .execute()
    return rows.map((row) => row.name)
  }

  async delete(name: string): Promise<void> {
    await this.#scope.db.deleteFrom('secret').where('name', '=', name).execute()
  }
}
