import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OutageRecord } from '../wire/control.ts'
import { openStore } from './store.ts'

function outage(number: number): OutageRecord {
  const id = `out_${String(number).padStart(4, '0')}`
  const at = { sinceMs: 1000 + number * 10, endedMs: 1005 + number * 10 }
  return { id, ...at, attempts: 2, code: 'EGRESS_BLOCKED', hop: 'edge', detail: 'silence' }
}

async function openWithConnector() {
  const store = await openStore({ file: ':memory:' })
  const spec = { description: '', enabled: true, location: '', region: '', connectorKind: 'app' } as const
  const group = await store.objects.put({ kind: 'connector-group', name: 'g', spec })
  const connector = await store.connectors.create({
    ...{ thumbprint: 't', serial: '01', notAfterMs: 1, generation: 0, groupId: group.id, publicKeyHash: 'p' },
    fingerprint: {},
    host: { name: 'h', platform: 'linux', program: 'test' },
  })
  return { store, id: connector.id }
}

test('an outage told twice is kept once, and the newest comes first', async (t) => {
  const { store, id } = await openWithConnector()
  t.after(() => store[Symbol.asyncDispose]())
  await store.outages.keep(id, [outage(1), outage(2)])
  await store.outages.keep(id, [outage(2), outage(3)])
  assert.deepEqual(await store.outages.of(id), [outage(3), outage(2), outage(1)])
})

test('a connector that is away again and again fills no disk', async (t) => {
  const { store, id } = await openWithConnector()
  t.after(() => store[Symbol.asyncDispose]())
  for (let at = 0; at < 260; at += 20) {
    await store.outages.keep(
      id,
      Array.from({ length: 20 }, (_, one) => outage(at + one)),
    )
  }
  const kept = await store.outages.of(id)
  assert.equal(kept.length, 200)
  assert.deepEqual(kept[0], outage(259))
})

test('of a connector that was deleted nothing is kept', async (t) => {
  const { store, id } = await openWithConnector()
  t.after(() => store[Symbol.asyncDispose]())
  await store.outages.keep(id, [outage(1)])
  await store.outages.forget(id)
  await store.outages.keep('con_gone', [outage(1)])
  assert.deepEqual([await store.outages.of(id), await store.outages.of('con_gone')], [[], []])
})
