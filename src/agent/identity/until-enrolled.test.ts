import assert from 'node:assert/strict'
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '../../base/faults.ts'
import { untilEnrolled } from './until-enrolled.ts'

const HOPELESS_MS = 60_000

/** Enrols in vain until `works`; each attempt and each wait is noted. */
async function world(t: TestContext, fault: Fault) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-enrol-'))
  t.after(() => rm(dir, { recursive: true }))
  const [keyFile, proxyFile] = [path.join(dir, 'provision_key'), path.join(dir, 'proxy')]
  const stop = new AbortController()
  const it = { works: false, attempts: 0, waits: [] as number[] }
  const failed = Promise.withResolvers<void>()
  const attempt = async () => {
    it.attempts++
    if (it.works) return 'enrolled'
    throw fault
  }
  return Object.assign(it, {
    ...{ keyFile, proxyFile, stop, failed: failed.promise },
    enrolled: untilEnrolled(attempt, {
      ...{ files: [keyFile, proxyFile], hopelessMs: HOPELESS_MS, signal: stop.signal },
      onFailed(met, waitMs) {
        assert.equal(met, fault)
        it.waits.push(waitMs)
        failed.resolve()
      },
    }),
  })
}

const refused = new Fault('KEY_EXHAUSTED', 'used up')

const touches: { what: string; touch: (it: Awaited<ReturnType<typeof world>>) => Promise<void> }[] = [
  { what: 'a key that is put there', touch: ({ keyFile }) => writeFile(keyFile, 'a key') },
  { what: 'a proxy setting that is written', touch: ({ proxyFile }) => writeFile(proxyFile, 'p:1') },
  {
    what: 'a key that takes the place of another',
    async touch({ keyFile }) {
      await writeFile(`${keyFile}.new`, 'a key')
      await rename(`${keyFile}.new`, keyFile)
    },
  },
]
for (const { what, touch } of touches) {
  test(`${what} is tried at once`, { timeout: 10_000 }, async (t) => {
    const it = await world(t, refused)
    await it.failed
    it.works = true
    await touch(it)
    assert.equal(await it.enrolled, 'enrolled')
    assert.equal(it.attempts, 2)
  })
}

test('a key whose mode is put right is tried at once', { timeout: 10_000 }, async (t) => {
  const it = await world(t, refused)
  await writeFile(it.keyFile, 'a key', { mode: 0o666 })
  await it.failed
  it.works = true
  await chmod(it.keyFile, 0o600)
  assert.equal(await it.enrolled, 'enrolled')
})

test('what a person has to repair is not asked before its time; a stop ends the wait', async (t) => {
  const it = await world(t, refused)
  await it.failed
  await sleep(1200)
  it.stop.abort()
  await assert.rejects(it.enrolled, { name: 'AbortError' })
  assert.equal(it.attempts, 1)
  assert.ok(it.waits[0]! >= HOPELESS_MS * 0.9 && it.waits[0]! <= HOPELESS_MS * 1.1, String(it.waits[0]))
})

test('what may pass by itself is asked again after a second', { timeout: 10_000 }, async (t) => {
  const it = await world(t, new Fault('EDGE_UNREACHABLE', 'no way'))
  await it.failed
  it.works = true
  assert.equal(await it.enrolled, 'enrolled')
  assert.ok(it.waits[0]! >= 1000, String(it.waits[0]))
})
