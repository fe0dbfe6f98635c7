import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Applications, type Told } from './applications.ts'

const told = (connector: string, host: string): Told => ({
  ...{ connector, host, port: 443, segment: 'seg_1', ok: false, atMs: 1000, probe: false },
  fault: { code: 'APP_REFUSED', hop: 'application', detail: 'x'.repeat(2048), seen: { more: 'evidence' } },
})

test('a connector that tells of applications without end loses its own words, not those of others', () => {
  const applications = new Applications()
  applications.tell(told('con_honest', 'wiki.internal'))
  for (let n = 0; n < 60_000; n++) applications.tell(told('con_flood', `h${n}.internal`))
  assert.equal(applications.of('seg_1', 'con_flood').length, 5000)
  const to = { host: 'wiki.internal', port: 443 }
  assert.deepEqual(applications.unreachable('con_honest', to, 2000), { code: 'APP_REFUSED' })
  assert.equal(applications.unreachable('con_flood', to, 2000), undefined)
  const [kept] = applications.of('seg_1', 'con_honest')
  assert.deepEqual([kept!.fault!.detail.length, kept!.fault!.seen], [512, undefined])
})
