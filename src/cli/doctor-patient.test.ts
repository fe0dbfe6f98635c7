import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { admit, lookAtKey } from './doctor-patient.ts'

/** A connector's state directory with what the control plane said last, and its configuration. */
async function stateOf(t: TestContext, { edges, config = '' }: { edges?: string; config?: string }) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-patient-'))
  t.after(() => rm(dir, { recursive: true }))
  const stateDir = path.join(dir, 'state')
  await mkdir(stateDir, { mode: 0o700 })
  if (edges !== undefined) await writeFile(path.join(stateDir, 'edges.json'), edges, { mode: 0o600 })
  const file = path.join(dir, 'connector.yaml')
  await writeFile(file, config, { mode: 0o600 })
  const places = { role: 'connector', stateDir } as const
  const { patient } = await admit(places, { config: file, asThisUser: true }, AbortSignal.timeout(10_000))
  return patient.group
}

const BOOK = JSON.stringify({ version: 1, region: '', group: 'dc1', edges: [], reached: {} })

test('the group of a connector is the one that the control plane named last; a configuration names it first', async (t) => {
  assert.equal(await stateOf(t, { edges: BOOK }), 'dc1')
  assert.equal(await stateOf(t, { edges: BOOK, config: 'group: dc2\n' }), 'dc2')
})

test('a connector that was never told its group, or whose cache is damaged, has none', async (t) => {
  assert.equal(await stateOf(t, {}), undefined)
  assert.equal(await stateOf(t, { edges: '{"group":' }), undefined)
})

test('a key that is not there is missing, also where its folder is not: never unreadable', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-patient-'))
  t.after(() => rm(dir, { recursive: true }))
  for (const name of ['provision_key', 'backstitch/provision_key']) {
    const { facts } = await lookAtKey(path.join(dir, name))
    assert.equal(facts.fault?.code, 'KEY_MISSING', name)
  }
})
