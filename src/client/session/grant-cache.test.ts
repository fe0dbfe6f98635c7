import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../base/clock.ts'
import { idTimeMs, newId } from '../../base/ids.ts'
import { isSessionOf } from '../../base/session-id.ts'
import type { Destination } from '../address/destination.ts'
import { GrantCache, type Granted } from './grant-cache.ts'

const LIFE_MS = 600_000

/** A clock that stands still until told. */
function stillClock(): Clock & { wallMs: number; monoMs: number; pass(ms: number): void } {
  return {
    wallMs: 1_800_000_000_000,
    monoMs: 5000,
    nowMs() {
      return this.wallMs
    },
    monotonicUs() {
      return this.monoMs * 1000
    },
    pass(ms) {
      this.wallMs += ms
      this.monoMs += ms
    },
  }
}
const to = (host: string, port = 443): Destination => ({
  host,
  port,
  protocol: 'tcp',
  key: `tcp/${host}:${port}`,
})
const granted = (id: string, expiresMs: number, connector = 'con_a'): Granted => ({
  type: 'granted',
  id: 'req_1',
  grant: `jws-${id}`,
  grantId: id,
  session: 'ses_1',
  expiresMs,
  segment: 'seg_1',
  segmentName: 'wiki',
  rule: 'rul_1',
  connector,
  covers: { hosts: ['*.example.com'], cidrs: [], tcp: [[1, 65_535]], udp: [] },
  policyUs: 1,
  selectionUs: 1,
  because: '',
})

test('a grant answers for its own destination only, however wide its segment is', () => {
  const clock = stillClock()
  const cache = new GrantCache(clock)
  const a = to('a.example.com')
  cache.put(a, granted('grt_1', clock.nowMs() + LIFE_MS), 0)
  assert.equal(cache.find(a.key)?.granted.grantId, 'grt_1')
  assert.equal(cache.find(to('b.example.com').key), undefined)
  assert.equal(cache.find(to('a.example.com', 80).key), undefined)
  assert.equal(cache.find('udp/a.example.com:443'), undefined)
})

test('a grant ends when the control plane says, whatever this clock shows', () => {
  for (const skewMs of [-300_000, 0, 300_000]) {
    const clock = stillClock()
    const cache = new GrantCache(clock)
    cache.put(to('a'), granted('grt_1', clock.nowMs() + skewMs + LIFE_MS), skewMs)
    clock.pass(LIFE_MS - 3000)
    assert.ok(cache.find('tcp/a:443'), `skew ${skewMs}`)
    clock.pass(1500)
    assert.equal(cache.find('tcp/a:443'), undefined, `skew ${skewMs}`)
  }
})

test('a clock set back does not lengthen a grant, nor does sleep, which stops the monotonic clock', () => {
  const clock = stillClock()
  const cache = new GrantCache(clock)
  cache.put(to('a'), granted('grt_1', clock.nowMs() + LIFE_MS), 0)
  clock.monoMs += LIFE_MS
  assert.equal(cache.find('tcp/a:443'), undefined)

  cache.put(to('a'), granted('grt_2', clock.nowMs() + LIFE_MS), 0)
  clock.wallMs += LIFE_MS
  assert.equal(cache.find('tcp/a:443'), undefined)
})

test('at two thirds of its life a used grant is due for renewal, an unused one is left to end', () => {
  const clock = stillClock()
  const cache = new GrantCache(clock)
  cache.put(to('used'), granted('grt_1', clock.nowMs() + LIFE_MS), 0)
  cache.put(to('idle'), granted('grt_2', clock.nowMs() + LIFE_MS), 0)
  cache.find('tcp/used:443')
  clock.pass(LIFE_MS * 0.66)
  assert.deepEqual(cache.dueForRenewal(), [])
  clock.pass(LIFE_MS * 0.01)
  assert.deepEqual(
    cache.dueForRenewal().map((grant) => grant.to.host),
    ['used'],
  )
})

test('revoking, losing a connector and a new certificate forget what they concern', () => {
  const clock = stillClock()
  const cache = new GrantCache(clock)
  const end = clock.nowMs() + LIFE_MS
  for (const [host, id, connector] of [
    ['a', 'grt_1', 'con_a'],
    ['b', 'grt_2', 'con_b'],
    ['c', 'grt_3', 'con_b'],
    ['d', 'grt_4', 'con_c'],
  ] as const) {
    cache.put(to(host), granted(id, end, connector), 0)
  }
  cache.revoke(['grt_1', 'grt_unknown'])
  assert.equal(cache.find('tcp/a:443'), undefined)
  cache.find('tcp/c:443')
  assert.equal(cache.dropConnector('con_b')?.host, 'c', 'the one in use')
  assert.equal(cache.size, 1)
  assert.ok(cache.find('tcp/d:443'))
  cache.clear()
  assert.equal(cache.find('tcp/d:443'), undefined)
})

test('each session gets an id of its grant that no other has, by the clock of control where this one is wrong', () => {
  for (const skewMs of [-7_200_000, -300, 0, 300, 7_200_000]) {
    const clock = stillClock()
    const controlMs = clock.nowMs() + skewMs
    const cache = new GrantCache(clock)
    const id = newId('grt', controlMs - 500)
    const grant = cache.put(to('a'), granted(id, controlMs + LIFE_MS), skewMs)
    clock.pass(60_000)
    const ids = Array.from({ length: 100 }, () => cache.nextSession(grant))
    assert.equal(new Set(ids).size, 100)
    assert.ok(!ids.some((one) => one.endsWith('00000')), 'the first is that of the answer')
    for (const one of ids) {
      assert.ok(isSessionOf(one, { id, expiresMs: controlMs + LIFE_MS }), `skew ${skewMs}`)
      assert.ok(Math.abs(idTimeMs(one) - controlMs - 60_000) < 1000)
    }
  }
})

test('dropping an old grant leaves the one that replaced it', () => {
  const clock = stillClock()
  const cache = new GrantCache(clock)
  const old = cache.put(to('a'), granted('grt_1', clock.nowMs() + LIFE_MS), 0)
  cache.put(to('a'), granted('grt_2', clock.nowMs() + LIFE_MS), 0)
  cache.drop(old)
  assert.equal(cache.find('tcp/a:443')?.granted.grantId, 'grt_2')
})

test('a scan of many destinations does not grow the cache past its limit, nor push out what is in use', () => {
  const clock = stillClock()
  const cache = new GrantCache(clock)
  cache.put(to('kept'), granted('grt_0', clock.nowMs() + LIFE_MS), 0)
  cache.find('tcp/kept:443')
  for (let port = 1; port <= 5000; port++) {
    cache.put(to('scan', port), granted(`grt_${port}`, clock.nowMs() + LIFE_MS), 0)
  }
  assert.equal(cache.size, 4096)
  assert.ok(cache.find('tcp/kept:443'))
})
