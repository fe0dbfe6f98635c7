import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { DiagnosisMessage, DiagnosisReport } from '../../wire/control.ts'
import { connected } from '../agents/control.fixture.ts'
import { Diagnoses } from './diagnoses.ts'

const report: DiagnosisReport = {
  ...{ run: 'run_1', role: 'connector', at: '2026-06-01T00:00:00Z', durationMs: 5, outcome: 'healthy' },
  ...{ findings: [], checks: [] },
}

/** One connector, and what it is asked. */
function world() {
  const gone = Promise.withResolvers<undefined>()
  const agent = connected('connector', 'con_1')
  const channel = { ...agent.channel, closed: gone.promise } as typeof agent.channel
  const connector = { ...agent, channel }
  const all = new Diagnoses()
  const leaving = new AbortController()
  const asked = () => agent.sent.flatMap((one) => (one.type === 'diagnose' ? [one] : []))
  const say = (told: Partial<DiagnosisMessage>, id = asked().at(-1)!.id) =>
    all.said(connector, { type: 'diagnosis', id, ...told })
  const ask = (listener = {}) => all.ask(connector, undefined, { ...listener, signal: leaving.signal })
  return { all, connector, asked, say, ask, leaving, leave: () => gone.resolve(undefined) }
}

const step = { check: 'dns', title: 't', hop: 'dns', verdict: 'pass', text: 'x' } as const

test('an examination is told step by step, and ends with its report', async () => {
  const w = world()
  const steps: string[] = []
  const asking = w.ask({ step: ({ check }: { check: string }) => steps.push(check) })
  w.say({ step })
  w.say({ step: { ...step, check: 'dial' } })
  w.say({ report })
  assert.deepEqual(await asking, report)
  assert.deepEqual(steps, ['dns', 'dial'])
})

test('a second examination of one agent is refused while the first runs, and begins after it', async () => {
  const w = world()
  const first = w.ask()
  await assert.rejects(w.ask(), { code: 'CONFLICT', detail: /con_1 is already running/ })
  w.say({ report })
  await first
  const second = w.ask()
  w.say({ report: { ...report, run: 'run_2' } })
  assert.equal((await second).run, 'run_2')
})

test('what an agent tells of an examination that is over, or that nobody asked for, is dropped', async () => {
  const w = world()
  w.say({ report }, 'dgn_made-up')
  const steps: string[] = []
  const first = w.ask({ step: ({ check }: { check: string }) => steps.push(check) })
  const { id } = w.asked()[0]!
  w.say({ report })
  await first
  w.say({ step }, id)
  w.say({ step }, 'dgn_made-up')
  assert.deepEqual(steps, [])
})

test('an agent that disconnects, and one that cannot begin, end it with a fault', async () => {
  const gone = world()
  const asking = assert.rejects(gone.ask(), { code: 'CONNECTOR_DISCONNECTED' })
  gone.leave()
  await asking
  const failing = world()
  const failed = assert.rejects(failing.ask(), { code: 'FD_EXHAUSTED', detail: 'no descriptors left' })
  failing.say({ failed: { code: 'FD_EXHAUSTED', hop: 'connector', detail: 'no descriptors left' } })
  await failed
})

test('a channel that takes nothing any more is a connector that has gone', async () => {
  const w = world()
  const channel = Object.create(w.connector.channel, { send: { value: () => false } })
  const asking = w.all.ask({ ...w.connector, channel }, undefined, { signal: w.leaving.signal })
  await assert.rejects(asking, { code: 'CONNECTOR_DISCONNECTED' })
})

test('who asked and has gone keeps the agent from nothing: the next may ask at once', async () => {
  const w = world()
  const asking = assert.rejects(w.ask(), { code: 'CONFLICT', detail: /requester .* has gone/ })
  w.leaving.abort()
  await asking
  const next = w.all.ask(w.connector, undefined, { signal: new AbortController().signal })
  w.say({ report })
  assert.deepEqual(await next, report)
})

test('an agent that does not answer ends it after 17 seconds', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const w = world()
  const asking = assert.rejects(w.ask(), { code: 'CONTROL_UNREACHABLE', detail: /in 17 s/ })
  t.mock.timers.tick(16_999)
  await turn()
  await assert.rejects(w.ask(), { code: 'CONFLICT' })
  t.mock.timers.tick(1)
  await asking
})

test('an agent that tells steps without end is cut off', async () => {
  const w = world()
  let told = 0
  const asking = assert.rejects(w.ask({ step: () => void told++ }), { code: 'PROTOCOL_ERROR' })
  for (let number = 0; number < 1000; number++) w.say({ step })
  await asking
  assert.equal(told, 256)
})
