import { inList } from './page.ts'
import type { StoreScope } from './scope.ts'
import { type By, endSignIns } from './sign-ins.ts'

/** Password hashes of users, apart from the user object so that no reader of users ever holds one. */
export class Passwords {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  /** Which of these users have one. @param ids At most some hundred. */
  async having(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set()
    const rows = await this.#scope.db
      .selectFrom('password')
      .select('userId')
      .where('userId', 'in', inList(ids))
      .execute()
    return new Set(rows.map(({ userId }) => userId))
  }

  async get(userId: string): Promise<string | undefined> {
    const row = await this.#scope.db
      .selectFrom('password')
      .select('hash')
      .where('userId', '=', userId)
      .executeTakeFirst()
    return row?.hash
  }

  /** Whoever signed in with the password before is signed out. */
  async put(userId: string, hash: string, o: By = {}): Promise<void> {
    await this.#scope.atomically(async (scope) => {
      const updatedMs = scope.clock.nowMs()
      await scope.db
        .insertInto('password')
        .values({ userId, hash, updatedMs })
        .onConflict((conflict) => conflict.column('userId').doUpdateSet({ hash, updatedMs }))
        .execute()
      await endSignIns(scope, { userId }, { ...o, because: 'password-changed' })
    })
  }

  /** As put. @returns Whether there was one. */
  async remove(userId: string, o: By = {}): Promise<boolean> {
    return this.#scope.atomically(async (scope) => {
      const { numDeletedRows } = await scope.db
        .deleteFrom('password')
        .where('userId', '=', userId)
        .executeTakeFirst()
      if (numDeletedRows === 0n) return false
      await endSignIns(scope, { userId }, { ...o, because: 'password-changed' })
      return true
    })
  }
}
