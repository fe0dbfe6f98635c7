import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { AskedNames } from './asked-names.ts'

function open() {
  const asked: { id: number; host: string; by: string | undefined }[] = []
  return { asked, names: new AskedNames((id, host, by) => asked.push({ id, host, by })) }
}

test('a name is asked for once for each user, and its answer kept for as long as it is one', async () => {
  const { asked, names } = open()
  const both = [names.addresses('a.example', 'asha'), names.addresses('a.example', 'asha')]
  const other = names.addresses('a.example', 'ben')
  assert.deepEqual(
    asked.map(({ by }) => by),
    ['asha', 'ben'],
  )
  for (const { id } of asked) names.resolved(id, { keepMs: 50, addresses: ['10.0.0.1'] })
  assert.deepEqual(await Promise.all([...both, other]), [['10.0.0.1'], ['10.0.0.1'], ['10.0.0.1']])
  const kept = names.addresses('a.example', 'cleo')
  assert.equal(kept, names.addresses('a.example'), 'the same array')
  await delay(60)
  names.addresses('a.example')
  assert.equal(asked.length, 3)
})

test('a name that leads nowhere rejects with its fault; one that may be had by another is asked for again', async () => {
  const { asked, names } = open()
  const first = names.addresses('b.example')
  names.resolved(asked[0]!.id, {
    keepMs: 0,
    fault: { code: 'LOOKUPS_BUSY', hop: 'connector', detail: 'all' },
  })
  await assert.rejects(async () => first, { code: 'LOOKUPS_BUSY' })
  const second = names.addresses('b.example')
  names.resolved(asked[1]!.id, {
    keepMs: 999,
    fault: { code: 'APP_NAME_NXDOMAIN', hop: 'connector', detail: 'no' },
  })
  await assert.rejects(async () => second, { code: 'APP_NAME_NXDOMAIN' })
  await assert.rejects(async () => names.addresses('b.example'), { code: 'APP_NAME_NXDOMAIN' })
  assert.equal(asked.length, 2)
})
