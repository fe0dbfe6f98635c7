/**
 * What lists of what happened have in common: they only grow, and the newest comes first.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Page, PageQuery } from './page.ts'
import { openStore, type Store } from './store.ts'

export interface TestedList<Entry, Filter extends object> {
  readonly title: string
  /** Adds the entry with this number: the fields vary with it, so that each filter finds some. */
  add(store: Store, number: number): Promise<unknown>
  list(store: Store, query: PageQuery, filter: Filter): Promise<Page<Entry>>
  key(entry: Entry): string | number
  /** Values that each filter is tried with; the last finds nothing. */
  readonly filters: { readonly [Key in keyof Filter]-?: readonly Filter[Key][] }
  passes(entry: Entry, filter: Filter): boolean
}

/** As many entries are in the store. */
const ENTRIES = 60

export function newestFirstCompliance<Entry, Filter extends object>(tested: TestedList<Entry, Filter>): void {
  const { title, list, key } = tested
  const filled = async () => {
    const store = await openStore({ file: ':memory:' })
    for (let number = 0; number < ENTRIES; number++) await tested.add(store, number)
    return store
  }
  const all = async (store: Store, limit: number, filter: Filter) => {
    const found: Entry[] = []
    let cursor: string | undefined
    do {
      const page = await list(store, { limit, cursor }, filter)
      assert.ok(page.items.length <= limit)
      found.push(...page.items)
      cursor = page.next
    } while (cursor !== undefined)
    return found
  }

  test(`${title}: the newest comes first, and an empty list is one empty page`, async () => {
    await using empty = await openStore({ file: ':memory:' })
    assert.deepEqual(await list(empty, { limit: 10 }, {} as Filter), { items: [] })
    await using store = await filled()
    const keys = (await all(store, ENTRIES, {} as Filter)).map(key)
    assert.equal(keys.length, ENTRIES)
    assert.deepEqual(
      keys,
      keys.toSorted((a, b) => (a < b ? 1 : -1)),
    )
  })

  test(`${title}: whatever filters are combined, pages of any size give all that passes, once each`, async () => {
    await using store = await filled()
    const everything = await all(store, ENTRIES, {} as Filter)
    const filter = fc.record(
      Object.fromEntries(
        Object.entries<readonly unknown[]>(tested.filters).map(([name, values]) => [
          name,
          fc.constantFrom(...values),
        ]),
      ),
      { requiredKeys: [] },
    ) as unknown as fc.Arbitrary<Filter>
    await fc.assert(
      fc.asyncProperty(filter, fc.integer({ min: 1, max: ENTRIES }), async (wanted, limit) => {
        const passing = everything.filter((entry) => tested.passes(entry, wanted))
        assert.deepEqual(await all(store, limit, wanted), passing)
      }),
      { numRuns: 60 },
    )
  })

  test(`${title}: entries added between two pages do not move the second page`, async () => {
    await using store = await filled()
    const everything = await all(store, ENTRIES, {} as Filter)
    const first = await list(store, { limit: 5 }, {} as Filter)
    for (let number = ENTRIES; number < ENTRIES + 7; number++) await tested.add(store, number)
    const second = await list(store, { limit: 5, cursor: first.next }, {} as Filter)
    assert.deepEqual(second.items.map(key), everything.slice(5, 10).map(key))
  })

  test(`${title}: a made-up cursor is refused`, async () => {
    await using store = await filled()
    for (const cursor of ['', '!', 'not a cursor'])
      await assert.rejects(async () => list(store, { limit: 5, cursor }, {} as Filter), {
        code: 'INVALID',
        seen: { pointer: '/cursor' },
      })
  })
}
