import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Log, silentLog } from '../../base/log.ts'
import { Supervisor } from './supervisor.ts'

test('a stop waits for the pipes of an edge that has taken the place of another', async (t) => {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'supervisor-'))
  t.after(() => rm(stateDir, { recursive: true, force: true }))
  const started: { part: string; pid: number }[] = []
  const info = (line: { event: string; part: string; pid: number }) => {
    if (line.event === 'part.started') started.push(line)
  }
  const log = { ...silentLog, info, error() {} } as unknown as Log
  const listen = { host: '127.0.0.1', port: 0 }
  const options = { stateDir, listen, publicHost: '127.0.0.1', drainSeconds: 60 }
  const { server } = await Supervisor.start(options, log, t.signal)
  await using _ = server
  const edges = () => started.filter(({ part }) => part === 'edge')
  process.kill(edges()[0]!.pid, 'SIGKILL')
  while (edges().length < 2) await delay(20)
  const { pid } = edges()[1]!
  process.kill(pid, 'SIGSTOP') // It cannot say that it is done.
  let isOver = false
  const drained = server.drain().then(() => {
    isOver = true
  })
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  assert.equal(isOver, false)
  process.kill(pid, 'SIGCONT')
  await drained
})
