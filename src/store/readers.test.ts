import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { OBJECT_KINDS } from '../api/kinds.ts'
import { openStore, type Store } from './store.ts'

async function opened(t: TestContext): Promise<Store> {
  const dir = mkdtempSync(path.join(tmpdir(), 'readers-'))
  const store = await openStore({ file: path.join(dir, 'store.db') })
  t.after(async () => {
    await store[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })
  return store
}

const group = (store: Pick<Store, 'objects'>, name: string) =>
  store.objects.put({ kind: 'connector-group', name, spec: OBJECT_KINDS['connector-group'].spec.parse({}) })
const names = async (from: Pick<Store, 'objects'>) =>
  (await from.objects.all('connector-group')).map(({ name }) => name)

test('whoever reads does not wait for a transaction, and sees nothing of it until it is durable', async (t) => {
  const store = await opened(t)
  await group(store, 'a')
  const { promise: go, resolve: end } = Promise.withResolvers<void>()
  const { promise: written, resolve: wrote } = Promise.withResolvers<void>()
  const writing = store.transaction(async (tx) => {
    await group(tx, 'b')
    wrote()
    await go
  })
  await written
  assert.deepEqual(await names(store), ['a'])
  end()
  await writing
  assert.deepEqual(await names(store), ['a', 'b'])
})

test('what is read as of one moment stays so while others write, and they do not wait for it', async (t) => {
  const store = await opened(t)
  await group(store, 'a')
  const readings = [1, 2, 3].map(() =>
    store.reading(async (tx) => {
      assert.deepEqual(await names(tx), ['a'])
      await group(store, `later-${Math.random()}`)
      return names(tx)
    }),
  )
  assert.deepEqual(await Promise.all(readings), [['a'], ['a'], ['a']])
  assert.equal((await names(store)).length, 4)
})

test('a reading writes nothing, and its end leaves nothing held', async (t) => {
  const store = await opened(t)
  await assert.rejects(
    store.reading((tx) => group(tx, 'x')),
    { code: 'STORE_FAILED' },
  )
  for (let n = 0; n < 20; n++) {
    await assert.rejects(
      store.reading(async (tx) => {
        await names(tx)
        throw new Error('no')
      }),
      /^Error: no$/,
    )
  }
  await group(store, 'y')
  assert.deepEqual(await store.reading(names), ['y'])
})

test('what a reading knows of changes is what it sees: one that comes between is not taken for seen', async (t) => {
  const store = await opened(t)
  await group(store, 'a')
  const { mark, version } = await store.reading(async (tx) => {
    const at = { mark: tx.changes.mark, version: await tx.policyVersion() }
    const { id } = await group(store, 'b')
    assert.equal(tx.changes.mark, at.mark)
    assert.deepEqual(tx.changes.since(at.mark), { changed: new Map(), versions: 0 })
    assert.equal(store.changes.since(at.mark)!.changed.get(id), 'connector-group')
    return at
  })
  const since = await store.reading(async (tx) => ({
    ...tx.changes.since(mark)!,
    version: await tx.policyVersion(),
  }))
  assert.deepEqual([since.changed.size, since.versions, since.version], [1, 1, version + 1])
})

test('a reading that begins while a change is being made durable does not count it among those it has seen', async (t) => {
  const store = await opened(t)
  await group(store, 'first')
  const marks = await Promise.all(
    Array.from({ length: 30 }, async (_, n) => {
      const made = group(store, `g${n}`)
      for (let turn = 0; turn < n; turn++) await undefined
      const seen = await store.reading(async (tx) => ({ mark: tx.changes.mark, names: await names(tx) }))
      await made
      return seen
    }),
  )
  const all = (await store.objects.all('connector-group')).map(({ id, name }) => ({ id, name }))
  for (const seen of marks) {
    const later = store.changes.since(seen.mark)!.changed
    for (const { id, name } of all) assert.ok(seen.names.includes(name) || later.has(id), name)
  }
})
