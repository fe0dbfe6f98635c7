import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { gapBetween, type ProcessClocks, StandstillWatch, standstillText, starvedIn } from './standstill.ts'

const BEFORE: ProcessClocks = { awakeMs: 1000, bootMs: 5000, cpuMs: 100, waitedMs: 0 }
const after = (change: Partial<ProcessClocks>): ProcessClocks => ({
  ...{ awakeMs: 2000, bootMs: 6000, cpuMs: 110, waitedMs: 1 },
  ...change,
})

const GAPS: [what: string, now: ProcessClocks, kind: string | undefined, lostMs: number][] = [
  ['a look in time', after({}), undefined, 0],
  ['stopped by a signal', after({ awakeMs: 14_000, bootMs: 18_000 }), 'stopped', 12_000],
  ['suspended: only the clock since boot went on', after({ bootMs: 3_606_000 }), 'suspended', 3_600_000],
  ['no processor', after({ awakeMs: 9000, bootMs: 13_000, waitedMs: 6900 }), 'starved', 7000],
  ['one long step', after({ awakeMs: 9000, bootMs: 13_000, cpuMs: 7000 }), 'busy', 7000],
]

for (const [what, now, kind, lostMs] of GAPS) {
  test(`standstill: ${what}`, () => {
    const gap = gapBetween(BEFORE, now, 1000)
    assert.equal(gap?.kind, kind)
    assert.equal(Math.round(gap?.lostMs ?? 0), lostMs)
  })
}

test('many short ones count together, and only what began before their end is put down to them', () => {
  let now = BEFORE
  using watch = new StandstillWatch({ intervalMs: 1000, read: () => now })
  const steps = (ms: number) => {
    now = { ...now, awakeMs: now.awakeMs + 1000 + ms, bootMs: now.bootMs + 1000 + ms }
    return watch.recent()
  }
  assert.equal(steps(3000), undefined)
  const found = steps(1500)!
  assert.equal(found.kind, 'stopped')
  assert.match(standstillText(found), /^this process was paused for 4\.5 s/)
  assert.equal(watch.recent(now.awakeMs + 1), undefined)
  assert.notEqual(watch.recent(now.awakeMs - 1), undefined)
})

/** A look each second. @param each What the kernel counts between two. */
function looks(times: number, each: { cpuMs: number; waitedMs: number }): ProcessClocks[] {
  return Array.from({ length: times }, (_, at) => ({
    ...{ awakeMs: 1000 * at, bootMs: 1000 * at },
    ...{ cpuMs: each.cpuMs * at, waitedMs: each.waitedMs * at },
  }))
}

test('a processor in many small pieces is missed as much as one that is away in one piece', () => {
  const starved = starvedIn(looks(15, { cpuMs: 30, waitedMs: 900 }), 4000)
  assert.deepEqual(starved, { kind: 'starved', lostMs: 12_600, endedAtMs: 14_000, ofMs: 14_000 })
  assert.equal(standstillText(starved!), 'this process got no processor time for 12.6 s of 14.0 s')
  // It computes and shares its processor: that is load, and no reason to be late.
  assert.equal(starvedIn(looks(15, { cpuMs: 450, waitedMs: 500 }), 4000), undefined)
  assert.equal(starvedIn(looks(15, { cpuMs: 1, waitedMs: 20 }), 4000), undefined)
  // It was over, and what went wrong began after that.
  const over = [...looks(10, { cpuMs: 30, waitedMs: 900 })]
  const last = over.at(-1)!
  for (let s = 1; s < 5; s++)
    over.push({ ...last, awakeMs: last.awakeMs + 1000 * s, bootMs: last.bootMs + 1000 * s })
  assert.equal(starvedIn(over, 4000)?.endedAtMs, 9000)
})

const SCRIPT = `
import { StandstillWatch } from '${path.join(import.meta.dirname, 'standstill.ts')}'
const watch = new StandstillWatch({ intervalMs: 20, notableMs: 300 })
process.stdin.on('data', () => console.log(JSON.stringify(watch.recent() ?? null)))
console.log('ready')
`

test('a real process that is stopped and goes on says that it was stopped, and for how long', async (t) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  await lines.next()
  const stoppedAtMs = performance.now()
  child.kill('SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 900)) // what is tested is time that goes by
  child.kill('SIGCONT')
  const stoppedMs = performance.now() - stoppedAtMs
  child.stdin.write('\n')
  const { kind, lostMs } = JSON.parse(String((await lines.next()).value))
  assert.equal(kind, 'stopped')
  assert.ok(lostMs > 600 && lostMs < stoppedMs + 2000, `${lostMs} of ${stoppedMs}`)
  child.kill('SIGKILL')
  await once(child, 'exit')
})
