import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type FoundAddress, NAME_THREADS, NamesBusy, NameTimeout, SystemNames } from './system-names.ts'

const FOUND = [{ address: '10.0.0.1', family: 4 }]

/** A resolver whose answers come when the test says so. */
function heldLookups() {
  const held: { host: string; answer: (found?: readonly FoundAddress[]) => void }[] = []
  const lookup = (host: string) => {
    const { promise, resolve } = Promise.withResolvers<readonly FoundAddress[]>()
    held.push({ host, answer: (found = FOUND) => resolve(found) })
    return promise
  }
  return {
    lookup,
    hosts: () => held.map(({ host }) => host),
    answer: async (host: string) => {
      held
        .splice(
          held.findIndex((one) => one.host === host),
          1,
        )[0]!
        .answer()
      await turn()
    },
  }
}

test('a name is looked up once, however many ask, also when those before gave up', async () => {
  const world = heldLookups()
  using names = new SystemNames({ threads: 4, limitMs: 20, lookup: world.lookup })
  const keepAlive = setInterval(() => {}, 1000)
  const first = names.lookUp('a')
  assert.equal(names.lookUp('a'), first)
  await assert.rejects(first, NameTimeout)
  clearInterval(keepAlive)
  const second = names.lookUp('a')
  assert.deepEqual(world.hosts(), ['a'], 'the lookup under way serves who asks now')
  await world.answer('a')
  assert.equal(await second, FOUND)
})

test('a name that waited for a thread and got none is not the silence of a resolver', async () => {
  const world = heldLookups()
  using names = new SystemNames({ threads: 1, limitMs: 20, lookup: world.lookup })
  const keepAlive = setInterval(() => {}, 1000)
  const [a, b] = [names.lookUp('a'), names.lookUp('b')]
  await assert.rejects(a, NameTimeout)
  await assert.rejects(b, NamesBusy)
  clearInterval(keepAlive)
  await world.answer('a')
  assert.deepEqual(world.hosts(), [], 'nobody waits for b any more: it takes no thread')
})

test('names that were slow take half of the threads at most: those that answer are not kept waiting', async () => {
  const world = heldLookups()
  using names = new SystemNames({ threads: 4, slowMs: 0, lookup: world.lookup })
  const dead = ['d1', 'd2', 'd3', 'd4']
  const once = dead.map((host) => names.lookUp(host))
  for (const host of dead) await world.answer(host)
  await Promise.all(once)
  for (const host of dead) void names.lookUp(host)
  assert.deepEqual(world.hosts(), ['d1', 'd2'])
  const good = names.lookUp('good')
  assert.deepEqual(world.hosts(), ['d1', 'd2', 'good'])
  await world.answer('good')
  assert.equal(await good, FOUND)
  await world.answer('d1')
  assert.deepEqual(world.hosts(), ['d2', 'd3'])
})

test('silent names of one user hold half of the threads at most, and the users take turns', async () => {
  const world = heldLookups()
  using names = new SystemNames({ threads: 4, lookup: world.lookup })
  const of = (by: string, ...hosts: string[]) => hosts.map((host) => names.lookUp(host, by))
  of('mallory', 'm1', 'm2', 'm3', 'm4', 'm5')
  assert.deepEqual(world.hosts(), ['m1', 'm2'])
  const [a] = of('asha', 'a1', 'a2', 'a3')
  assert.deepEqual(world.hosts(), ['m1', 'm2', 'a1'], 'one is left for whoever comes next')
  of('ben', 'b1')
  assert.deepEqual(world.hosts(), ['m1', 'm2', 'a1', 'b1'])
  await world.answer('a1')
  assert.equal(await a, FOUND)
  assert.deepEqual(world.hosts(), ['m1', 'm2', 'b1', 'a2'])
  const own = names.lookUp('own')
  await world.answer('m1')
  await world.answer('own')
  assert.equal(await own, FOUND, 'what this process asks for itself has no share')
})

test('a name that stands in the queue of another user is looked up at the turn of whoever comes first', async () => {
  const world = heldLookups()
  using names = new SystemNames({ threads: 4, lookup: world.lookup })
  for (let n = 0; n < 100; n++) void names.lookUp(`m${n}`, 'mallory')
  void names.lookUp('app', 'mallory')
  const asha = names.lookUp('app', 'asha')
  assert.deepEqual(world.hosts(), ['m0', 'm1', 'app'])
  assert.equal(names.lookUp('app', 'ben'), asha)
  await world.answer('app')
  assert.equal(await asha, FOUND)
  void names.lookUp('a2', 'asha')
  assert.deepEqual(world.hosts(), ['m0', 'm1', 'a2'], 'and once')
})

test('names of one user that nobody waits for any more leave no place taken in the queue', async () => {
  const world = heldLookups()
  using names = new SystemNames({ threads: 4, limitMs: 20, lookup: world.lookup })
  const keepAlive = setInterval(() => {}, 1000)
  for (let round = 0; round < 3; round++) {
    const all = Array.from({ length: 512 }, (_, n) => names.lookUp(`m${round}-${n}`, 'mallory'))
    await Promise.allSettled(all)
  }
  const asha = names.lookUp('a', 'asha')
  await world.answer('a')
  assert.equal(await asha, FOUND)
  clearInterval(keepAlive)
})

test('one user fills half of the queue: the next name is refused, the first of another is not', async () => {
  const world = heldLookups()
  using names = new SystemNames({ threads: 4, lookup: world.lookup })
  for (let n = 0; n < 512; n++) void names.lookUp(`m${n}`, 'mallory')
  await assert.rejects(names.lookUp('m512', 'mallory'), {
    code: 'LOOKUPS_BUSY',
    detail: 'DNS lookups waiting: user mallory holds 512 of 1024 and may not hold more',
  })
  const asha = names.lookUp('a', 'asha')
  await world.answer('a')
  assert.equal(await asha, FOUND)
  await world.answer('m0')
  void names.lookUp('m512', 'mallory')
})

test('what getaddrinfo says goes to whoever asked', async () => {
  const refusal = Object.assign(new Error('no'), { code: 'ENOTFOUND' })
  using names = new SystemNames({ threads: 1, lookup: () => Promise.reject(refusal) })
  await assert.rejects(names.lookUp('a'), refusal)
  await assert.rejects(names.lookUp('a'), refusal)
})

test('the threads of this process are enough for edges and applications side by side', () => {
  assert.ok(NAME_THREADS.edges >= 4 && NAME_THREADS.others >= 16, 'bin/node sets UV_THREADPOOL_SIZE')
})
