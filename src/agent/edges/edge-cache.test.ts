import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { StateDir } from '../../base/state-dir.ts'
import { EdgeCache } from './edge-cache.ts'

const EDGES = [
  { id: 'edg_a', name: 'a', region: 'eu', host: 'a.example', port: 443 },
  { id: 'edg_b', name: 'b', region: '', host: 'b.example', port: 443, addresses: ['192.0.2.1'] },
]

async function inState(run: (state: StateDir) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'cache-'))
  try {
    await run(await StateDir.open(dir))
  } finally {
    await rm(dir, { recursive: true })
  }
}

test('what was learned and measured is known after a restart', () =>
  inState(async (state) => {
    const cache = await EdgeCache.open(state, silentLog)
    cache.learn(EDGES, { region: 'eu', group: 'dc1' })
    cache.learn(EDGES) // the list has changed: where it stands has not
    cache.reached('edg_a', 2000)
    await cache.settled()
    const again = await EdgeCache.open(state, silentLog)
    assert.deepEqual(again.edges, EDGES)
    assert.deepEqual([again.region, again.group], ['eu', 'dc1'])
    assert.equal(again.reachedUs('edg_a'), 2000)
    assert.equal(again.reachedUs('edg_b'), undefined)
  }))

test('a distance is forgotten after a month, and with its edge', () =>
  inState(async (state) => {
    let nowMs = 1_000_000
    const cache = await EdgeCache.open(state, silentLog, () => nowMs)
    cache.learn(EDGES, { region: '' })
    cache.reached('edg_a', 2000)
    cache.reached('edg_b', 3000)
    cache.learn(EDGES.slice(0, 1))
    assert.equal(cache.reachedUs('edg_b'), undefined)
    nowMs += 31 * 86_400_000
    assert.equal(cache.reachedUs('edg_a'), undefined)
    await cache.settled()
  }))

test('the file is not written at every measurement', () =>
  inState(async (state) => {
    const cache = await EdgeCache.open(state, silentLog)
    cache.learn(EDGES, { region: '' })
    cache.reached('edg_a', 10_000)
    await cache.settled()
    await state.remove('edges.json')
    cache.reached('edg_a', 10_900)
    await cache.settled()
    assert.equal(await state.read('edges.json'), undefined)
    cache.reached('edg_a', 15_000)
    await cache.settled()
    assert.match((await state.read('edges.json')) ?? '', /15000/)
  }))

test('a damaged file is a cache with nothing in it', () =>
  inState(async (state) => {
    await state.write('edges.json', '{"version":1,"edges":')
    const cache = await EdgeCache.open(state, silentLog)
    assert.deepEqual([cache.edges, cache.region], [[], ''])
    assert.deepEqual(cache.unread, { file: state.file('edges.json'), why: 'it is damaged' })
    assert.equal((await EdgeCache.open(StateDir.at(`${state.file('none')}`), silentLog)).unread, undefined)
  }))
