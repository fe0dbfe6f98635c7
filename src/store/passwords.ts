import type { Scope } from './scope.ts'

/** Password hashes of users, apart from the user object so that no reader of users ever holds one. */
export class Passwords {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  async get(userId: string): Promise<string | undefined> {
    const row = await this.#scope.db
      .selectFrom('password')
      .select('hash')
      .where('userId', '=', userId)
      .executeTakeFirst()
    return row?.hash
  }

  async put(userId: string, hash: string): Promise<void> {
    const updatedMs = this.#scope.clock.nowMs()
    await this.#scope.db
      .insertInto('password')
      .values({ userId, hash, updatedMs })
      .onConflict((conflict) => conflict.column('userId').doUpdateSet({ hash, updatedMs }))
      .execute()
  }
}
