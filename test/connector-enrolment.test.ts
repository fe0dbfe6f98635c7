import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../src/base/clock.ts'
import type { Fault } from '../src/base/faults.ts'
import { silentLog } from '../src/base/log.ts'
import { StateDir } from '../src/base/state-dir.ts'
import { enrolConnector as enrol } from '../src/connector/enrol/enrol-connector.ts'
import { SealedState } from '../src/connector/enrol/sealed-state.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { readMachine } from '../src/probe/machine.ts'
import { ConnectorProcess } from './connector-process.ts'
import { openSite } from './site.ts'

/** In the order in which an enrolment passes them. */
const FAILPOINTS = [
  'enrol.pair-made',
  'enrol.pair-stored',
  'enrol.before-request',
  'enrol.replied',
  'enrol.identity-stored',
  'enrol.key-removed',
  'enrol.pair-removed',
]

test('a connector killed at every step of its enrolment ends as one connector, for one use of its key', async () => {
  await using site = await openSite()
  const keyFile = await site.keyFile({ maxUses: 1 })
  const stateDir = path.join(site.dir, 'connector')
  const secret = (await readFile(keyFile, 'utf8')).trim().split('|')[2]!
  const seen: string[] = []
  for (const failpoint of FAILPOINTS) {
    await using connector = new ConnectorProcess({ stateDir, keyFile, failpoint })
    const { signal } = await connector.exited
    assert.equal(signal, 'SIGKILL', `${failpoint} was passed: ${connector.lines.at(-1)?.msg}`)
    seen.push(...connector.lines.map((line) => JSON.stringify(line)))
  }
  await using connector = new ConnectorProcess({ stateDir, keyFile })
  await connector.event('connector.healthy')

  const connectors = await site.control.store.connectors.all()
  assert.equal(connectors.length, 1)
  assert.equal((await site.control.store.keys.get('key-1')).uses, 1)
  assert.equal((await connector.event('connector.identity')).connector, connectors[0]?.id)
  assert.equal(existsSync(keyFile), false, 'the key file is no longer needed')
  // What begins with a dot is the lock, and replacements that were cut off, which go after a minute.
  const left = (await readdir(stateDir)).filter((name) => !/^\.|^edges\.json/.test(name))
  assert.deepEqual(left.sort(), [
    'identity.json',
    'key-set.json',
    'outages.json',
    'running.json',
    'session-records',
    'status.sock',
  ])
  seen.push(...connector.lines.map((line) => JSON.stringify(line)))
  assert.ok(!seen.some((line) => line.includes(secret)), 'the secret is in no log line')
})

test('200 enrolments at once with a key of one use: exactly one gets a certificate', async () => {
  await using site = await openSite({ limits: { connectionsPerAddress: 1000, handshakesPerAddress: 1000 } })
  const key = await site.key({ maxUses: 1 })
  const machine = { factors: {}, missing: {} }
  const { signal } = new AbortController()
  const results = await Promise.allSettled(
    Array.from({ length: 200 }, async (_, i) => {
      const state = await StateDir.open(path.join(site.dir, `c${i}`))
      const keyFile = path.join(site.dir, `key-${i}`)
      await writeFile(keyFile, key)
      return enrol(new SealedState(state, machine, silentLog), {
        keyFile,
        egress: async () => DIRECT,
        machine,
        clock: systemClock,
        log: silentLog,
        signal,
      })
    }),
  )
  const codes = results.map((result) =>
    result.status === 'fulfilled' ? 'enrolled' : ((result.reason as Fault).code ?? String(result.reason)),
  )
  const counted = Object.groupBy(codes, (code) => code)
  assert.equal(counted.enrolled?.length, 1, JSON.stringify(Object.keys(counted)))
  assert.equal(counted.KEY_EXHAUSTED?.length, 199, JSON.stringify(Object.keys(counted)))
  assert.equal((await site.control.store.connectors.all()).length, 1)
  assert.equal((await site.control.store.keys.get('key-1')).uses, 1)
})

test('the seal is of this machine where it has three factors, and the status says which', async () => {
  await using site = await openSite()
  const stateDir = path.join(site.dir, 'connector')
  await using connector = new ConnectorProcess({ stateDir, keyFile: await site.keyFile() })
  await connector.event('connector.healthy')
  const { factors } = await readMachine()
  const stored = await readFile(path.join(stateDir, 'identity.json'), 'utf8')
  const sealed = Object.keys(factors).length >= 3
  assert.equal((await connector.event('connector.protection')).sealed, sealed)
  assert.equal(/BEGIN PRIVATE KEY/.test(stored), !sealed)
})
