import assert from 'node:assert/strict'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, mock, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault, type FaultCode } from '../../base/faults.ts'
import { DIRECT, type Egress, readEgress } from '../../link/dial/egress.ts'
import { RepairWatch } from './repair-watch.ts'

const LOOK_MS = 1000
/** A look at two files takes less. */
const LOOKED_MS = 100

beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }))
afterEach(() => mock.timers.reset())

async function watch(t: TestContext, curedByKey: FaultCode[] = ['CERT_EXPIRED'], skewMs = 0) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-repair-'))
  t.after(() => rm(dir, { recursive: true }))
  const keyFile = path.join(dir, 'provision_key')
  const it = { egress: async (): Promise<Egress> => DIRECT }
  const repair = new RepairWatch({
    ...{ egress: DIRECT, readEgress: () => it.egress(), keyFile, curedByKey: new Set(curedByKey) },
    clock: { nowMs: () => Date.now() + skewMs },
  })
  const looking = repair.start()
  t.after(() => looking[Symbol.dispose]())
  return Object.assign(it, {
    repair,
    putKey: () => writeFile(keyFile, 'a key'),
    keyFile,
    /** What the next look finds. */
    async repaired() {
      mock.timers.tick(LOOK_MS)
      if (!repair.repaired.aborted)
        await Promise.race([
          sleep(LOOKED_MS),
          new Promise((done) => repair.repaired.addEventListener('abort', done)),
        ])
      return repair.repaired.aborted && (repair.comesBack ?? 'another way')
    },
  })
}

const expired = new Fault('CERT_EXPIRED', 'con_1: it was not renewed in time')
const clonedFault = new Fault('IDENTITY_CLONED', 'con_1 from here and from there')
const deletedAt = (atMs: number) =>
  new Fault('IDENTITY_REVOKED', 'con_1 was deleted', { seen: { deleted: new Date(atMs).toISOString() } })

test('a key that lies there, or is put there, brings back whose certificate has expired as the one it was', async (t) => {
  const it = await watch(t)
  it.repair.down(expired, false)
  assert.equal(await it.repaired(), false)
  await it.putKey()
  assert.equal(await it.repaired(), 'as-before')
})

test('a key that does not help is taken once a second, however soon control refuses', async (t) => {
  const it = await watch(t)
  await it.putKey()
  it.repair.down(expired, false)
  assert.equal(it.repair.repaired.aborted, false)
  assert.equal(await it.repaired(), 'as-before')
})

test('where a key cures a clone it is taken before the fault can end the agent; where none does, never', async (t) => {
  const edge = await watch(t, ['CERT_EXPIRED', 'IDENTITY_CLONED'])
  await edge.putKey()
  edge.repair.down(clonedFault, false)
  assert.ok(edge.repair.repaired.aborted)
  assert.equal(edge.repair.comesBack, 'as-before')

  const withoutKey = await watch(t, ['IDENTITY_CLONED'])
  withoutKey.repair.down(clonedFault, false)
  assert.equal(withoutKey.repair.repaired.aborted, false)

  const connector = await watch(t)
  await connector.putKey()
  connector.repair.down(clonedFault, false)
  assert.equal(await connector.repaired(), false)
})

test('after a deletion it takes a key of later, as another one, and not one that lay there before', async (t) => {
  const before = await watch(t)
  await before.putKey()
  before.repair.down(deletedAt(Date.now() + 5000), false)
  assert.equal(await before.repaired(), false)

  const after = await watch(t)
  after.repair.down(deletedAt(Date.now() - 5000), false)
  await after.putKey()
  assert.equal(await after.repaired(), 'anew')
})

test('when a deletion was is judged by the clock of the control plane', async (t) => {
  const slow = await watch(t, [], 3_600_000)
  slow.repair.down(deletedAt(Date.now() + 3_000_000), false)
  await slow.putKey()
  assert.equal(await slow.repaired(), 'anew')
})

test('another proxy setting is tried, before the first attempt has failed, too; one that cannot be read is not', async (t) => {
  const egress = await readEgress({ flag: '192.0.2.1:3128', env: {}, file: '/none' })
  const it = await watch(t)
  it.egress = async () => {
    throw new Fault('INVALID', 'not a proxy')
  }
  assert.equal(await it.repaired(), false)
  it.egress = async () => egress
  assert.equal(await it.repaired(), 'another way')
})

test('while it is up, or gives its connection up to dial again, nothing is repaired', async (t) => {
  const it = await watch(t)
  await it.putKey()
  it.repair.up()
  it.egress = async () => readEgress({ flag: '192.0.2.1:3128', env: {}, file: '/none' })
  assert.equal(await it.repaired(), false)
  it.egress = async () => DIRECT
  it.repair.down(expired, true)
  assert.equal(await it.repaired(), false)
})

test('what is found while the connection comes up is not acted on', async (t) => {
  const it = await watch(t)
  const asked = Promise.withResolvers<void>()
  it.egress = async () => {
    it.repair.up()
    asked.resolve()
    return readEgress({ flag: '192.0.2.1:3128', env: {}, file: '/none' })
  }
  it.repair.down(new Fault('EDGE_UNREACHABLE', 'no way'), false)
  assert.equal(await it.repaired(), false)
  await asked.promise
})

test('a key that is only touched after a deletion counts: somebody meant it', async (t) => {
  const it = await watch(t)
  await it.putKey()
  const deletion = deletedAt(Date.now() + 300)
  it.repair.down(deletion, false)
  await sleep(400)
  await utimes(it.keyFile, new Date(), new Date())
  assert.equal(await it.repaired(), 'anew')
})
