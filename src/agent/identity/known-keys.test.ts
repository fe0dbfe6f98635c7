import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { StateDir } from '../../base/state-dir.ts'
import { TestTenant } from '../../link/dial/tenant.fixture.ts'
import { newSigningKey } from '../../pki/signing-keys.ts'
import { KnownKeys } from './known-keys.ts'

const tenant = await TestTenant.create()
const edge = await tenant.credentials('edge', 'edg_1')
const leaked = newSigningKey(Date.now())
const refused = { code: 'PEER_REFUSED', hop: 'control' }

async function stateDir(t: TestContext): Promise<StateDir> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-keys-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return StateDir.open(dir, 'edge')
}

async function run(state: StateDir): Promise<KnownKeys> {
  const known = new KnownKeys({ purpose: 'ticket', log: silentLog })
  await known.keepIn(state)
  return known
}
const kids = ({ keys }: KnownKeys) => [...keys.byKid.keys()]

/** When what it took is durable: whoever looks reads what the next run would. */
async function remembered(state: StateDir, issuedMs: number): Promise<void> {
  while (!(await state.read('key-set.json'))?.includes(String(issuedMs))) await new Promise(setImmediate)
}

test('a set in which a leaked key stood does not come back: not in this run, not in the next', async (t) => {
  const state = await stateDir(t)
  const nowMs = Date.now()
  const old = await tenant.keySet('ticket', { keys: [leaked.publicJwk], issuedMs: nowMs - 2 })
  const now = await tenant.keySet('ticket', { issuedMs: nowMs - 1 })
  const known = await run(state)
  await known.take(old, edge)
  assert.deepEqual(kids(known), [leaked.kid])
  await known.take(now, edge)
  await known.take(now, edge)
  await assert.rejects(known.take(old, edge), refused)
  assert.deepEqual(kids(known), [tenant.signingKey.kid])
  await remembered(state, nowMs - 1)
  const next = await run(state)
  assert.deepEqual(kids(next), [], 'nothing is genuine before somebody has said what is')
  await assert.rejects(next.take(old, edge), refused)
  await next.take(now, edge)
  assert.deepEqual(kids(next), [tenant.signingKey.kid])
})

test('of two sets that come at once the newer stays, whichever is verified first', async () => {
  const nowMs = Date.now()
  const known = new KnownKeys({ purpose: 'ticket', log: silentLog })
  const old = await tenant.keySet('ticket', { keys: [leaked.publicJwk], issuedMs: nowMs - 2 })
  const now = await tenant.keySet('ticket', { issuedMs: nowMs - 1 })
  await Promise.allSettled([known.take(now, edge), known.take(old, edge), known.take(now, edge)])
  assert.deepEqual(kids(known), [tenant.signingKey.kid])
})

test('what is refused changes nothing, and whoever sent it is asked anew who it is', async () => {
  const known = new KnownKeys({ purpose: 'ticket', log: silentLog })
  await known.take(await tenant.keySet('ticket'), edge)
  let asked = 0
  await known.change(await tenant.keySet('grant'), edge, () => asked++)
  await known.change('nonsense', edge, () => asked++)
  await assert.rejects(known.take(undefined, edge), refused)
  assert.equal(asked, 2)
  assert.deepEqual(kids(known), [tenant.signingKey.kid])
})

test('a set that has ended verifies nothing', async (t) => {
  const known = new KnownKeys({ purpose: 'ticket', log: silentLog })
  await known.take(await tenant.keySet('ticket'), edge)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_700_000 })
  assert.deepEqual(kids(known), [])
})

test('what was remembered of another tenant, or cannot be read, keeps nobody out', async (t) => {
  const state = await stateDir(t)
  const nowMs = Date.now()
  await (await run(state)).take(await tenant.keySet('ticket', { issuedMs: nowMs }), edge)
  await remembered(state, nowMs)
  const other = await TestTenant.create()
  const next = await run(state)
  await next.take(
    await other.keySet('ticket', { issuedMs: nowMs - 5000 }),
    await other.credentials('edge', 'edg_1'),
  )
  assert.deepEqual(kids(next), [other.signingKey.kid])
  await writeFile(state.file('key-set.json'), '{')
  await (await run(state)).take(await tenant.keySet('ticket', { issuedMs: nowMs }), edge)
})
