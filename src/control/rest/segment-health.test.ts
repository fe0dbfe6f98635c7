import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApplicationReport } from '../presence/applications.ts'
import { memberHealth, segmentHealth } from './segment-health.ts'

const told = (host: string, ok: boolean): ApplicationReport => ({
  ...{ segment: 'seg_1', connector: 'con_1', host, port: 443, ok, atMs: 1, probe: false },
  fault: ok ? undefined : { code: 'APP_REFUSED', hop: 'application', detail: 'no' },
})
const member = (name: string, ...list: ApplicationReport[]) => ({ name, ...memberHealth(list) })

test('what nobody has asked for is unknown, with the mode and never red', () => {
  const unknown = segmentHealth('onAccess', [member('a'), member('b')], undefined)
  assert.equal(unknown.state, 'unknown')
  assert.equal(unknown.code, 'HEALTH_UNKNOWN')
  assert.equal(unknown.because, 'health is onAccess, and it has not been used recently')
  assert.match(segmentHealth('none', [], undefined).because, /^health is none/)
  assert.match(segmentHealth('continuous', [], undefined).because, /^health is continuous/)
})

test('where every connector is out and none has told, that is said, and is no matter of who asked', () => {
  const out = (name: string) => ({ ...member(name), out: 'it is disconnected' })
  const { state, code, because } = segmentHealth('onAccess', [out('a'), out('b')], '2026-01-01T00:00:00.000Z')
  const words = 'no connector serves it: a: it is disconnected; b: it is disconnected'
  assert.deepEqual([state, code, because], ['unhealthy', undefined, words])
  assert.equal(segmentHealth('onAccess', [out('a'), member('b')], undefined).state, 'unknown')
  const lost = { ...member('a', told('x', false)), out: 'APP_REFUSED' }
  assert.match(segmentHealth('onAccess', [lost], '').because, /^no connector reaches x:443/)
})

test('an application that one member reaches is not lost; one that nobody reaches is', () => {
  const partly = segmentHealth('onAccess', [member('a', told('x', true)), member('b', told('x', false))], '')
  assert.equal(partly.state, 'degraded')
  assert.equal(partly.because, 'b does not reach x:443: APP_REFUSED')
  const lost = segmentHealth('onAccess', [member('a', told('x', false)), member('b', told('x', false))], '')
  assert.equal(lost.state, 'unhealthy')
  assert.equal(lost.because, 'no connector reaches x:443 (a: APP_REFUSED, b: APP_REFUSED)')
  assert.equal(segmentHealth('onAccess', [member('a', told('x', true)), member('b')], '').state, 'healthy')
})

test('an application that is connected to and fails its users all the same is degraded, with what was found', () => {
  const detail = 'x:443: The certificate that answers for x does not have that name, so programs refuse it.'
  const found = { ...told('x', true), fault: { code: 'APP_TLS_NAME', hop: 'application', detail } } as const
  const all = [member('a', found), member('b', found)]
  assert.deepEqual(
    all.map(({ state }) => state),
    ['degraded', 'degraded'],
  )
  const { state, because } = segmentHealth('onAccess', all, '')
  assert.equal(state, 'degraded', 'it is reached: nobody is turned away')
  assert.equal(because, `a connects, but APP_TLS_NAME: ${detail}; b connects, but APP_TLS_NAME: ${detail}`)
  assert.equal(member('a', found, told('y', false)).state, 'unhealthy')
})

test('a silent application is said to be silent, since when and for how many; UDP is named, and apart from TCP', () => {
  const detail =
    'x:443: silent since 2026-05-30T09:00:00.000Z: 4 sessions of 2 users asked it and no byte came back'
  const silent = { ...told('x', true), fault: { code: 'APP_SILENT', hop: 'application', detail } } as const
  const { state, because } = segmentHealth('onAccess', [member('a', silent)], '')
  assert.deepEqual([state, because], ['degraded', `a connects, but APP_SILENT: ${detail}`])
  const udp = { ...told('x', false), protocol: 'udp' } as const
  const both = segmentHealth('onAccess', [member('a', told('x', true), udp)], '')
  assert.deepEqual(
    [both.state, both.because],
    ['unhealthy', 'no connector reaches x:443/udp (a: APP_REFUSED)'],
  )
})

test('one session that waits at each of two connectors is degraded; one alone is words', () => {
  const waits = (n: number) => ({ ...told('x', true), waits: n })
  const two = segmentHealth('onAccess', [member('a', waits(1)), member('b', waits(1))], '')
  assert.deepEqual(
    [two.state, two.because],
    ['degraded', '2 sessions wait for the first byte of x:443 (a, b)'],
  )
  const one = segmentHealth('onAccess', [member('a', waits(1)), member('b', told('x', true))], '')
  assert.deepEqual(
    [one.state, one.because],
    ['healthy', 'its application is reachable; one session waits for the first byte of x:443 (a)'],
  )
})
