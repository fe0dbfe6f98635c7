import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { Services } from '../tunnels/services.ts'
import { WorkerProcess } from './worker-process.ts'

const entry = path.join(import.meta.dirname, 'asking-worker.fixture.ts')

test('a name that a worker asked for before it ended is no answer to what the next one asks', async (t) => {
  await using main = new Services(silentLog)
  const asked: { host: string; answer: PromiseWithResolvers<readonly string[]> }[] = []
  let came = Promise.withResolvers<void>()
  t.mock.method(main.resolver, 'addresses', (host: string) => {
    const answer = Promise.withResolvers<readonly string[]>()
    asked.push({ host, answer })
    came.resolve()
    return answer.promise
  })
  const next = async () => {
    await came.promise
    came = Promise.withResolvers()
    return asked.shift()!
  }
  const worker = new WorkerProcess({ name: '1', of: 2, entry, main, onEnded() {} })
  worker.start()
  const before = await next()
  process.kill(worker.report.pid!, 'SIGKILL')
  const after = await next()
  assert.deepEqual([before.host, after.host], ['question', 'question'])
  before.answer.resolve(['192.0.2.1'])
  await before.answer.promise
  after.answer.resolve(['192.0.2.2'])
  assert.deepEqual(JSON.parse((await next()).host).addresses, ['192.0.2.2'])
  assert.equal(worker.report.restarts, 1)
  await worker.close('CONNECTOR_DRAINING', 'the test is over')
})
