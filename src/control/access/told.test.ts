import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asFault, type Fault } from '../../base/faults.ts'
import { enrolDevice, openControl, put } from '../agents/control.fixture.ts'
import { loadPolicy } from '../base/policy-now.ts'
import { type AuthorizeQuestion, permit } from './authorize.ts'
import { toldOf } from './told.ts'

async function world() {
  const control = await openControl()
  const { store } = control
  await put(store, 'connector-group', 'dc1')
  await put(store, 'server-group', 'web', { connectorGroups: ['dc1'], dynamicDiscovery: true })
  await put(store, 'posture-fact', 'managed', { valueType: 'boolean' })
  await put(store, 'user-group', 'board')
  const segment = (name: string, fields: object) =>
    put(store, 'segment', name, { serverGroups: ['web'], ...fields })
  await segment('dataroom', { domains: ['dr.example'], cidrs: ['10.66.0.0/24'], tcp: ['8443', '5432'] })
  await segment('wide', { domains: ['*.wide.example'], tcp: ['443'] })
  await segment('vault', { domains: ['vault.wide.example'], tcp: ['8200'] })
  await segment('half', { domains: ['both.example'], tcp: ['22'] })
  await segment('other half', { domains: ['both.example'], tcp: ['443'] })
  const ada = await put(store, 'user', 'ada')
  const chief = await put(store, 'user', 'chief', { groups: ['board'] })
  let order = 0
  const rule = (name: string, conditions: object, action: 'allow' | 'deny' = 'allow') =>
    put(store, 'access-rule', name, { order: ++order, action, conditions })
  await rule('board only', { segments: ['dataroom', 'vault', 'other half'], userGroups: ['board'] })
  await rule('all to wide', { segments: ['wide', 'half'], posture: [{ fact: 'managed', equals: true }] })
  /** What the denial keeps, and what the user hears. */
  const refused = async (host: string, port: number, { user = ada.id, managed = true } = {}) => {
    const policy = await loadPolicy(store)
    const asked: AuthorizeQuestion = {
      ...{ user, device: 'dev_1', posture: { managed }, clientKind: 'client', host, port },
      ...{ protocol: 'tcp', nowMs: Date.now() },
    }
    let kept: Fault | undefined
    try {
      permit(policy, asked)
    } catch (error) {
      kept = asFault(error)
    }
    assert.ok(kept !== undefined, `${host}:${port} was allowed`)
    return { kept, told: toldOf(policy, asked, kept) }
  }
  return { store, segment, rule, refused, chief, [Symbol.asyncDispose]: () => control[Symbol.asyncDispose]() }
}

test('whom no rule could ever admit is told what is told of a host that nobody declared', async () => {
  await using w = await world()
  const plain = ({ code, hop, detail, seen, message }: Fault, host: string, port: number) =>
    JSON.stringify([code, hop, detail, seen, message])
      .replaceAll(host, 'HOST')
      .replaceAll(` ${port}`, ' PORT')
  const none = await w.refused('none.example', 80)
  assert.equal(none.kept.code, 'CLIENT_NOT_COVERED')
  const cases: [host: string, port: number, kept: string][] = [
    ['dr.example', 5432, 'POLICY_DENIED'],
    ['dr.example', 1, 'CLIENT_WRONG_PORT'],
    ['10.66.0.9', 1, 'CLIENT_WRONG_PORT'],
    ['10.66.0.9', 8443, 'POLICY_DENIED'],
    ['vault.wide.example', 443, 'CLIENT_WRONG_PORT'],
  ]
  for (const [host, port, code] of cases) {
    const { kept, told } = await w.refused(host, port)
    assert.equal(kept.code, code, `${host}:${port}`)
    assert.match(kept.detail, /dataroom|vault/)
    assert.equal(plain(told, host, port), plain(none.told, 'none.example', 80), `${host}:${port}`)
  }
})

test('whom a rule could admit is told what is missing, and nothing of others', async () => {
  await using w = await world()
  const posture = (await w.refused('a.wide.example', 443, { managed: false })).told
  assert.equal(posture.code, 'POSTURE_FAILED')
  assert.match(
    posture.detail,
    /"all to wide" would allow it except for posture: wanted managed = true, seen managed = false/,
  )
  const port = (await w.refused('a.wide.example', 444)).told
  assert.deepEqual([port.code, port.seen.lists], ['CLIENT_WRONG_PORT', ['443']])
  const chief = (await w.refused('dr.example', 1, { user: w.chief.id })).told
  assert.deepEqual([chief.code, chief.seen.lists], ['CLIENT_WRONG_PORT', ['8443', '5432']])
})

test('a segment out of reach is as if it were not there, also beside and before one in reach', async () => {
  await using w = await world()
  const beside = await w.refused('both.example', 443)
  assert.equal(beside.kept.code, 'POLICY_DENIED')
  assert.deepEqual([beside.told.code, beside.told.seen.lists], ['CLIENT_WRONG_PORT', ['22']])
  const before = await w.refused('vault.wide.example', 8200)
  assert.deepEqual([before.told.code, before.told.seen.lists], ['CLIENT_WRONG_PORT', ['443']])
  const unmanaged = await w.refused('vault.wide.example', 443, { managed: false })
  assert.equal(unmanaged.told.code, 'POSTURE_FAILED', 'as of any other name below')
})

test('ids of people, groups and devices of others stay in the denial', async () => {
  await using w = await world()
  const ada = (await w.store.objects.find('user', 'ada'))!
  const hers = await enrolDevice(w.store, ada.id, 'laptop')
  await w.segment('lab', { domains: ['lab.example'], tcp: ['22'] })
  await w.rule('one laptop', { segments: ['lab'], users: ['ada'], devices: [hers.id] })
  await w.rule('the board, too', { segments: ['lab'], userGroups: ['board'] })
  const { kept, told } = await w.refused('lab.example', 22)
  assert.ok(JSON.stringify(kept.seen).includes(hers.id))
  assert.deepEqual(told.seen.wanted, ['another device'])
  assert.doesNotMatch(JSON.stringify([told.detail, told.seen]), /dev_[0-9a-z]{26}|board/)
})

test('a user who is disabled learns nothing of what there is', async () => {
  await using w = await world()
  const ada = (await w.store.objects.find('user', 'ada'))!
  await w.store.objects.put({ ...ada, spec: { ...ada.spec, enabled: false } } as Parameters<
    typeof w.store.objects.put
  >[0])
  for (const host of ['dr.example', 'none.example', 'a.wide.example']) {
    assert.equal((await w.refused(host, 1)).told.code, 'IDENTITY_REVOKED', host)
  }
})
