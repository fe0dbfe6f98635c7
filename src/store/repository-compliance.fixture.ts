/**
 * What all repositories of named records have in common: a test file calls `repositoryCompliance` for each of them.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Page, PageQuery } from './page.ts'
import { openStore, type Repositories, type Store } from './store.ts'

interface NamedRecord {
  readonly id: string
  readonly name: string
  readonly version: number
}

interface Expecting {
  readonly expectVersion?: number
}

export interface TestedRepository<Item extends NamedRecord> {
  /** As the words for people have it: `no connector dc1-a`. */
  readonly title: string
  /** What the order of its list is by. */
  readonly order: 'id' | 'name'
  /** What its records refer to. */
  prepare?(store: Store): Promise<void>
  create(to: Repositories, name: string): Promise<Item>
  get(from: Repositories, idOrName: string): Promise<Item>
  list(from: Repositories, query: PageQuery): Promise<Page<Item>>
  /** Changes something of it that is not its name; absent where a record never changes. */
  change?(to: Repositories, record: Item, o?: Expecting): Promise<Item>
  delete(to: Repositories, id: string, o?: Expecting): Promise<void>
}

export function repositoryCompliance<Item extends NamedRecord>(repository: TestedRepository<Item>): void {
  const { title, order } = repository
  const { change } = repository
  const open = async (file = ':memory:') => {
    const store = await openStore({ file })
    await repository.prepare?.(store)
    return store
  }
  const fill = (store: Store, names: readonly string[]) =>
    store.transaction(async (tx) => {
      const records: Item[] = []
      for (const name of names) records.push(await repository.create(tx, name))
      return records
    })
  const inOrder = (records: readonly Item[]) =>
    records.map((record) => record[order]).sort((a, b) => (a < b ? -1 : 1))

  test(`${title}: found by id and by name, as it was created`, async () => {
    await using store = await open()
    const made = await repository.create(store, 'one')
    await repository.create(store, 'other')
    assert.deepEqual([made.name, made.version], ['one', 1])
    assert.deepEqual(await repository.get(store, made.id), made)
    assert.deepEqual(await repository.get(store, 'one'), made)
  })

  test(`${title}: the same after the store was closed and opened again`, async (t) => {
    const file = path.join(directory(t), 'store.db')
    let made: Item
    {
      await using store = await open(file)
      made = await repository.create(store, 'one')
      if (change !== undefined) made = await change(store, made)
    }
    await using store = await openStore({ file })
    assert.deepEqual(await repository.get(store, made.id), made)
    assert.deepEqual((await repository.list(store, { limit: 10 })).items, [made])
  })

  test(`${title}: pages of any size give each record once, in order of ${order}`, async () => {
    await using store = await open()
    const made = await fill(store, ['d', 'a', 'g', 'B', 'c', 'e-2', 'e'])
    for (let limit = 1; limit <= made.length + 1; limit++) {
      const pages = await allPages(store, limit)
      assert.deepEqual(
        pages.flat().map((record) => record[order]),
        inOrder(made),
      )
      assert.equal(pages.length, Math.ceil(made.length / limit), `pages of ${limit}`)
    }
  })

  test(`${title}: records that come and go between two pages neither repeat nor hide others`, async () => {
    await using store = await open()
    const made = await fill(store, ['a', 'c', 'e', 'g'])
    const [first, second, third, fourth] = inOrder(made).map(
      (key) => made.find((record) => record[order] === key)!,
    )
    const page = await repository.list(store, { limit: 2 })
    assert.deepEqual(page.items, [first, second])
    await repository.delete(store, second!.id) // What the cursor points behind.
    await repository.delete(store, third!.id)
    const rest = await repository.list(store, { limit: 2, cursor: page.next })
    assert.deepEqual(rest, { items: [fourth] })
  })

  test(`${title}: an empty list is one empty page, and a made-up cursor is refused`, async () => {
    await using store = await open()
    assert.deepEqual(await repository.list(store, { limit: 5 }), { items: [] })
    for (const cursor of ['', '!', 'not a cursor', 'YQ=='])
      await assert.rejects(async () => repository.list(store, { limit: 5, cursor }), {
        code: 'INVALID',
        seen: { pointer: '/cursor' },
      })
  })

  test(`${title}: what does not exist is NOT_FOUND, by the name it was asked for`, async () => {
    await using store = await open()
    const made = await repository.create(store, 'one')
    await repository.delete(store, made.id)
    const missing = { code: 'NOT_FOUND', detail: new RegExp(`^no ${title} `) }
    await assert.rejects(repository.get(store, 'absent'), { code: 'NOT_FOUND', detail: `no ${title} absent` })
    await assert.rejects(repository.get(store, made.id), missing)
    await assert.rejects(repository.delete(store, made.id), missing)
  })

  test(`${title}: once deleted it is in no list, and its name is free for another record`, async () => {
    await using store = await open()
    const made = await repository.create(store, 'one')
    const other = await repository.create(store, 'other')
    await repository.delete(store, made.id)
    assert.deepEqual((await repository.list(store, { limit: 10 })).items, [other])
    const again = await repository.create(store, 'one')
    assert.notEqual(again.id, made.id)
    assert.deepEqual([again.name, again.version], ['one', 1])
  })

  test(`${title}: it is deleted at the expected version only`, async () => {
    await using store = await open()
    const made = await repository.create(store, 'one')
    await assert.rejects(repository.delete(store, made.id, { expectVersion: 2 }), {
      code: 'PRECONDITION_FAILED',
      seen: { expected: 2, is: 1 },
    })
    assert.deepEqual(await repository.get(store, made.id), made)
    await repository.delete(store, made.id, { expectVersion: 1 })
    await assert.rejects(repository.get(store, made.id), { code: 'NOT_FOUND' })
  })

  test(`${title}: a transaction that fails creates and deletes nothing, and publishes nothing`, async () => {
    await using store = await open()
    const made = await repository.create(store, 'one')
    await turn()
    const heard: string[] = []
    using _subscriptions = new DisposableStack()
    for (const topic of ['policy', 'identity', 'token', 'revoked'] as const)
      _subscriptions.use(store.bus.subscribe(topic, () => heard.push(topic)))
    const version = await store.policyVersion()
    await assert.rejects(
      store.transaction(async (tx) => {
        await repository.create(tx, 'two')
        await repository.delete(tx, made.id)
        await tx.audit.append({ actor: 'system', action: 'one.delete', object: made.id })
        throw new Error('undo')
      }),
      /^Error: undo$/,
    )
    await turn()
    assert.deepEqual(heard, [])
    assert.equal(await store.policyVersion(), version)
    assert.deepEqual((await repository.list(store, { limit: 10 })).items, [made])
    assert.deepEqual(await store.audit.list({ limit: 10 }), { items: [] })
  })

  if (change !== undefined) {
    test(`${title}: a change is the next version, and keeps id, name and time of creation`, async () => {
      await using store = await open()
      const made = await repository.create(store, 'one')
      const changed = await change(store, made)
      assert.notDeepEqual({ ...changed, version: 1 }, made)
      assert.deepEqual([changed.id, changed.name, changed.version], [made.id, 'one', 2])
      assert.deepEqual(await repository.get(store, made.id), changed)
    })

    test(`${title}: of two changes to one version the second is refused and changes nothing`, async () => {
      await using store = await open()
      const made = await repository.create(store, 'one')
      const both = await Promise.allSettled([
        change(store, made, { expectVersion: 1 }),
        change(store, made, { expectVersion: 1 }),
      ])
      const [first, second] = both
      assert.equal(first.status, 'fulfilled')
      assert.equal(second.status, 'rejected')
      assert.equal(second.reason.code, 'PRECONDITION_FAILED')
      assert.deepEqual(second.reason.seen, { expected: 1, is: 2 })
      assert.deepEqual(await repository.get(store, made.id), first.value)
    })
  }

  async function allPages(store: Store, limit: number): Promise<Item[][]> {
    const pages: Item[][] = []
    let cursor: string | undefined
    do {
      const page = await repository.list(store, { limit, cursor })
      pages.push(page.items)
      cursor = page.next
    } while (cursor !== undefined)
    return pages
  }
}

function directory(t: TestContext): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'backstitch-repository-'))
  t.after(() => rmSync(made, { recursive: true }))
  return made
}
