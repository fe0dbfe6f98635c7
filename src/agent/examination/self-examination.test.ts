import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { Fault, type FaultCode } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { StateDir } from '../../base/state-dir.ts'
import { type AgentMessage, agentMessage } from '../../wire/control.ts'
import { flappingFault } from './flap-watch.ts'
import { readOutages, type SelfVerdict } from './outages.ts'
import { type Examine, SelfExamination } from './self-examination.ts'

const BLOCKED = new Fault('EGRESS_BLOCKED', 'edge:443 gave no answer')
const VERDICT: SelfVerdict = {
  run: 'run_1',
  at: '2026-05-30T09:12:00.000Z',
  durationMs: 4100,
  outcome: 'fault',
  headline: 'edge EGRESS_BLOCKED: a firewall drops it.',
  code: 'EGRESS_BLOCKED',
  hop: 'edge',
  seen: ['203.0.113.7:443 no answer in 4 s'],
  fix: ['allow it'],
  verify: { run: 'nc', expect: 'succeeded' },
  also: [],
}

/** A daemon's memory of outages in a folder of its own, with a clock that stands and a doctor that waits to answer. */
async function open(t: TestContext, verdict: () => SelfVerdict = () => VERDICT) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-outage-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const state = StateDir.at(dir)
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (text: string) => void lines.push(JSON.parse(text)) }) as Log
  /** `ms` goes by; `jumpMs` is what somebody has set the date by. */
  const clock = { ms: 1_000_000, jumpMs: 0 }
  const times = {
    nowMs: () => clock.ms + clock.jumpMs,
    bootNow: () => ({ boot: 'this', atMs: clock.ms }),
    monotonicMs: () => clock.ms,
  }
  const asked: FaultCode[] = []
  const start = async (examine?: Examine) => {
    return { self: await SelfExamination.open(state, { log, ...times, examine }) }
  }
  let answered = Promise.withResolvers<void>()
  const doctor: Examine = async ({ code }) => {
    asked.push(code)
    answered.resolve()
    return verdict()
  }
  /** Resolves when the doctor was asked once more, and what it said has been dealt with. */
  const examined = async () => {
    await answered.promise
    await new Promise(setImmediate)
    answered = Promise.withResolvers()
  }
  const said = (level: number) =>
    lines.filter((line) => line.event === 'doctor.verdict' && line.level === level)
  return { dir, state, lines, clock, asked, start, doctor, examined, said }
}

const ERROR = 50
const DEBUG = 20

test('one failure is a hiccup; the second asks the doctor, and one line says the verdict', async (t) => {
  const { start, doctor, asked, examined, said } = await open(t)
  const { self } = await start(doctor)
  self.failed(BLOCKED)
  assert.deepEqual(asked, [])
  self.failed(BLOCKED)
  await examined()
  for (let i = 0; i < 50; i++) self.failed(BLOCKED)
  assert.deepEqual(asked, ['EGRESS_BLOCKED'])
  assert.deepEqual(
    said(ERROR).map(({ code, hop, msg }) => [hop, code, msg]),
    [['edge', 'EGRESS_BLOCKED', VERDICT.headline]],
  )
  assert.equal(self.report().current!.attempts, 52)
  assert.equal(self.report().current!.verdict!.run, 'run_1')
  await self[Symbol.asyncDispose]()
})

test('the same verdict again is counted and not said; another one is said', async (t) => {
  let code: FaultCode = 'EGRESS_BLOCKED'
  const { start, doctor, examined, said, clock } = await open(t, () => ({ ...VERDICT, code }))
  const { self } = await start(doctor)
  const twice = async () => {
    self.failed(BLOCKED)
    self.failed(BLOCKED)
    await examined()
    clock.ms += 600_000
  }
  await twice()
  await twice()
  assert.deepEqual([said(ERROR).length, said(DEBUG).length, self.report().repeats], [1, 1, 1])
  code = 'TLS_INTERCEPTED'
  await twice()
  assert.deepEqual(
    said(ERROR).map((line) => line.code),
    ['EGRESS_BLOCKED', 'TLS_INTERCEPTED'],
  )
  await self[Symbol.asyncDispose]()
})

test('a symptom that changes is looked at again, but not at every attempt', async (t) => {
  const { start, doctor, asked, examined, clock } = await open(t)
  const { self } = await start(doctor)
  const other = new Fault('EGRESS_REJECTED', 'refused')
  self.failed(BLOCKED)
  self.failed(BLOCKED)
  await examined()
  self.failed(other)
  assert.equal(asked.length, 1)
  clock.ms += 10_000
  self.failed(other)
  await examined()
  assert.deepEqual(asked, ['EGRESS_BLOCKED', 'EGRESS_REJECTED'])
  await self[Symbol.asyncDispose]()
})

test('back again: how long it was and why is one line, and the record keeps it', async (t) => {
  const { start, doctor, examined, clock, lines } = await open(t)
  const { self } = await start(doctor)
  self.failed(BLOCKED)
  self.failed(BLOCKED)
  await examined()
  clock.ms += 312_000
  self.up()
  self.up()
  const back = lines.filter((line) => line.event === 'doctor.recovered')
  assert.deepEqual(
    back.map(({ durationMs, because }) => [durationMs, because]),
    [[312_000, 'EGRESS_BLOCKED']],
  )
  assert.equal(self.report().current, undefined)
  assert.equal(self.report().past[0]!.verdict!.code, 'EGRESS_BLOCKED')
  await self[Symbol.asyncDispose]()
})

test('how long an outage was is measured: dates that jump meanwhile, by years and backwards, change nothing', async (t) => {
  for (const jumpMs of [-94_608_000_000, 864_000_000]) {
    const { start, clock, lines } = await open(t)
    const { self } = await start()
    self.failed(BLOCKED)
    self.failed(BLOCKED)
    clock.ms += 33_000
    clock.jumpMs = jumpMs
    self.up()
    const { sinceMs, endedMs = 0 } = self.report().past[0]!
    assert.deepEqual([endedMs - sinceMs, endedMs], [33_000, clock.ms + jumpMs])
    assert.match(String(lines.find(({ event }) => event === 'doctor.recovered')!.msg), /^Back after 33 s /)
    await self[Symbol.asyncDispose]()
  }
})

test('an outage over a restart of the daemon and a jump of the date is measured all the same', async (t) => {
  const { start, clock } = await open(t)
  const first = await start()
  first.self.failed(BLOCKED)
  await first.self[Symbol.asyncDispose]()
  clock.ms += 90_000
  clock.jumpMs = -86_400_000
  const { self } = await start()
  self.up()
  const { sinceMs, endedMs = 0 } = self.report().past[0]!
  assert.equal(endedMs - sinceMs, 90_000)
  await self[Symbol.asyncDispose]()
})

test('a doctor who looks late and finds all well takes nothing from what was found while it lasted', async (t) => {
  const later: SelfVerdict[] = [
    VERDICT,
    { ...VERDICT, outcome: 'healthy', headline: 'healthy', code: undefined, hop: undefined },
    { ...VERDICT, code: 'TLS_INTERCEPTED', headline: 'edge TLS_INTERCEPTED: resigned' },
  ]
  const { start, doctor, examined, clock } = await open(t, () => later.shift()!)
  const { self } = await start(doctor)
  const verdicts: (string | undefined)[][] = []
  for (let look = 0; look < 3; look++) {
    self.failed(BLOCKED)
    self.failed(BLOCKED)
    await examined()
    const { code, also } = self.report().current!.verdict!
    verdicts.push([code, ...also])
    clock.ms += 600_000
  }
  assert.deepEqual(verdicts, [
    ['EGRESS_BLOCKED'],
    ['EGRESS_BLOCKED'],
    ['TLS_INTERCEPTED', 'edge EGRESS_BLOCKED'],
  ])
  await self[Symbol.asyncDispose]()
})

test('what the doctor found in one outage is not told of the next', async (t) => {
  const { start } = await open(t)
  const answer = Promise.withResolvers<SelfVerdict>()
  const { self } = await start(() => answer.promise)
  self.failed(BLOCKED)
  self.failed(BLOCKED)
  self.up()
  self.failed(new Fault('CONTROL_UNREACHABLE', 'no reply'))
  answer.resolve(VERDICT)
  await new Promise(setImmediate)
  assert.equal(self.report().current!.verdict, undefined)
  await self[Symbol.asyncDispose]()
})

test('a process that stood still was away since it began to, not since it noticed', async (t) => {
  const { start, clock } = await open(t)
  const { self } = await start()
  const still = new Fault('STOOD_STILL', 'this process was paused for 12 s', {
    hop: 'connector',
    seen: { stoodStillMs: 12_000 },
  })
  self.failed(still)
  assert.equal(self.stoodStill, still)
  clock.ms += 1000
  self.up()
  const { sinceMs, endedMs = 0, code } = self.report().past[0]!
  assert.deepEqual([code, endedMs - sinceMs], ['STOOD_STILL', 13_000])
  clock.ms += 60_000
  assert.equal(self.stoodStill, undefined)
  await self[Symbol.asyncDispose]()
})

test('an outage outlives a restart: it goes on, and its verdict is known at once', async (t) => {
  const { start, doctor, examined, clock, state } = await open(t)
  const first = await start(doctor)
  first.self.failed(BLOCKED)
  first.self.failed(BLOCKED)
  await examined()
  await first.self[Symbol.asyncDispose]()
  assert.equal((await readOutages(state)).current!.code, 'EGRESS_BLOCKED')

  clock.ms += 60_000
  const second = await start(doctor)
  assert.equal(second.self.report().current!.verdict!.run, 'run_1')
  second.self.failed(BLOCKED)
  second.self.up()
  const [over] = second.self.report().past
  assert.deepEqual([over!.endedMs! - over!.sinceMs, over!.attempts], [60_000, 3])
  await second.self[Symbol.asyncDispose]()
  assert.equal((await readOutages(state)).past.length, 1)
})

test('the record is bounded, and a damaged one is begun anew', async (t) => {
  const { start, dir, clock } = await open(t)
  const { self } = await start()
  for (let i = 0; i < 30; i++) {
    self.failed(BLOCKED)
    clock.ms += 1000
    self.up()
  }
  await self[Symbol.asyncDispose]()
  const file = path.join(dir, 'outages.json')
  assert.equal(JSON.parse(await readFile(file, 'utf8')).past.length, 20)
  await writeFile(file, '{ "version": 1, "past": [')
  const again = await start()
  assert.deepEqual(again.self.report().past, [])
})

test('a folder that cannot be written keeps nobody from being examined', async (t) => {
  const { start, doctor, examined, said, dir } = await open(t)
  const { self } = await start(doctor)
  await rm(dir, { recursive: true })
  self.failed(BLOCKED)
  self.failed(BLOCKED)
  await examined()
  assert.equal(said(ERROR).length, 1)
  await self[Symbol.asyncDispose]()
})

test('a daemon that stops does not wait for the doctor', async (t) => {
  const { start } = await open(t)
  const { self } = await start(
    (_asking, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  )
  self.failed(BLOCKED)
  self.failed(BLOCKED)
  await self[Symbol.asyncDispose]()
})

test('outages are told to control until it says that it keeps them, over restarts, and never again', async (t) => {
  const { clock, start } = await open(t)
  const sent: AgentMessage[] = []
  const send = (message: AgentMessage) => void sent.push(message)
  const ids = () =>
    sent.splice(0).flatMap((one) => (one.type === 'outages' ? one.outages.map(({ id }) => id) : []))
  let first: string
  {
    await using self = (await start()).self
    self.failed(BLOCKED)
    clock.ms += 5000
    self.resume(send)
    assert.deepEqual(ids(), [], 'one that lasts is not told')
    self.up()
    assert.ok(sent.every((message) => agentMessage.safeParse(message).success))
    first = ids()[0]!
    assert.match(first, /^out_/)
    self.pause()
  } // control was never heard to keep it
  {
    await using self = (await start()).self
    self.failed(BLOCKED)
    self.up()
    assert.deepEqual(sent, [], 'there is nobody to tell')
    self.resume(send)
    const [again, second] = ids()
    assert.equal(again, first, 'oldest first')
    assert.ok(self.message({ type: 'outages-kept', ids: [first, second!] }))
    self.pause()
    self.resume(send)
    assert.deepEqual(sent, [])
  }
  await using self = (await start()).self
  self.resume(send)
  assert.deepEqual(sent, [])
})

test('a process that was killed is an outage of its own, told to control; one that ended in good order is none', async (t) => {
  const { start, clock, lines } = await open(t)
  await (await start()).self[Symbol.asyncDispose]()
  const killed = await start()
  assert.deepEqual(killed.self.report().past, [])
  clock.ms += 60_000
  const { self } = await start()
  const [outage, ...others] = self.report().past
  assert.deepEqual(
    [outage!.code, outage!.hop, outage!.sinceMs, others],
    ['DAEMON_DOWN', 'connector', clock.ms, []],
  )
  assert.match(
    outage!.detail,
    new RegExp(`^process ${process.pid} exited unexpectedly, without an exit status`),
  )
  assert.equal(lines.filter(({ event }) => event === 'daemon.was-killed').length, 1)
  const told: AgentMessage[] = []
  self.resume((message) => told.push(agentMessage.parse(message)))
  assert.match(JSON.stringify(told), /DAEMON_DOWN/)
  await self[Symbol.asyncDispose]()
})

test('a process that is killed again and again flaps; killed in an outage, it is the outage that lasts', async (t) => {
  const { start, clock, state } = await open(t)
  for (let kill = 0; kill < 4; kill++) {
    await start()
    clock.ms += 60_000
  }
  const { self } = await start()
  assert.match(
    flappingFault(self.report(), clock.ms)!.detail,
    /^4 drops in 10 min, one every 60 s: connector DAEMON_DOWN 4 times$/,
  )
  self.failed(BLOCKED)
  while ((await readOutages(state)).current === undefined) await new Promise(setImmediate)
  const { current, past } = (await start()).self.report()
  assert.deepEqual([current!.code, past.length], ['EGRESS_BLOCKED', 4])
})

test('a record that cannot be written is said once, noted while it lasts, and said to be over', async (t) => {
  const { start, dir, lines } = await open(t)
  const { self } = await start()
  const said = async (event: string) => {
    while (!lines.some((line) => line.event === event)) await new Promise(setImmediate)
  }
  await rm(dir, { recursive: true })
  await writeFile(dir, 'in the way')
  self.failed(BLOCKED)
  await said('state.unwritten')
  assert.equal(self.unwritten!.code, 'STATE_UNWRITABLE')
  await rm(dir)
  await mkdir(dir)
  self.up()
  await said('state.written')
  assert.equal(self.unwritten, undefined)
  assert.equal(lines.filter(({ event }) => event === 'state.unwritten').length, 1)
  await self[Symbol.asyncDispose]()
})
