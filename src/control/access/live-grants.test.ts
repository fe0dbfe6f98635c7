import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LiveGrants, MAX_OF_DEVICE } from './live-grants.ts'

const count = (live: LiveGrants, nowMs: number) => [...live.carriedAt(nowMs)].length

test('what a connector makes up of grants and ports fills no memory, and makes room when it is over', () => {
  const live = new LiveGrants()
  const ids = { user: 'usr_1', device: 'dev_1', segment: 'seg_1', rule: 'rul_1', host: 'a.example' }
  const tell = (grants: number, nowMs: number, from = 0) => {
    for (let n = from; n < from + grants; n++) {
      const ports = Array.from({ length: 1000 }, (_, at) => at + 1)
      const told = ports.map((port) => ({ grant: `grt_${n}`, ...ids, protocol: 'tcp' as const, port }))
      live.carry('con_1', told, nowMs)
    }
  }
  tell(500, 0)
  assert.equal(count(live, 0), 50_000)
  live.dropCarried('con_1', 'grt_0')
  live.dropCarried('con_1', 'grt_0')
  live.dropCarried('con_1', 'made-up')
  assert.equal(count(live, 0), 49_000)
  tell(500, 0, 1)
  assert.equal(count(live, 0), 50_000)
  assert.equal(count(live, 500_000), 0, 'it has told of none for long')
  tell(500, 500_000)
  assert.equal(count(live, 500_000), 50_000)
})

test('a device holds so many grants and no more; another is given its first', () => {
  const live = new LiveGrants()
  const ports = { tcp: [], udp: [] }
  const about = {
    connectorId: 'con_1',
    userId: 'usr_1',
    segmentId: 'seg_1',
    ruleId: 'rul_1',
    host: 'a',
    ports,
  }
  for (let n = 0; n < MAX_OF_DEVICE; n++) {
    live.requireRoom('dev_1')
    live.add({ id: `grt_${n}`, deviceId: 'dev_1', expiresMs: 1000, ...about })
  }
  assert.throws(() => live.requireRoom('dev_1'), { code: 'RATE_LIMITED' })
  live.requireRoom('dev_2')
  live.remove('grt_7')
  live.requireRoom('dev_1')
})

test('a connector says nothing of a grant that leads through another one', () => {
  const live = new LiveGrants()
  const of = {
    deviceId: 'dev_1',
    userId: 'usr_1',
    segmentId: 'seg_1',
    ruleId: 'rul_1',
    connectorId: 'con_honest',
  }
  live.add({ id: 'grt_1', ...of, host: 'a.example', expiresMs: 1000 })
  const told = { grant: 'grt_1', user: 'usr_x', device: 'dev_1', segment: 'seg_x', rule: 'rul_x' }
  live.carry('con_stolen', [{ ...told, protocol: 'tcp', host: 'a.example', port: 1 }], 0)
  assert.equal(count(live, 0), 0)
  live.carry('con_honest', [{ ...told, protocol: 'tcp', host: 'a.example', port: 1 }], 0)
  assert.equal(count(live, 0), 1)
})
