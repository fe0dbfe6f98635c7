import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import type { ControlMessage } from '../../wire/control.ts'
import { ClientWorker, type ClientWorkerOptions } from './client-worker.ts'

const entry = path.join(import.meta.dirname, 'asking-worker.fixture.ts')
const kept = (refused: number): ControlMessage => ({ type: 'session-kept', id: 'req_1', refused })

test('what control says to a worker that has ended is no answer to the next one, and its sessions are told lost', async () => {
  const asked: PromiseWithResolvers<ControlMessage>[] = []
  const lost: string[] = []
  const told = Promise.withResolvers<string>()
  let came = Promise.withResolvers<void>()
  const next = async () => {
    await came.promise
    came = Promise.withResolvers()
    return asked.shift()!
  }
  await using worker = new ClientWorker({
    ...{ number: 1, entry, clock: systemClock, log: silentLog, metrics: () => '' },
    start: () => ({ do: 'start' }) as ReturnType<ClientWorkerOptions['start']>,
    askControl() {
      const answer = Promise.withResolvers<ControlMessage>()
      asked.push(answer)
      came.resolve()
      return answer.promise
    },
    edgeLost(answer) {
      told.resolve(answer)
      return false
    },
    onEnded() {},
    sessionLost: ({ session }) => void lost.push(session),
  })
  const { pid } = worker
  const before = await next()
  process.kill(pid!, 'SIGKILL')
  const after = await next()
  before.resolve(kept(1))
  await before.promise
  after.resolve(kept(2))
  assert.deepEqual(JSON.parse(await told.promise), { message: kept(2) })
  assert.deepEqual(lost, [`ses_${pid}`], 'control has it as open, and nobody else would tell')
})
