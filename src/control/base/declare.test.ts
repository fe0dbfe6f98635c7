import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { openStore, type Store } from '../../store/store.ts'
import { enrolDevice, put } from '../agents/control.fixture.ts'
import { type Declaration, declare, retract } from './declare.ts'
import { diff } from './diff.ts'

const specOf = (kind: ObjectKind, fields: object = {}) => OBJECT_KINDS[kind].spec.parse(fields)
const write = (store: Store, declaration: Declaration) =>
  store.transaction((tx) => declare(tx, { by: 'token ann (tok_1)', ...declaration }))

test('what is declared anew is one audit record with every field; again it is none', async () => {
  await using store = await openStore({ file: ':memory:' })
  const made = await write(store, { kind: 'user-group', name: 'staff', spec: specOf('user-group') })
  assert.deepEqual(
    made.audit.map(({ action, object }) => [action, object]),
    [['user-group.create', `user-group ${made.stored.id}`]],
  )
  const again = await write(store, { ...made.stored, kind: 'user-group' })
  assert.deepEqual([again.changes, again.audit, again.stored.version], [[], [], 1])
})

test('a change names the fields that differ, with what they were', async () => {
  await using store = await openStore({ file: ':memory:' })
  const { stored } = await write(store, { kind: 'user-group', name: 'staff', spec: specOf('user-group') })
  const spec = { description: 'all of us' }
  const { changes, audit } = await write(store, { kind: 'user-group', id: stored.id, name: 'everyone', spec })
  assert.deepEqual(changes, [
    { path: '/name', from: 'staff', to: 'everyone' },
    { path: '/description', from: '', to: 'all of us' },
  ])
  assert.equal(audit[0]?.action, 'user-group.update')
})

test('a password is set and taken away without ever being told, and says which devices that signs out', async () => {
  await using store = await openStore({ file: ':memory:' })
  const user = { kind: 'user', name: 'ada', spec: specOf('user') } as const
  const { stored, changes } = await write(store, { ...user, passwordHash: 'secret hash' })
  assert.ok(changes.some(({ path, to }) => path === '/password' && to === '(hidden)'))
  const laptop = await enrolDevice(store, stored.id, 'laptop')
  const removed = await write(store, { ...user, id: stored.id, passwordHash: null })
  assert.deepEqual(removed.changes, [{ path: '/password', from: '(hidden)' }])
  assert.deepEqual(removed.signedOut, [{ id: laptop.id, name: 'laptop' }])
  assert.equal(JSON.stringify(removed.audit).includes('secret hash'), false)
  const again = await write(store, { ...user, id: stored.id, passwordHash: null })
  assert.deepEqual([again.changes, again.signedOut, again.audit], [[], undefined, []])
})

test('a user who is disabled is signed out in the same write, by whoever disabled them', async () => {
  await using store = await openStore({ file: ':memory:' })
  const ada = await put(store, 'user', 'ada')
  const laptop = await enrolDevice(store, ada.id, 'laptop')
  const spec = specOf('user', { enabled: false })
  const { signedOut } = await write(store, { kind: 'user', id: ada.id, name: 'ada', spec })
  assert.deepEqual(signedOut, [{ id: laptop.id, name: 'laptop' }])
  const [signIn] = await store.signIns.ofDevice(laptop.id)
  assert.deepEqual([signIn?.ended?.because, signIn?.ended?.by], ['user-disabled', 'token ann (tok_1)'])
})

test('a fact that a rule compares keeps its type; one that no rule names may change it', async () => {
  await using store = await openStore({ file: ':memory:' })
  const fact = await put(store, 'posture-fact', 'managed', { valueType: 'boolean' })
  const posture = [{ fact: 'managed', equals: true }]
  const rule = await put(store, 'access-rule', 'r', { order: 1, action: 'allow', conditions: { posture } })
  const become = (valueType: string) =>
    write(store, {
      kind: 'posture-fact',
      id: fact.id,
      name: 'managed',
      spec: specOf('posture-fact', { valueType }),
    })
  await assert.rejects(become('string'), { code: 'IN_USE', seen: { users: [`access rule r (${rule.id})`] } })
  await become('boolean')
  await store.objects.delete('access-rule', 'r')
  assert.equal((await become('string')).stored.version, 2)
})

test('a rule that compares a fact with a value it can never have is refused at that place, and not kept', async () => {
  await using store = await openStore({ file: ':memory:' })
  await put(store, 'posture-fact', 'managed', { valueType: 'boolean' })
  await put(store, 'posture-fact', 'os', { valueType: 'string' })
  const posture = [
    { fact: 'os', equals: 'linux' },
    { fact: 'managed', equals: 'yes' },
  ]
  const spec = specOf('access-rule', { order: 1, action: 'allow', conditions: { posture } })
  await assert.rejects(write(store, { kind: 'access-rule', name: 'r', spec }), {
    code: 'INVALID',
    errors: [
      { pointer: '/conditions/posture/1/equals', detail: 'posture fact managed is a boolean, not a string' },
    ],
  })
  assert.deepEqual(await store.objects.all('access-rule'), [])
})

test('what is retracted is audited with all that it was; what is in use stays', async () => {
  await using store = await openStore({ file: ':memory:' })
  const staff = await put(store, 'user-group', 'staff', { description: 'all of us' })
  const ada = await put(store, 'user', 'ada', { groups: ['staff'] })
  const remove = (kind: ObjectKind, name: string) => store.transaction((tx) => retract(tx, kind, name))
  await assert.rejects(remove('user-group', 'staff'), { code: 'IN_USE' })
  await remove('user', ada.id)
  assert.deepEqual(await remove('user-group', 'staff'), {
    action: 'user-group.delete',
    object: `user-group ${staff.id}`,
    detail: { name: 'staff', was: { description: 'all of us' } },
  })
})

test('a difference names exactly the places where two values differ', () => {
  assert.deepEqual(diff({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { b: 2, c: [2, 1] }, e: 1 }), [
    { path: '/a/b', from: 1, to: 2 },
    { path: '/a/c', from: [1, 2], to: [2, 1] },
    { path: '/d', from: 1 },
    { path: '/e', to: 1 },
  ])
  const plain = fc.dictionary(
    fc.constantFrom('a', 'b/c', 'd~e'),
    fc.oneof(fc.integer(), fc.array(fc.integer()), fc.dictionary(fc.constantFrom('x', 'y'), fc.boolean())),
  )
  fc.assert(
    fc.property(plain, plain, (from, to) => {
      assert.deepEqual(diff(from, from), [])
      const there = diff(from, to)
      const back = new Map(diff(to, from).map(({ path, ...change }) => [path, change]))
      assert.equal(there.length, back.size)
      for (const { path, from: was, to: is } of there)
        assert.deepEqual([back.get(path)?.from, back.get(path)?.to], [is, was], path)
    }),
  )
})
