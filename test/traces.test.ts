import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Traces } from '../src/control/trace/traces.ts'
import type { TraceStep } from '../src/wire/control.ts'
import { openClientSite, until } from './client-site.ts'

const STEP: TraceStep = { hop: 'client', verdict: 'pass', text: 'fine' }

test('a device speaks only in its own trace, is traced once at a time, and one that leaves ends the wait', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.signIn()
  const { presence } = site.site.control
  const daemon = await site.client()
  await until(() => [...presence.allClients()].length === 1)
  const [connected] = [...presence.allClients()]
  const traces = new Traces()
  const steps: TraceStep[] = []
  const listener = { step: (step: TraceStep) => steps.push(step), way() {}, session() {} }
  // Nothing answers: the client tells the traces of the control plane, not these.
  const message = { type: 'trace', id: 'trc_1', host: 'localhost', port: 1, protocol: 'tcp' } as const
  const { signal } = new AbortController()
  const asked = traces.ask(connected!, message, { ...listener, signal })
  await assert.rejects(traces.ask(connected!, { ...message, id: 'trc_2' }, { ...listener, signal }), {
    code: 'CONFLICT',
  })
  const { identity } = connected!.peer
  const other = { ...connected!, peer: { ...connected!.peer, identity: { ...identity, id: 'dev_other' } } }
  traces.told(other, { type: 'trace-step', id: 'trc_1', step: STEP, end: true })
  assert.equal(steps.length, 0)
  traces.told(connected!, { type: 'trace-step', id: 'trc_1', step: STEP })
  assert.deepEqual(steps, [STEP])
  const ended = assert.rejects(asked, { code: 'CONTROL_UNREACHABLE', hop: 'client' })
  await daemon.stop()
  await ended
})
