import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../../base/faults.ts'
import { type ApplicationReport, Applications } from './applications.ts'

const told = (connector: string, host: string): ApplicationReport => ({
  ...{ connector, host, port: 443, segment: 'seg_1', ok: false, atMs: 1000, probe: false },
  fault: { code: 'APP_REFUSED', hop: 'application', detail: 'x'.repeat(2048), seen: { more: 'evidence' } },
})

test('a connector that tells of applications without end loses its own words, not those of others', () => {
  const applications = new Applications()
  applications.tell(told('con_honest', 'wiki.internal'))
  for (let n = 0; n < 60_000; n++) applications.tell(told('con_flood', `h${n}.internal`))
  assert.equal(applications.of('seg_1', 'con_flood', 2000).length, 5000)
  const to = { host: 'wiki.internal', port: 443 }
  assert.deepEqual(applications.unreachable('con_honest', to, 2000), { code: 'APP_REFUSED' })
  assert.equal(applications.unreachable('con_flood', to, 2000), undefined)
  const [kept] = applications.of('seg_1', 'con_honest', 2000)
  assert.deepEqual([kept!.fault!.detail.length, kept!.fault!.seen], [512, undefined])
})

test('what a connector says of what others reach is its own word alone', () => {
  const applications = new Applications()
  applications.tell({ ...told('con_honest', 'wiki.internal'), ok: true, fault: undefined })
  applications.tell(told('con_stolen', 'wiki.internal'))
  applications.forget('con_stolen')
  applications.tell(told('con_stolen', 'wiki.internal'))
  assert.equal(applications.unreachable('con_honest', { host: 'wiki.internal', port: 443 }, 2000), undefined)
  assert.deepEqual(
    applications.of('seg_1', 'con_honest', 2000).map(({ ok }) => ok),
    [true],
  )
})

test('one that is silent is passed over while another may answer; what to do about it is kept, in a few short lines', () => {
  const applications = new Applications()
  const fix = ['check its log', 'x'.repeat(1000), '3', '4', '5']
  const silent: NonNullable<ApplicationReport['fault']> = {
    code: 'APP_SILENT',
    hop: 'application',
    detail: 'silent',
    seen: { fix, saw: ['18 B'], is: 'silent' },
  }
  applications.tell({ ...told('con_1', 'wiki.internal'), ok: true, fault: silent })
  applications.tell({
    ...told('con_2', 'wiki.internal'),
    ok: true,
    fault: { ...silent, code: 'APP_TLS_NAME' },
  })
  const to = { host: 'wiki.internal', port: 443 }
  assert.deepEqual(applications.unreachable('con_1', to, 2000), { code: 'APP_SILENT' })
  assert.equal(applications.unreachable('con_2', to, 2000), undefined)
  const { seen } = applications.about('con_1', to, 2000)!.fault!
  assert.deepEqual(seen, { saw: ['18 B'], fix: [fix[0], 'x'.repeat(256), '3', '4'] })
})

test('UDP is apart from TCP; that it was refused is known for a minute and a half', () => {
  const applications = new Applications()
  applications.tell({ ...told('con_1', 'dns.internal'), protocol: 'udp' })
  const to = { host: 'dns.internal', port: 443 }
  assert.equal(applications.unreachable('con_1', to, 2000), undefined)
  assert.deepEqual(applications.unreachable('con_1', { ...to, protocol: 'udp' }, 2000), {
    code: 'APP_REFUSED',
  })
  assert.equal(applications.of('seg_1', 'con_1', 90_000).length, 1)
  assert.equal(applications.of('seg_1', 'con_1', 91_000).length, 0)
})

test('what a connector has in common with all it is asked for is known before the next name is asked for', () => {
  const applications = new Applications()
  const tell = (host: string, code: FaultCode | undefined, atMs = 1000) => {
    const fault = code && { code, hop: 'application' as const, detail: 'x' }
    applications.tell({ ...told('con_1', host), ok: code === undefined, fault, atMs })
  }
  const ailing = (nowMs = 2000) => applications.ailing('con_1', nowMs)
  tell('a.internal', 'APP_TIMEOUT')
  tell('a.internal', 'APP_TIMEOUT')
  assert.equal(ailing(), undefined, 'one application may be down')
  tell('b.internal', 'APP_REFUSED')
  assert.equal(ailing(), undefined, 'who refuses is there')
  tell('c.internal', 'APP_UNREACHABLE')
  assert.equal(ailing(), 'APP_TIMEOUT, APP_UNREACHABLE')
  assert.equal(ailing(60_000), undefined, 'it is tried again after a while')
  tell('d.internal', undefined)
  assert.equal(ailing(), undefined, 'it reaches something')
  tell('e.internal', 'APP_RESOLVER_DOWN')
  assert.equal(ailing(), 'APP_RESOLVER_DOWN', 'no name resolves there')
  applications.forget('con_1')
  assert.equal(ailing(), undefined)
})
