import { sql } from 'kysely'
import type { StoreScope } from './scope.ts'

/** How many sessions are open: counted once, then kept with every write that is durable. */
export class OpenCount {
  #count: number | undefined

  async now(scope: StoreScope): Promise<number> {
    // Under the lock of writers: what is written before is counted, what comes behind is added.
    if (this.#count === undefined) await scope.atomically((locked) => this.#read(locked))
    return this.#count ?? 0
  }

  async #read({ db }: StoreScope): Promise<void> {
    const row = await db
      .selectFrom('session')
      .select((select) => select.fn.countAll<number>().as('count'))
      .where('state', '=', sql.lit('open'))
      .executeTakeFirstOrThrow()
    this.#count = Number(row.count)
  }

  /** To be called when it is durable, before anybody else writes. */
  add(more: number): void {
    if (this.#count !== undefined) this.#count += more
  }
}
