import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { openStore, type Store } from '../../store/store.ts'
import { put } from '../agents/control.fixture.ts'
import { execute } from './execute.ts'
import { planNow } from './planned.ts'
import { prepare } from './prepare.ts'

async function opened(t: TestContext): Promise<Store> {
  const dir = mkdtempSync(path.join(tmpdir(), 'apply-'))
  const store = await openStore({ file: path.join(dir, 'store.db') })
  t.after(async () => {
    await store[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  })
  return store
}

const GROUPS = [
  { kind: 'connector-group', name: 'dc1' },
  { kind: 'server-group', name: 'web', connectorGroups: ['dc1'] },
]
const segment = (n: number, tcp = ['443']) => ({
  ...{ kind: 'segment', name: `s${n}`, domains: [`s${n}.example`], tcp, serverGroups: ['web'] },
})

async function planned(store: Store, documents: readonly Record<string, unknown>[], prune = false) {
  const prepared = await prepare(store, documents)
  const plan = await store.reading((tx) => planNow(tx, prepared, prune))
  const finish = () =>
    store.transaction(async (tx) => {
      const { reply, audit } = await execute(tx, prepared, { prune }, plan)
      await tx.audit.appendAll(audit.map((entry) => ({ ...entry, actor: 'token admin (tok_1)' })))
      return reply
    })
  return { plan, finish }
}

/** Each object of a kind without what differs from one store to another. */
async function all(store: Store, kind: 'segment' | 'server-group') {
  const some = await store.objects.all(kind)
  const names = await store.objects.namesOf(some)
  return some.map(({ name, version, spec }, at) => ({
    ...{ name, version },
    spec: JSON.parse(JSON.stringify(spec).replaceAll(/"(\w{3}_\w{26})"/g, (_, id) => `"${names[at]![id]}"`)),
  }))
}

test('many written together are what they are one by one: objects, references, versions, policy, audit log', async (t) => {
  const [many, single] = [await opened(t), await opened(t)]
  const documents = [...GROUPS, ...Array.from({ length: 1100 }, (_, n) => segment(n))]
  const changed = documents.map((one, n) =>
    n % 2 === 0 && one.kind === 'segment' ? segment(n - 2, ['22']) : one,
  )
  for (const file of [documents, changed]) {
    await (await planned(many, file)).finish()
    await single.transaction(async (tx) => {
      for (const document of file) {
        const { kind, name, ...fields } = document
        const found = await tx.objects.find(kind as 'segment', name)
        await put(tx, kind as 'segment', name, fields, found?.id)
      }
    })
    assert.deepEqual(await all(many, 'segment'), await all(single, 'segment'))
    assert.deepEqual(await all(many, 'server-group'), await all(single, 'server-group'))
    assert.equal(await many.policyVersion(), await single.policyVersion())
  }
  await assert.rejects(many.objects.delete('server-group', 'web'), { code: 'IN_USE' })
  const verdict = await many.audit.verify()
  assert.ok(verdict.intact && verdict.records === 1102 + 1 + 550 + 1, JSON.stringify(verdict))
  const { items } = await many.audit.list({ limit: 1, action: 'segment.update' })
  assert.deepEqual((items[0]!.detail as { changes: unknown }).changes, [
    { path: '/tcp', from: ['443'], to: ['22'] },
  ])
  await (await planned(many, [segment(0)], true)).finish()
  assert.deepEqual(
    (await many.objects.all('segment')).map(({ name }) => name),
    ['s0'],
  )
  await put(many, 'access-rule', 'r', { order: 1, action: 'allow', conditions: { segments: ['s0'] } })
  await assert.rejects((await planned(many, [segment(1)], true)).finish, {
    code: 'IN_USE',
    detail: /segment s0/,
  })
  assert.equal(await many.objects.find('segment', 's1'), undefined, 'all of it or nothing')
})

test('what somebody else writes between plan and transaction is seen: it is planned anew', async (t) => {
  const store = await opened(t)
  await (await planned(store, GROUPS)).finish()
  const { plan, finish } = await planned(store, [segment(1), segment(2)])
  assert.deepEqual(
    plan.steps.map(({ action }) => action),
    ['create', 'create'],
  )
  await put(store, 'segment', 's1', { domains: ['other.example'], tcp: ['1'], serverGroups: ['web'] })
  assert.deepEqual(
    (await finish()).steps.map(({ action }) => action),
    ['update', 'create'],
  )
  const gone = await planned(store, [
    { kind: 'segment', name: 's3', domains: ['x.example'], tcp: ['1'], serverGroups: ['new'] },
    { kind: 'server-group', name: 'new' },
  ])
  await store.objects.delete('connector-group', (await put(store, 'connector-group', 'other')).name)
  await gone.finish()
  const late = await planned(store, [{ ...segment(3), serverGroups: ['new'] }, segment(4)])
  await store.objects.delete('segment', 's3')
  await store.objects.delete('server-group', 'new')
  await assert.rejects(late.finish, { code: 'INVALID' })
  assert.equal(await store.objects.find('segment', 's4'), undefined)
})
