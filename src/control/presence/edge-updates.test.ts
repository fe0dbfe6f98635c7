import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { EdgeUpdates, type EdgeUpdatesDeps } from './edge-updates.ts'

function open(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const sent: unknown[] = []
  let state: 'draining' | undefined
  const channel = { send: (message: unknown) => sent.push(message) }
  const deps = {
    presence: { connectors: () => [{ channel }], allClients: () => [] },
    edges: { list: () => [{ id: 'edg_1', name: 'near', region: '', host: 'h', port: 443, out: state }] },
  } as unknown as EdgeUpdatesDeps
  const news = new EdgeUpdates(deps)
  const turn = (to: typeof state) => {
    state = to
    news.listChanged()
  }
  return { sent, turn }
}

test('an edge that changes its mind without end is told of once a second, and its last word counts', (t) => {
  const { sent, turn } = open(t)
  turn(undefined)
  assert.equal(sent.length, 1, 'the first at once')
  for (let n = 0; n < 1000; n++) turn(n % 2 === 0 ? undefined : 'draining')
  assert.equal(sent.length, 1)
  t.mock.timers.tick(1000)
  assert.equal(sent.length, 2)
  assert.match(JSON.stringify(sent[1]), /draining/)
})
