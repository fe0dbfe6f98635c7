import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { Cables } from '../../lab/cables.ts'
import type { Machine } from '../../lab/machine.ts'
import { ADDRESS } from '../../lab/topology.ts'
import { needs } from '../needs.ts'
import { plant } from './plant.ts'

const SKIP = needs('root', 'netns', 'iproute2', 'iputils-ping', 'nftables', 'procps', 'socat', 'tcpdump')

/** Median round trip and how many of them came back. */
async function ping(from: Machine, to: string): Promise<{ rttMs: number; lostPercent: number }> {
  const { stdout } = await from.run('ping', '-c', '30', '-i', '0.03', '-W', '1', '-q', to)
  const lostPercent = Number(/([\d.]+)% packet loss/.exec(stdout)?.[1])
  return { rttMs: Number(/= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1] ?? Number.NaN), lostPercent }
}

test('a wire delays and loses what goes through it, changes while it is used, and leaves no trace', {
  skip: SKIP,
}, async (t) => {
  const machines = await plant(t)
  const cables = new Cables(machines)
  const a = machines['connector-a']
  const capture = path.join(machines.inet.dir, 'uplink.pcap')
  assert.ok((await ping(a, ADDRESS.edge)).rttMs < 10)

  const wire = await cables.impair('fw', { delayMs: 25, lossPercent: 20 }, { seed: 3, capture })
  const worse = await ping(a, ADDRESS.edge)
  assert.ok(worse.rttMs > 50 && worse.rttMs < 90, `${worse.rttMs} ms`)
  assert.ok(worse.lostPercent > 5 && worse.lostPercent < 75, `${worse.lostPercent} %`)
  const inside = await ping(a, ADDRESS.app)
  assert.ok(inside.rttMs < 10 && inside.lostPercent === 0, 'the last mile is none of its business')
  const figures = await wire.figures()
  if (figures !== undefined) assert.ok(figures.there.lost + figures.back.lost > 0)

  await cables.impair('fw', { delayMs: 50 })
  const farther = await ping(a, ADDRESS.edge)
  assert.ok(farther.rttMs > 100 && farther.rttMs < 140, `${farther.rttMs} ms`)
  assert.equal(farther.lostPercent, 0)

  await cables.clear()
  assert.ok((await ping(a, ADDRESS.edge)).rttMs < 10)
  const captured = await machines.inet.succeed('tcpdump', '-n', '-r', capture, 'icmp')
  assert.match(captured, /198\.51\.100\.2 > 198\.51\.100\.10: ICMP echo request/)
  assert.match(captured, /198\.51\.100\.10 > 198\.51\.100\.2: ICMP echo reply/)
  assert.doesNotMatch(await machines.inet.succeed('ip', 'link'), /w[ab]?-fw/)
})

test('a cable that is pulled out carries nothing until it is put back', { skip: SKIP }, async (t) => {
  const machines = await plant(t)
  const cables = new Cables(machines)
  const a = machines['connector-a']
  await cables.link('edge', 'down')
  assert.equal((await a.run('ping', '-c', '1', '-W', '1', ADDRESS.edge)).code, 1)
  await cables.link('edge', 'up')
  assert.equal((await a.run('ping', '-c', '1', '-W', '2', ADDRESS.edge)).code, 0)
})
