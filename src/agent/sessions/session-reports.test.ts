import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { Fault, type FaultCode } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import { agentMessage, encodedBytes, MAX_SESSION_REPORTS, type SessionReport } from '../../wire/control.ts'
import { type AskAgain, SessionReports } from './session-reports.ts'

let made = 0
function session(name = `ses_${++made}`) {
  const report = (state: 'open' | 'closed'): SessionReport => ({
    session: name,
    grant: 'grt_1',
    side: 'connector',
    state,
    protocol: 'tcp',
    port: 443,
    startedMs: 1,
    times: {},
    bytesUp: 0,
    bytesDown: 0,
  })
  return { name, report }
}

/** Control as the reports see it: each batch waits until it is answered. */
function control() {
  const asked: {
    reports: readonly SessionReport[]
    shed: number
    answer: () => void
    fail: (fault: Fault) => void
  }[] = []
  const told: string[] = []
  const ask: AskAgain = (message) => {
    const parsed = agentMessage.parse(message)
    assert.equal(parsed.type, 'session')
    if (parsed.type !== 'session') throw new TypeError()
    const { promise, resolve, reject } = Promise.withResolvers<never>()
    const answer = () => resolve({ type: 'session-kept', id: parsed.id, refused: 0 } as never)
    told.push(...parsed.reports.map((r) => `${r.session} ${r.state}`))
    asked.push({ reports: parsed.reports, shed: parsed.shed, answer, fail: reject })
    return promise
  }
  return { asked, told, ask }
}

/** As control, and answers at once. */
function willing() {
  const { ask, ...rest } = control()
  const answering: AskAgain = (message, timeoutMs) => {
    const answer = ask(message, timeoutMs)
    rest.asked.at(-1)!.answer()
    return answer
  }
  return { ...rest, ask: answering }
}

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'records-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return path.join(dir, 'session-records')
}

function close(reports: SessionReports, count: number, prefix = 's'): string[] {
  return Array.from({ length: count }, (_, n) => {
    const one = session(`${prefix}${n}`)
    reports.closed(one, one.report('closed'))
    return `${one.name} closed`
  })
}

test('SessionReports: a short session is told once, closed; a long one is told open first', async (t) => {
  let nowMs = 0
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  t.mock.method(performance, 'now', () => nowMs)
  const pass = async (ms: number) => {
    nowMs += ms
    t.mock.timers.tick(ms)
    await turn()
  }
  const reports = new SessionReports({ log: silentLog, flushMs: 200, openAfterMs: 1000 })
  const { ask, told } = willing()
  reports.resume(ask)
  const [short, long] = [session('short'), session('long')]
  reports.opened(short)
  reports.opened(long)
  await pass(100)
  reports.closed(short, short.report('closed'))
  for (let i = 0; i < 20; i++) await pass(100)
  reports.closed(long, long.report('closed'))
  await pass(300)
  assert.deepEqual(told, ['short closed', 'long open', 'long closed'])
  // Away for so long that control may have closed the books on what goes on.
  const other = session('goes on')
  reports.opened(other)
  for (let i = 0; i < 20; i++) await pass(100)
  reports.pause()
  await pass(30_000)
  reports.resume(ask)
  await turn()
  assert.equal(told.filter((one) => one === 'goes on open').length, 1)
  reports.pause()
  await pass(60_000)
  reports.resume(ask)
  await turn()
  assert.equal(told.filter((one) => one === 'goes on open').length, 2)
})

test('SessionReports: however many wait, a few batches are on their way, and no more before one is answered', async () => {
  await using reports = new SessionReports({ log: silentLog, flushMs: 0 })
  const all = close(reports, 4000)
  const { ask, asked, told } = control()
  reports.resume(ask)
  assert.equal(asked.length, 4)
  assert.ok(asked.reduce((bytes, one) => bytes + encodedBytes(one.reports), 0) <= 4 * 40_000)
  // Those that are answered soon let more of them fly.
  for (let at = 0; at < asked.length; at++) {
    assert.ok(asked.length - at <= 16)
    assert.ok(asked[at]!.reports.length <= MAX_SESSION_REPORTS)
    asked[at]!.answer()
    await turn()
    await turn()
  }
  assert.deepEqual(told, all)
  assert.equal(reports.waiting, 0)
})

test('SessionReports: while many wait for their answers, a few that come are told together, not each by itself', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const reports = new SessionReports({ log: silentLog, flushMs: 200 })
  const { ask, asked } = control()
  reports.resume(ask)
  close(reports, MAX_SESSION_REPORTS, 'a')
  assert.equal(asked.length, 1, 'full')
  close(reports, 5, 'b')
  asked[0]!.answer()
  await turn()
  assert.equal(asked.length, 1)
  t.mock.timers.tick(200)
  assert.deepEqual(
    asked.map(({ reports: { length } }) => length),
    [MAX_SESSION_REPORTS, 5],
  )
})

test('SessionReports: what was not answered when the connection ended is told again, in the order it was made', async () => {
  await using reports = new SessionReports({ log: silentLog })
  const first = close(reports, 100, 'a')
  const before = control()
  reports.resume(before.ask)
  before.asked[0]!.answer()
  await turn()
  const gone = new Fault('CONTROL_UNREACHABLE', 'gone')
  reports.pause()
  for (const { fail } of before.asked.slice(1)) fail(gone)
  await turn()
  const later = close(reports, 3, 'b')
  const after = willing()
  reports.resume(after.ask)
  await reports.drained()
  assert.deepEqual(after.told, [...first.slice(MAX_SESSION_REPORTS), ...later])
})

for (const code of ['STORE_FAILED', 'EDGE_BUSY', 'CONTROL_UNREACHABLE'] satisfies FaultCode[]) {
  test(`SessionReports: a control plane that answers ${code} loses nothing: it is told again, more slowly`, async () => {
    const lines: string[] = []
    const log = pino({}, { write: (line) => lines.push(line) })
    await using reports = new SessionReports({ log, retryMs: 1 })
    const all = close(reports, 10)
    const { ask, asked, told } = control()
    reports.resume(ask)
    for (let tries = 0; tries < 3; tries++) {
      asked[tries]!.fail(new Fault(code, 'full'))
      while (asked.length <= tries + 1) await turn()
    }
    asked[3]!.answer()
    await turn()
    assert.equal(reports.waiting, 0)
    assert.deepEqual(told.slice(-10), all)
    assert.equal(lines.length, 1, 'said once')
  })
}

test('SessionReports: a record that control cannot work on is given up by itself, and said; the others arrive', async () => {
  const lines: string[] = []
  const log = pino({}, { write: (line) => lines.push(line) })
  await using reports = new SessionReports({ log, retryMs: 1 })
  close(reports, 5)
  const { told, ask } = willing()
  let kept = new Set<string>()
  reports.resume(async (message, timeoutMs) => {
    if (message.type === 'session' && message.reports.some((one) => one.session === 's2'))
      throw new Fault('INTERNAL', 'a defect')
    return ask(message, timeoutMs)
  })
  while (reports.waiting > 0) await turn()
  kept = new Set(told)
  assert.deepEqual([...kept].sort(), ['s0 closed', 's1 closed', 's3 closed', 's4 closed'])
  assert.equal(reports.shed, 1)
  assert.match(lines.join(''), /session-report\.given-up.*s2/)
})

test('SessionReports that wait are there after a kill and a restart, but for those that control has', async (t) => {
  const file = folder(t)
  const killed = new SessionReports({ log: silentLog })
  await killed.keepIn(file, 'client')
  const all = close(killed, 200)
  const before = control()
  killed.resume(before.ask)
  before.asked[0]!.answer()
  await turn()
  killed.pause()
  // What a killed process leaves: the half of a line.
  const lines = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length : 0)
  while (lines() < 200) await turn()
  await turn()
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"session":"half`)

  await using next = new SessionReports({ log: silentLog })
  await next.keepIn(file, 'client')
  const after = willing()
  next.resume(after.ask)
  const own = close(next, 2, 'own')
  await next.drained()
  const arrived = new Set([...before.told.slice(0, MAX_SESSION_REPORTS), ...after.told])
  assert.deepEqual(arrived, new Set([...all, ...own]))
  assert.ok(
    after.asked.flatMap(({ reports }) => reports).every(({ run }) => run === killed.run || run === next.run),
  )
  while (statSync(file).size > 0) await turn()
})

test('SessionReports: a file that cannot be written or read costs nobody anything but the file', async (t) => {
  const lines: string[] = []
  const log = pino({}, { write: (line) => lines.push(line) })
  await using reports = new SessionReports({ log })
  await reports.keepIn(path.join(folder(t), 'no', 'such', 'folder'), 'connector')
  close(reports, 3)
  while (reports.unwritten === undefined) await turn()
  assert.equal(reports.unwritten.hop, 'connector')
  const { ask, told } = willing()
  reports.resume(ask)
  await reports.drained()
  assert.equal(told.length, 3)
  assert.equal(lines.filter((line) => line.includes('session-report.unwritten')).length, 1)
})

test('SessionReports are bounded; what is missed least goes first, and the count is said here and to control', async (t) => {
  const lines: string[] = []
  const log = pino({}, { write: (line) => lines.push(line) })
  t.mock.timers.enable({ apis: ['setInterval'] })
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  const maxBytes = 20_000
  const reports = new SessionReports({ log, maxBytes, openAfterMs: 1000 })
  const long = session('long')
  reports.opened(long)
  nowMs = 5000
  t.mock.timers.tick(5000)
  reports.closed(long, long.report('closed'))
  close(reports, 500)
  const size = encodedBytes(long.report('closed'))
  assert.ok(reports.waiting * size <= maxBytes)
  assert.equal(reports.waiting + reports.shed, 502)
  const { ask, asked, told } = willing()
  reports.resume(ask)
  await reports.drained()
  assert.equal(told[0], 'long closed', 'without it the session would stay open in the books')
  assert.equal(told.at(-1), 's499 closed', 'the newest are kept')
  assert.equal(asked[0]!.shed, reports.shed)
  assert.match(lines[0]!, /session-report\.shed/)
})
