/** One companion is defective: what the others hear of, and what becomes of the connection. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { Agent } from '../../src/agent/agent.ts'
import type { Companion } from '../../src/agent/link/companion.ts'
import { onlyEdge } from '../../src/agent/link/control-link.ts'
import { Fault } from '../../src/base/faults.ts'
import type { Log } from '../../src/base/log.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { until } from '../client-site.ts'
import { openStandIn } from './stand-in.ts'

function defect(): never {
  throw new Error('a defect')
}

/** @param spoilt Throws whatever it is told of; the one after it hears what is left. */
async function world(t: TestContext, spoilt: Companion) {
  const standIn = await openStandIn('connector')
  t.after(() => standIn[Symbol.asyncDispose]())
  const credentials = await standIn.tenant.credentials('connector', 'con_1')
  const heard: string[] = []
  const lines: { event: string; code?: string }[] = []
  const log = pino({ level: 'debug' }, { write: (text: string) => void lines.push(JSON.parse(text)) })
  const agent = new Agent({
    ...{ role: 'connector', way: onlyEdge(standIn.edge), egress: DIRECT, log: log as Log },
    credentials: () => credentials,
    companions: [
      spoilt,
      {
        up: () => void heard.push('up'),
        down: ({ code }) => void heard.push(code),
        tick: () => void heard.push('tick'),
        message: ({ type }) => heard.push(type) > 0,
      },
    ],
    ...{ tickMs: 50, backoff: { baseMs: 5, capMs: 50 } },
  })
  const stop = new AbortController()
  const served = agent.serve(stop.signal)
  t.after(async () => {
    stop.abort()
    await served
  })
  const defects = () => lines.filter(({ event }) => event === 'companion.defect').length
  return { standIn, heard, lines, defects, agent }
}

test('what throws at a tick, or as the connection is lost, is logged, and keeps nothing from the others', async (t) => {
  const { standIn, heard, defects } = await world(t, { tick: defect, down: defect })
  const { channel } = await standIn.arrival(0)
  await until(() => heard.includes('tick'))
  channel.close(new Fault('CONTROL_UNREACHABLE', 'for the test'))
  await standIn.arrival(1)
  await until(() => heard.filter((what) => what === 'up').length === 2)
  assert.ok(heard.includes('CONTROL_UNREACHABLE'))
  assert.ok(defects() >= 2)
})

test('what throws as the connection comes up gives it up: half a state is worse than none', async (t) => {
  let times = 0
  const up = () => {
    if (times++ === 0) defect()
  }
  const { standIn, heard, agent } = await world(t, { up })
  const first = await standIn.arrival(0)
  assert.equal((await first.channel.closed)?.seen.closeCode, 1008, 'and the channel is not left open')
  await standIn.arrival(1)
  await until(() => agent.isUp)
  assert.deepEqual(
    heard.filter((what) => what !== 'tick'),
    ['INTERNAL', 'up'],
  )
})

test('what throws at a message gives the connection up, and the next one brings the whole state', async (t) => {
  const { standIn, heard } = await world(t, { message: defect })
  const { channel } = await standIn.arrival(0)
  await until(() => heard.includes('up'))
  channel.send({ type: 'revoke', grants: ['grt_1'], detail: 'for the test' })
  await standIn.arrival(1)
  await until(() => heard.filter((what) => what === 'up').length === 2)
  assert.ok(heard.includes('INTERNAL'))
})

test('what comes in place of a welcome is a breach of the protocol, and the agent dials again', async (t) => {
  const { standIn, heard } = await world(t, {})
  standIn.instead = ({ channel, peer: { identity } }) => {
    standIn.instead = undefined
    channel.send({ type: 'revoke', grants: [], detail: identity.id })
  }
  await standIn.arrival(1)
  await until(() => heard.includes('up'))
  assert.ok(heard.includes('PROTOCOL_ERROR'))
})
