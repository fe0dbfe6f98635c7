/** A real process whose processor is taken away in pieces: no look of its own comes late enough to tell. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { Cgroup } from '../lab/cgroup.ts'
import { patience } from '../lab/pace.ts'
import { Fault } from '../src/base/faults.ts'
import type { Standstill } from '../src/base/standstill.ts'
import { selfInflicted } from '../src/link/control/self-inflicted.ts'
import { needs } from './needs.ts'

/** Computes for 4 ms at a time, so that no single step of it takes long, and says when it is asked. */
const SCRIPT = `
import { StandstillWatch } from '${path.resolve('src/base/standstill.ts')}'
const watch = new StandstillWatch({ notableMs: 2000 })
setInterval(() => { const { user } = process.cpuUsage(); while (process.cpuUsage().user < user + 4000); }, 20)
process.stdin.on('data', () => console.log(JSON.stringify(watch.recent() ?? null)))
console.log('ready')
`

test('a process that is let run for 3 % of the time says that it had no processor, and blames no other hop', {
  skip: needs('root', 'cgroup'),
  timeout: patience(60_000),
}, async (t) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  await lines.next()
  const ask = async (): Promise<Standstill | null> => {
    child.stdin.write('\n')
    return JSON.parse(String((await lines.next()).value))
  }
  assert.equal(await ask(), null)
  await using group = new Cgroup(`bs-starved-${process.pid}`, { cpuPercent: 3 })
  group.add(child.pid!)
  let still = await ask()
  while (still === null) still = await ask() // each answer takes as long as it is let run
  assert.equal(still.kind, 'starved')
  assert.ok(still.lostMs >= 2000, `${still.lostMs}`)
  const fault = selfInflicted(
    new Fault('CONTROL_UNREACHABLE', 'no reply to a ping in 5000 ms'),
    still,
    'connector',
  )
  assert.deepEqual([fault.code, fault.hop], ['STOOD_STILL', 'connector'])
  assert.match(fault.detail, /^this process got no processor time for \d+\.\d s( of \d+\.\d s)?; /)
})
