import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { silentLog } from '../base/log.ts'
import { type AgentMessage, agentMessage, MAX_SESSION_REPORTS, type SessionReport } from '../wire/control.ts'
import { SessionReports } from './session-reports.ts'

let made = 0
function session(name = `ses_${++made}`) {
  const report = (state: 'open' | 'closed'): SessionReport => ({
    session: name,
    side: 'connector',
    state,
    protocol: 'tcp',
    host: 'app.example',
    port: 443,
    startedMs: 1,
    times: {},
    bytesUp: 0,
    bytesDown: 0,
  })
  return { name, report }
}

function stillTime(t: TestContext) {
  let nowMs = 0
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  t.mock.method(performance, 'now', () => nowMs)
  return (ms: number) => {
    nowMs += ms
    t.mock.timers.tick(ms)
  }
}

function control() {
  const messages: AgentMessage[] = []
  return {
    messages,
    send: (message: AgentMessage) => void messages.push(agentMessage.parse(message)),
    get told() {
      return messages
        .flatMap((m) => (m.type === 'session' ? m.reports : []))
        .map((r) => `${r.session} ${r.state}`)
    },
  }
}

test('SessionReports: a short session is told once, closed; a long one is told open first', (t) => {
  const pass = stillTime(t)
  using reports = new SessionReports({ log: silentLog, flushMs: 200, openAfterMs: 1000 })
  const { send, ...seen } = control()
  reports.resume(send)
  const short = session('short')
  const long = session('long')
  reports.opened(short)
  reports.opened(long)
  pass(100)
  reports.closed(short, short.report('closed'))
  for (let i = 0; i < 20; i++) pass(100)
  reports.closed(long, long.report('closed'))
  pass(300)
  const told = seen.messages.flatMap((m) => (m.type === 'session' ? m.reports : []))
  assert.deepEqual(
    told.map((r) => `${r.session} ${r.state}`),
    ['short closed', 'long open', 'long closed'],
  )
})

test('SessionReports go in batches that the wire takes', () => {
  using reports = new SessionReports({ log: silentLog })
  const to = control()
  reports.resume(to.send)
  for (let i = 0; i < 200; i++) {
    const one = session()
    reports.closed(one, one.report('closed'))
  }
  reports.flush()
  assert.equal(to.told.length, 200)
  assert.equal(to.messages.length, Math.ceil(200 / MAX_SESSION_REPORTS))
})

test('SessionReports wait while control is away, and what was sent last is sent again', (t) => {
  const pass = stillTime(t)
  using reports = new SessionReports({ log: silentLog, unsureMs: 12_000 })
  const before = control()
  reports.resume(before.send)
  const close = (name: string) => {
    const one = session(name)
    reports.closed(one, one.report('closed'))
    reports.flush()
  }
  close('arrived')
  pass(20_000)
  close('unsure')
  reports.pause()
  close('while away')
  assert.equal(reports.waiting, 2)
  const after = control()
  reports.resume(after.send)
  assert.deepEqual(after.told, ['unsure closed', 'while away closed'])
  assert.equal(reports.waiting, 0)
})

test('SessionReports are bounded while control is away, and the loss is said', () => {
  const lines: string[] = []
  using reports = new SessionReports({
    log: pino({}, { write: (line) => lines.push(line) }),
    maxWaiting: 100,
  })
  for (let i = 0; i < 250; i++) {
    const one = session(`s${i}`)
    reports.closed(one, one.report('closed'))
    assert.ok(reports.waiting <= 100)
  }
  const to = control()
  reports.resume(to.send)
  assert.equal(to.told.at(-1), 's249 closed', 'the newest are kept')
  const { count } = JSON.parse(lines[0]!)
  assert.equal(count + to.told.length, 250)
})
