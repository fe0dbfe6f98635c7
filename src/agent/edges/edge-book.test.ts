import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { StateDir } from '../../base/state-dir.ts'
import { EdgeBook } from './edge-book.ts'

const EDGES = [
  { id: 'edg_a', name: 'a', region: 'eu', host: 'a.example', port: 443 },
  { id: 'edg_b', name: 'b', region: '', host: 'b.example', port: 443, addresses: ['192.0.2.1'] },
]

async function inState(run: (state: StateDir) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'book-'))
  try {
    await run(await StateDir.open(dir))
  } finally {
    await rm(dir, { recursive: true })
  }
}

test('what was learned and measured is known after a restart', () =>
  inState(async (state) => {
    const book = await EdgeBook.open(state, silentLog)
    book.learn(EDGES, { region: 'eu', group: 'dc1' })
    book.learn(EDGES) // the list has changed: where it stands has not
    book.reached('edg_a', 2000)
    await book.settled()
    const again = await EdgeBook.open(state, silentLog)
    assert.deepEqual(again.edges, EDGES)
    assert.deepEqual([again.region, again.group], ['eu', 'dc1'])
    assert.equal(again.reachedUs('edg_a'), 2000)
    assert.equal(again.reachedUs('edg_b'), undefined)
  }))

test('a distance is forgotten after a month, and with its edge', () =>
  inState(async (state) => {
    let nowMs = 1_000_000
    const book = await EdgeBook.open(state, silentLog, () => nowMs)
    book.learn(EDGES, { region: '' })
    book.reached('edg_a', 2000)
    book.reached('edg_b', 3000)
    book.learn(EDGES.slice(0, 1))
    assert.equal(book.reachedUs('edg_b'), undefined)
    nowMs += 31 * 86_400_000
    assert.equal(book.reachedUs('edg_a'), undefined)
    await book.settled()
  }))

test('the file is not written at every measurement', () =>
  inState(async (state) => {
    const book = await EdgeBook.open(state, silentLog)
    book.learn(EDGES, { region: '' })
    book.reached('edg_a', 10_000)
    await book.settled()
    await state.remove('edges.json')
    book.reached('edg_a', 10_900)
    await book.settled()
    assert.equal(await state.read('edges.json'), undefined)
    book.reached('edg_a', 15_000)
    await book.settled()
    assert.match((await state.read('edges.json')) ?? '', /15000/)
  }))

test('a damaged file is a book with nothing in it', () =>
  inState(async (state) => {
    await state.write('edges.json', '{"version":1,"edges":')
    const book = await EdgeBook.open(state, silentLog)
    assert.deepEqual([book.edges, book.region], [[], ''])
    assert.deepEqual(book.unread, { file: state.file('edges.json'), why: 'it is damaged' })
    assert.equal((await EdgeBook.open(StateDir.at(`${state.file('none')}`), silentLog)).unread, undefined)
  }))
