import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import type { Companion } from '../src/agent/link/companion.ts'
import { type Log, silentLog } from '../src/base/log.ts'
import { openSite } from './site.ts'
import { serveSmallest } from './smallest-agent.ts'

/** Hears what becomes of the connection, and waits for it. */
class Hearing implements Companion {
  readonly heard: string[] = []
  #waiting: (() => void)[] = []

  up(): void {
    this.#hear('up')
  }

  down({ code }: { code: string }, redialling: boolean): void {
    this.#hear(redialling ? 'redial' : code)
  }

  #hear(what: string): void {
    this.heard.push(what)
    for (const done of this.#waiting.splice(0)) done()
  }

  async times(what: string, count = 1): Promise<void> {
    while (this.heard.filter((one) => one === what).length < count)
      await new Promise<void>((done) => this.#waiting.push(done))
  }
}

test('a new role is its own files and a list of companions: it enrols, comes up, outlives its edge', {
  timeout: 60_000,
}, async () => {
  await using site = await openSite()
  const stateDir = path.join(site.dir, 'agent')
  const hearing = new Hearing()
  const stop = new AbortController()
  const ids: string[] = []
  const log = Object.assign(Object.create(silentLog), {
    info: (fields: { event?: string; agent?: string }) =>
      fields.event === 'agent.enrolled' && ids.push(fields.agent!),
  }) as Log
  const failed: string[] = []
  const served = serveSmallest(
    {
      ...{ stateDir, keyFile: await site.keyFile({ maxUses: 2 }), log, companions: [hearing] },
      onEnrolFailed: ({ code }) => failed.push(code),
    },
    stop.signal,
  )
  await hearing.times('up')
  const [record] = await site.control.store.connectors.all()
  assert.deepEqual(ids, [record?.id], 'control knows it by the name that it says')

  await site.stopEdge()
  await site.startEdge()
  await hearing.times('up', 2)
  assert.ok(
    hearing.heard.some((what) => what !== 'up' && what !== 'redial'),
    'it heard of the outage',
  )

  stop.abort()
  await served
  assert.deepEqual(failed, [])
})

test('one whose key is of no use says so and goes on looking for a better one', {
  timeout: 60_000,
}, async () => {
  await using site = await openSite()
  const hearing = new Hearing()
  const stop = new AbortController()
  const failed = Promise.withResolvers<string>()
  const keyFile = path.join(site.dir, 'key-to-come')
  const served = serveSmallest(
    {
      ...{ stateDir: path.join(site.dir, 'agent'), keyFile, log: silentLog, companions: [hearing] },
      onEnrolFailed: ({ code }) => failed.resolve(code),
    },
    stop.signal,
  )
  assert.equal(await failed.promise, 'KEY_MISSING')
  await rename(await site.keyFile(), keyFile)
  await hearing.times('up')
  stop.abort()
  await served
})
