import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { AFTER_USE_MS } from '../../policy/probe-plan.ts'
import { openStore } from '../../store/store.ts'
import { connected, enrolledConnector, type FakeAgent, put } from '../agents/control.fixture.ts'
import { cachedPolicy } from '../base/policy-now.ts'
import { handClock } from '../rest/fixture.ts'
import { Presence } from './presence.ts'
import { Probing } from './probing.ts'

/** Two connectors of dc1 and one of dc2; wiki is watched all the time, git after use, vault never. */
async function world() {
  const clock = handClock()
  const store = await openStore({ file: ':memory:', clock })
  const presence = new Presence()
  const agents: Record<string, FakeAgent> = {}
  for (const [group, ...names] of [
    ['dc1', 'a', 'b'],
    ['dc2', 'c'],
  ] as const) {
    const { id } = await put(store, 'connector-group', group)
    await put(store, 'server-group', `of-${group}`, { connectorGroups: [group] })
    for (const name of names) {
      agents[name] = connected('connector', (await enrolledConnector(store, id, name)).id)
      presence.addConnector(agents[name])
    }
  }
  const ids: Record<string, string> = {}
  const segment = async (name: string, health: string, over: object = {}) => {
    const spec = { domains: [`${name}.internal`], tcp: ['443'], serverGroups: ['of-dc1'], health, ...over }
    ids[name] = (await put(store, 'segment', name, spec, ids[name])).id
  }
  await segment('wiki', 'continuous')
  await segment('git', 'onAccess')
  await segment('vault', 'none')
  const probing = new Probing({ presence, policy: cachedPolicy(store, silentLog), clock, log: silentLog })
  /** What a connector was told since the last time, each list by its hosts. */
  const told = (name: string) =>
    agents[name]!.sent.splice(0).map((message) =>
      message.type === 'probe' ? message.applications.map(({ host }) => host) : message,
    )
  const use = async (name: string, host = `${name}.internal`) => {
    probing.used({ segment: ids[name]!, host, port: 443 })
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
  return {
    ...{ clock, store, presence, agents, probing, segment, told, use, ids },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

test('the members of a group hear once which applications to try; another group’s hear that there are none', async () => {
  await using w = await world()
  await w.probing.refresh()
  for (const name of ['a', 'b']) assert.deepEqual(w.told(name), [['wiki.internal']])
  assert.deepEqual(w.told('c'), [[]])
  await w.probing.refresh()
  for (const name of ['a', 'b', 'c']) assert.deepEqual(w.told(name), [], 'nothing has changed')
})

test('an application that is used is tried from then on, by those behind whom it stands, for half an hour', async () => {
  await using w = await world()
  await w.probing.refresh()
  for (const name of ['a', 'b', 'c']) w.told(name)
  await w.use('git')
  for (const name of ['a', 'b']) assert.deepEqual(w.told(name), [['wiki.internal', 'git.internal']])
  assert.deepEqual(w.told('c'), [])
  assert.equal(w.probing.usedMs(w.ids.git!), w.clock.nowMs())
  await w.use('git')
  assert.deepEqual(w.told('a'), [], 'it is tried already')
  w.clock.advance(AFTER_USE_MS)
  await w.probing.refresh()
  assert.deepEqual(w.told('a'), [['wiki.internal']])
  assert.equal(w.probing.usedMs(w.ids.git!), undefined)
})

test('a segment without health checks is never tried, however often it is used', async () => {
  await using w = await world()
  await w.probing.refresh()
  w.told('a')
  await w.use('vault')
  assert.deepEqual(w.told('a'), [])
})

test('a segment that changes is tried as it is now, and one that is disabled no longer', async () => {
  await using w = await world()
  await w.probing.refresh()
  w.told('a')
  await w.segment('wiki', 'continuous', { domains: ['wiki2.internal'] })
  await w.probing.refresh()
  assert.deepEqual(w.told('a'), [['wiki2.internal']])
  await w.segment('wiki', 'continuous', { enabled: false })
  await w.probing.refresh()
  assert.deepEqual(w.told('a'), [[]])
})

test('a connector that comes back is told again, on its new connection', async () => {
  await using w = await world()
  await w.probing.refresh()
  const before = w.agents.a!
  w.presence.remove(before)
  w.agents.a = connected('connector', before.peer.identity.id)
  w.presence.addConnector(w.agents.a)
  await w.probing.refresh([w.agents.a])
  assert.deepEqual(w.told('a'), [['wiki.internal']])
})

test('a connector that moves to another group is told what stands behind that one', async () => {
  await using w = await world()
  await w.probing.refresh()
  w.told('a')
  const { id: groupId } = await w.store.objects.get('connector-group', 'dc2')
  await w.store.connectors.update(w.agents.a!.peer.identity.id, { groupId })
  await w.probing.refresh()
  assert.deepEqual(w.told('a'), [[]])
})

test('where policy cannot be read nobody is told anything, and the next time it is', async () => {
  await using w = await world()
  let broken = true
  const read = cachedPolicy(w.store, silentLog)
  const policy = async () => {
    if (broken) throw new Error('database is locked')
    return read()
  }
  const probing = new Probing({ presence: w.presence, policy, clock: w.clock, log: silentLog })
  await probing.refresh()
  assert.deepEqual(w.told('a'), [])
  broken = false
  await probing.refresh()
  assert.deepEqual(w.told('a'), [['wiki.internal']])
})
