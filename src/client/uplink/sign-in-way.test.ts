import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import { signInAt } from './sign-in-way.ts'

const { signal } = new AbortController()
const OLD = { host: 'old.test', port: 443 }
const NEW = { host: 'new.test', port: 443 }
const busy = (retryAfterS: number) => new Fault('RATE_LIMITED', 'too many', { seen: { retryAfterS } })

test('who is told to come back comes back, not before the time that was named', async () => {
  const waits: number[] = []
  let attempts = 0
  const { answer } = await signInAt({
    ...{ edges: [OLD], signal },
    onWait: (_fault, waitMs) => waits.push(waitMs),
    attempt: async () => {
      if (++attempts < 3) throw busy(0.01)
      return 'signed in'
    },
  })
  assert.equal(answer, 'signed in')
  assert.equal(waits.length, 2)
  for (const waitMs of waits) assert.ok(waitMs >= 10 && waitMs <= 20, `${waitMs}`)
})

test('a time that nobody waits for at a prompt, and a refusal, are said at once', async () => {
  for (const fault of [busy(120), new Fault('LOGIN_FAILED', 'user ada')]) {
    let attempts = 0
    const attempt = async () => {
      attempts++
      throw fault
    }
    await assert.rejects(signInAt({ edges: [OLD, NEW], signal, attempt }), fault)
    assert.equal(attempts, 1)
  }
})

test('an edge that is not there any more is passed over for another that is known', async () => {
  const gone = new Fault('EDGE_NAME_NXDOMAIN', 'old.test')
  const attempt = async ({ host }: { host: string }) => {
    if (host === OLD.host) throw gone
    return host
  }
  assert.deepEqual(await signInAt({ edges: [OLD, NEW], signal, attempt }), { edge: NEW, answer: 'new.test' })
  await assert.rejects(signInAt({ edges: [OLD], signal, attempt }), gone)
})

test('Ctrl-C ends the wait', async () => {
  const stop = new AbortController()
  const signing = signInAt({
    ...{ edges: [OLD], signal: stop.signal },
    onWait: () => stop.abort(new Error('stopped')),
    attempt: () => Promise.reject(busy(30)),
  })
  await assert.rejects(signing, /stopped/)
})
