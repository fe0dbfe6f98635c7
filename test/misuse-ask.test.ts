/** Agents that lie about what they are asked, or about when they were away. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { Rest } from '../src/cli/rest.ts'
import type { OutageRecord } from '../src/wire/control.ts'
import { openClientSite, PASSWORD, USER } from './client-site.ts'
import { enrolConnector, placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

async function open(t: TestContext) {
  const { site, ...rest } = await openClientSite()
  t.after(() => rest[Symbol.asyncDispose]())
  const { port } = site.edge
  const look = tls.connect({
    host: '127.0.0.1',
    port,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: false,
  })
  await once(look, 'secureConnect')
  const fingerprint = look.getPeerX509Certificate()!.fingerprint256
  look.destroy()
  const api = new Rest({
    file: 'none',
    server: `https://127.0.0.1:${port}`,
    token: site.control.firstToken!,
    pin: { fingerprint },
  })
  const rogue = async () => {
    const who = await enrolConnector(placeOf(site), await site.key())
    const agent = await RogueAgent.connect(placeOf(site), who)
    t.after(() => agent[Symbol.asyncDispose]())
    return { agent, id: who.identity.id }
  }
  /** The lines of one examination, in full. */
  const examine = async (id: string) => {
    const call = { method: 'POST', body: {} } as const
    const lines = await Array.fromAsync(api.lines(`/connectors/${id}/diagnose`, t.signal, call))
    return lines as { step?: object; failed?: { code: string } }[]
  }
  return { site, rogue, examine }
}

const STEP = { check: 'x', title: 'x', hop: 'edge', verdict: 'pass', text: 'fine' } as const

test('a connector that tells without end is stopped, and keeps nobody else from being examined', async (t) => {
  const { rogue, examine } = await open(t)
  const [flooding, other] = [await rogue(), await rogue()]
  const lines = examine(flooding.id)
  const { id } = await flooding.agent.hears('diagnose')
  // Of the examination of another one nothing can be said.
  other.agent.channel.send({ type: 'diagnosis', id, step: { ...STEP, text: 'a lie' } })
  for (let told = 0; told < 1000; told++) flooding.agent.channel.send({ type: 'diagnosis', id, step: STEP })
  const heard = await lines
  assert.deepEqual([heard.length, heard.at(-1)!.failed!.code], [257, 'PROTOCOL_ERROR'])
  assert.ok(!JSON.stringify(heard).includes('a lie'))
  assert.ok(flooding.agent.channel.isOpen, 'what nobody waits for any more is dropped')
})

test('outages are kept for the connector that tells them; an id that another one used changes nothing', async (t) => {
  const { site, rogue } = await open(t)
  const [one, other] = [await rogue(), await rogue()]
  const outage: OutageRecord = {
    ...{ id: 'out_1', sinceMs: 1, endedMs: 2, attempts: 1, code: 'EGRESS_BLOCKED', hop: 'edge' },
    detail: 'mine',
  }
  one.agent.channel.send({ type: 'outages', outages: [outage] })
  assert.deepEqual((await one.agent.hears('outages-kept')).ids, ['out_1'])
  other.agent.channel.send({ type: 'outages', outages: [{ ...outage, detail: 'yours' }] })
  await other.agent.hears('outages-kept')
  one.agent.channel.send({ type: 'outages', outages: [{ ...outage, detail: 'changed' }] })
  const { outages } = site.control.store
  assert.deepEqual(
    [(await outages.of(one.id))[0]!.detail, (await outages.of(other.id))[0]!.detail],
    ['mine', 'yours'],
  )
})

test('a time that no calendar has is no outage: whoever lists them would get nothing', async (t) => {
  const { site, rogue } = await open(t)
  const { agent, id } = await rogue()
  const outage: OutageRecord = {
    ...{ id: 'out_1', sinceMs: 1, endedMs: Number.MAX_SAFE_INTEGER, attempts: 1 },
    ...{ code: 'EGRESS_BLOCKED', hop: 'edge', detail: '' },
  }
  agent.channel.send({ type: 'outages', outages: [outage, { ...outage, id: 'out_2', endedMs: 2 }] })
  assert.deepEqual((await agent.hears('outages-kept')).ids, ['out_2'], 'the other one counts')
  const kept = await site.control.store.outages.of(id)
  assert.deepEqual(
    kept.map((one) => one.id),
    ['out_2'],
  )
})

test('a client answers no examination', async (t) => {
  const { site } = await open(t)
  const place = placeOf(site)
  const device = await signInDevice(place, { user: USER, password: PASSWORD })
  await using client = await RogueAgent.connect(place, device)
  client.channel.send({ type: 'diagnosis', id: 'dgn_1', step: STEP })
  assert.equal((await client.hears('failed')).fault.code, 'PROTOCOL_ERROR')
})
