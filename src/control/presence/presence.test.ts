import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connected } from '../agents/control.fixture.ts'
import { AgentProcesses } from './agent-processes.ts'
import { Presence } from './presence.ts'

const HOUR_MS = 3_600_000

function presence() {
  let monotonicMs = 0
  const runs = new AgentProcesses(() => monotonicMs)
  const later = () => {
    monotonicMs += HOUR_MS
  }
  return { presence: new Presence(runs), runs, later }
}

for (const role of ['client', 'connector'] as const) {
  test(`a ${role} whose former connection ends behind its next one is not away`, () => {
    const { presence: all, runs, later } = presence()
    const [before, next] = [1, 2].map(() => ({ ...connected(role, 'x'), run: 'a' }))
    const add = role === 'client' ? all.addClient.bind(all) : all.addConnector.bind(all)
    add(before!)
    if (role === 'connector') all.remove(before!) // It is replaced, and then its connection ends, too.
    add(next!)
    all.remove(before!)
    later()
    assert.equal(runs.goneForMs('x', 'a'), undefined)
    all.remove(next!)
    later()
    assert.equal(runs.goneForMs('x', 'a'), HOUR_MS)
  })
}
