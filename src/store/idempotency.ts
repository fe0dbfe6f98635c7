import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'

/** An answer given once, to be given again for the same key. */
export type RememberedAnswer = Tables['idempotency']

/** How long a key is remembered. */
export const IDEMPOTENCY_LIFE_MS = 24 * 60 * 60 * 1000

export class Idempotency {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  async find(tokenId: string, key: string): Promise<RememberedAnswer | undefined> {
    return this.#scope.db
      .selectFrom('idempotency')
      .selectAll()
      .where('tokenId', '=', tokenId)
      .where('key', '=', key)
      .where('createdMs', '>', this.#scope.clock.nowMs() - IDEMPOTENCY_LIFE_MS)
      .executeTakeFirst()
  }

  async remember(answer: Omit<RememberedAnswer, 'createdMs'>): Promise<void> {
    await this.#scope.atomically(async ({ db, clock }) => {
      const createdMs = clock.nowMs()
      await db
        .deleteFrom('idempotency')
        .where('createdMs', '<=', createdMs - IDEMPOTENCY_LIFE_MS)
        .execute()
      await db
        .insertInto('idempotency')
        .values({ ...answer, createdMs })
        .execute()
    })
  }
}
