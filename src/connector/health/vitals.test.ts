import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import type { Figures } from '../../base/figures.ts'
import { figuresSample } from '../../policy/figures.fixture.ts'
import { FiguresReader } from './figures-reader.ts'
import { Vitals } from './vitals.ts'

const MB = 1_048_576

test('the figures of this very process are real', async () => {
  const reader = new FiguresReader()
  await reader.read()
  const endMs = performance.now() + 60
  while (performance.now() < endMs) Math.sqrt(endMs) // work, so that there is processor time to see
  const figures = await reader.read()
  assert.ok(figures.cpuPercent > 1, `cpu ${figures.cpuPercent}`)
  assert.ok(figures.cpuLimitPercent > 0 && figures.cpuLimitPercent <= 100)
  assert.ok(figures.rssBytes > 10 * MB)
  assert.ok(figures.memoryFreeBytes > 0 && figures.memoryFreeBytes <= figures.memoryLimitBytes)
  assert.ok(figures.fds > 2 && figures.fds < figures.fdLimit)
  assert.ok(figures.portsTotal > 1000 && figures.portsUsed < figures.portsTotal)
})

async function tree(files: Record<string, string>): Promise<AsyncDisposable & { path: string }> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'figures-'))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true })
    await writeFile(path.join(root, name), text)
  }
  return { path: root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) }
}

const MEMINFO = 'MemTotal:       1048576 kB\nMemAvailable:    524288 kB\n'

test('limits of a control group count, in the old layout and in the new', async () => {
  const stat = `anon 1\ninactive_file ${10 * MB}\n`
  await using two = await tree({
    'proc/self/cgroup': '0::/site/daemon\n',
    'proc/meminfo': MEMINFO,
    'cg/site/memory.max': `${256 * MB}\n`,
    'cg/site/memory.current': `${210 * MB}\n`,
    'cg/site/memory.stat': stat,
    'cg/site/daemon/memory.max': 'max\n',
    'cg/site/daemon/cpu.max': '20000 100000\n',
  })
  const roots = (root: string) => ({ proc: path.join(root, 'proc'), cgroup: path.join(root, 'cg') })
  const figures = await new FiguresReader(roots(two.path)).read()
  assert.equal(figures.memoryLimitBytes, 256 * MB, 'the group above is the tighter one')
  assert.equal(figures.memoryFreeBytes, 56 * MB, 'what can be dropped from the cache is free')
  assert.equal(figures.cpuLimitPercent, 20)

  await using one = await tree({
    'proc/self/cgroup': '5:memory:/lab\n4:cpu,cpuacct:/lab\n',
    'proc/meminfo': MEMINFO,
    'cg/memory/lab/memory.limit_in_bytes': `${128 * MB}\n`,
    'cg/memory/lab/memory.usage_in_bytes': `${100 * MB}\n`,
    'cg/memory/lab/memory.stat': `total_inactive_file ${4 * MB}\n`,
    'cg/memory/memory.limit_in_bytes': '9223372036854771712\n',
    'cg/cpu,cpuacct/lab/cpu.cfs_quota_us': '50000\n',
    'cg/cpu,cpuacct/lab/cpu.cfs_period_us': '100000\n',
  })
  const old = await new FiguresReader(roots(one.path)).read()
  assert.equal(old.memoryLimitBytes, 128 * MB)
  assert.equal(old.memoryFreeBytes, 32 * MB)
  assert.equal(old.cpuLimitPercent, 50)
})

test('a machine without limits has those of the machine', async () => {
  await using plain = await tree({ 'proc/meminfo': MEMINFO })
  const figures = await new FiguresReader({ proc: path.join(plain.path, 'proc'), cgroup: plain.path }).read()
  assert.equal(figures.memoryLimitBytes, 1024 * MB)
  assert.equal(figures.memoryFreeBytes, 512 * MB)
  assert.equal(figures.cpuLimitPercent, 100)
})

test('an overload is one line when it begins and one when it ends, with the sessions by application', async () => {
  const lines: { event: string; msg: string; code?: string }[] = []
  let figures: Figures = figuresSample()
  let nowMs = 1_000_000
  let dateMs = Date.UTC(2026, 0, 1)
  let changes = 0
  using vitals = new Vitals({
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    sessions: () => 7,
    sessionsBy: () => [{ segmentName: 'web', sessions: 5 }],
    reader: { read: async () => figures },
    ...{ monotonicMs: () => nowMs, nowMs: () => dateMs + nowMs },
  })
  vitals.onChange = () => void changes++
  const step = async (fds: number) => {
    figures = figuresSample({ fds, fdLimit: 100 })
    nowMs += 5000
    await vitals.sample()
  }
  await step(50)
  assert.equal(vitals.overload, undefined)
  await step(55)
  assert.equal(changes, 1, 'half of it is in use: that is told once')
  for (let i = 0; i < 5; i++) await step(95)
  assert.equal(changes, 2, 'now it is too much')
  const mark = vitals.mark
  dateMs -= 3_600_000 // Somebody sets the clock: how long it was overloaded stays as it is.
  assert.deepEqual(
    vitals.since(mark - 5000).map(({ agoMs }) => agoMs),
    [0],
  )
  assert.equal(vitals.last!.atMs, dateMs + nowMs)
  assert.match(vitals.overload!.detail, /^descriptors 95 % \(95 of 100\); since .*; 7 sessions \(web 5\)$/)
  await step(50)
  assert.deepEqual(
    lines.map(({ event }) => event),
    ['connector.overloaded', 'connector.relieved'],
  )
  assert.equal(lines[0]!.code, 'CONNECTOR_OVERLOADED')
  assert.match(lines[1]!.msg, /^No longer overloaded after 25 s: it was descriptors$/)
  assert.equal(changes, 3)
})

test('a figure that fills up beside another is a line of its own, and one that is left is none', async () => {
  const lines: string[] = []
  let nowMs = 1_000_000
  let figures: Figures = figuresSample()
  using vitals = new Vitals({
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
    ...{ sessions: () => 0, sessionsBy: () => [] },
    reader: { read: async () => figures },
    monotonicMs: () => nowMs,
  })
  const step = async (o: Partial<Figures>) => {
    figures = figuresSample({ fdLimit: 100, ...o })
    nowMs += 5000
    await vitals.sample()
  }
  for (let i = 0; i < 4; i++) await step({ cpuWaitPercent: 60 })
  for (let i = 0; i < 4; i++) await step({ cpuWaitPercent: 60, fds: 100 })
  for (let i = 0; i < 4; i++) await step({ fds: 100 })
  assert.equal(lines.length, 2, lines.join('\n'))
  assert.doesNotMatch(lines[0]!, /descriptors/)
  assert.match(lines[1]!, /descriptors 100 % \(100 of 100\); had work but no processor 60 % of the time/)
})

test('memory that only grows is said once', async () => {
  const events: string[] = []
  let i = 0
  using vitals = new Vitals({
    log: pino({ level: 'info' }, { write: (line: string) => void events.push(JSON.parse(line).event) }),
    ...{ sessions: () => 4, sessionsBy: () => [] },
    reader: { read: async () => figuresSample({ rssBytes: 100 * MB + i * MB }) },
    monotonicMs: () => 1_000_000 + i * 5000,
  })
  for (; i < 70; i++) await vitals.sample()
  assert.deepEqual(events, ['connector.leak'])
  assert.match(
    vitals.leak!.detail,
    /grew from 11\d MB to 1[56]\d MB in 5 min, 12 MB a minute; sessions 4 → 4; /,
  )
  assert.equal(vitals.history.length, 60)
})
