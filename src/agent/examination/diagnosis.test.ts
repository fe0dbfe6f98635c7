import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import {
  type AgentMessage,
  agentMessage,
  type DiagnosisFinding,
  type DiagnosisReport,
  MAX_MESSAGE_BYTES,
} from '../../wire/control.ts'
import { type Diagnose, DiagnosisResponder } from './diagnosis.ts'

const STEP = { check: 'edge-tcp', title: 'the way', hop: 'edge', verdict: 'fail', text: 'x' } as const
const FINDING: DiagnosisFinding = {
  ...{ check: 'edge-tcp', hop: 'edge', code: 'EGRESS_BLOCKED', title: 't', expected: 'e', cause: 'c' },
  ...{ seen: ['s'], fix: ['f'], verify: { run: 'r', expect: 'x' } },
}
const REPORT: DiagnosisReport = {
  ...{ run: 'run_1', role: 'connector', at: '2026-01-01T00:00:00.000Z', durationMs: 3, outcome: 'fault' },
  findings: [FINDING],
  checks: [STEP],
}

/** A responder, and what it sends; `done` is the message that ends an examination. */
function responder(diagnose: Diagnose | undefined) {
  const sent: AgentMessage[] = []
  const done = Promise.withResolvers<void>()
  const one = new DiagnosisResponder(diagnose)
  const send = (message: AgentMessage) => {
    assert.ok(agentMessage.safeParse(message).success, 'the schema of control takes it')
    assert.ok(JSON.stringify(message).length < MAX_MESSAGE_BYTES)
    sent.push(message)
    const ended = message.type === 'diagnosis' && message.id === 'dgn_1' && (message.report ?? message.failed)
    if (ended) done.resolve()
  }
  return { one, sent, done: done.promise, asked: (id: string) => one.asked({ id }, send) }
}

test('an examination is told judgement by judgement, then as a whole', async () => {
  const { sent, done, asked } = responder(async (_app, progress) => {
    progress.step(STEP)
    progress.first(FINDING)
    return REPORT
  })
  asked('dgn_1')
  await done
  assert.deepEqual(sent, [
    { type: 'diagnosis', id: 'dgn_1', step: STEP },
    { type: 'diagnosis', id: 'dgn_1', first: FINDING },
    { type: 'diagnosis', id: 'dgn_1', report: REPORT },
  ])
})

test('a second question while one is under way is refused, and the first goes on', async () => {
  const gate = Promise.withResolvers<void>()
  const { sent, done, asked } = responder(async () => {
    await gate.promise
    return REPORT
  })
  asked('dgn_1')
  asked('dgn_2')
  const [refused] = sent as { id: string; failed?: { code: string } }[]
  assert.deepEqual([refused!.id, refused!.failed!.code], ['dgn_2', 'CONFLICT'])
  gate.resolve()
  await done
  assert.ok(sent.some((message) => message.type === 'diagnosis' && message.id === 'dgn_1' && message.report))
})

test('what keeps the doctor from looking is told, and the next question is answered', async () => {
  let times = 0
  const { sent, done, asked, one } = responder(async () => {
    if (++times === 1) throw new Fault('STATE_UNWRITABLE', '/state: EACCES')
    return REPORT
  })
  asked('dgn_1')
  await done
  await one[Symbol.asyncDispose]()
  const [failed] = sent as { failed?: { code: string } }[]
  assert.equal(failed!.failed!.code, 'STATE_UNWRITABLE')
})

test('evidence of any length fits into a message: what strangers wrote must not end the connection', async () => {
  const long = '“'.repeat(100_000)
  const { sent, done, asked } = responder(async (_app, progress) => {
    progress.step({ ...STEP, text: long })
    return {
      ...REPORT,
      findings: Array.from({ length: 80 }, () => ({
        ...FINDING,
        seen: Array.from({ length: 80 }, () => long),
      })),
      checks: Array.from({ length: 80 }, () => ({ ...STEP, text: long })),
    }
  })
  asked('dgn_1')
  await done
  assert.equal(sent.length, 2)
})
