/** Sessions that outlive their grants: control knows of them only what their connector tells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_CARRIED } from '../../src/wire/control.ts'
import type { Change } from './change.ts'
import { World } from './world.ts'

const MINUTE_MS = 60_000
/** Each with a grant of its own. What is kept fills a message by itself, and stands before what is lost. */
const KEPT = portsFrom(1000, MAX_CARRIED)
const LOST = portsFrom(5000, 3)

const segment = (name: string, ports: string): Change => {
  const spec = { domains: ['app.example'], serverGroups: ['sg1'], tcp: [ports] }
  return { do: 'put', kind: 'segment', name, spec }
}

test('of sessions whose grants have long ended all are cut that are denied, and no other', async () => {
  await using world = await World.open()
  const changes: Change[] = [
    { do: 'connector-comes', connector: 'c1' },
    { do: 'client-comes', device: 'd1', process: 0, posture: {} },
    { do: 'put', kind: 'access-rule', name: 'all', spec: { order: 9, action: 'allow' } },
    segment('kept', '1000-4999'),
    segment('lost', '5000-5999'),
  ]
  for (const change of changes) await world.happens(change)
  for (const port of [...KEPT, ...LOST]) {
    const to = { host: 'app.example', port, protocol: 'tcp' } as const
    await world.happens({ do: 'ask', device: 'd1', process: 0, to })
    assert.equal(world.outcome?.is, 'opened')
  }
  // Beyond what control remembers of a grant by itself: ten minutes that it lives, and two more.
  for (let minute = 0; minute < 14; minute++) {
    await world.happens({ do: 'later', ms: MINUTE_MS })
    await world.settle()
  }
  const openPorts = () =>
    world.sessions.flatMap(({ stream, to }) => (stream.isOpen ? [to.port] : [])).sort((a, b) => a - b)
  assert.deepEqual(openPorts(), [...KEPT, ...LOST])
  assert.equal([...world.parts.live.at(world.clock.nowMs())].length, 0, 'only the connector speaks of them')

  await world.happens({ do: 'put', kind: 'access-rule', name: 'no', spec: denied('lost') })
  await world.settle()
  assert.deepEqual(openPorts(), KEPT)
})

function portsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, nth) => first + nth)
}

function denied(segment: string): object {
  return { order: 0, action: 'deny', conditions: { segments: [segment] } }
}
