import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS, type ObjectKind } from '../../api/kinds.ts'
import { atOnce } from '../../base/slices.ts'
import { openStore, type Store } from '../../store/store.ts'
import { loadPolicy } from '../base/policy-now.ts'
import { lanesOf } from './lanes.ts'

const put = (store: Store, kind: ObjectKind, name: string, fields: object) =>
  store.objects.put({ kind, name, spec: OBJECT_KINDS[kind].spec.parse(fields) })

test('clients are told the rules, and of segments only what lies within one', async () => {
  await using store = await openStore({ file: ':memory:' })
  await put(store, 'segment', 's1', {
    domains: ['vault.saas.example', '*.in.saas.example', '*.saas.example', 'secret.corp.example'],
    tcp: ['443'],
  })
  await put(store, 'segment', 's2', { domains: ['off.saas.example'], tcp: ['443'], enabled: false })
  assert.deepEqual(
    atOnce(lanesOf(await loadPolicy(store))),
    { bypass: [], claimed: [] },
    'no rule, nothing to tell',
  )

  await put(store, 'internet-rule', 'saas', { domains: ['*.saas.example', 'status.corp.example'] })
  await put(store, 'internet-rule', 'later', { domains: ['*.saas.example'] })
  await put(store, 'internet-rule', 'off', { domains: ['news.example'], enabled: false })
  const lanes = atOnce(lanesOf(await loadPolicy(store)))
  assert.deepEqual(lanes?.bypass.map(({ pattern }) => pattern).sort(), [
    '*.saas.example',
    'status.corp.example',
  ])
  assert.deepEqual(lanes?.claimed.sort(), ['*.in.saas.example', '*.saas.example', 'vault.saas.example'])
})

test('a list that is too long to be told is not told in part', async () => {
  await using store = await openStore({ file: ':memory:' })
  await put(store, 'internet-rule', 'saas', { domains: ['*.saas.example'] })
  for (let at = 0; at < 20; at++) {
    const domains = Array.from({ length: 101 }, (_, name) => `a${name}.b${at}.saas.example`)
    await put(store, 'segment', `s${at}`, { domains, tcp: ['443'] })
  }
  assert.equal(atOnce(lanesOf(await loadPolicy(store))), undefined)
})
