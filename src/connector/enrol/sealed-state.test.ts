import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import type { Fault } from '../../base/faults.ts'
import { StateDir } from '../../base/state-dir.ts'
import type { MachineFacts } from '../../probe/machine.ts'
import { SealedState } from './sealed-state.ts'

const HOME: MachineFacts = {
  factors: { machineId: 'm1', mac: '52:54:00:00:00:01', productUuid: 'u1', rootDisk: 'd1' },
  missing: {},
}
const machine = (change: MachineFacts['factors']): MachineFacts => ({
  factors: { ...HOME.factors, ...change },
  missing: {},
})

async function fixture(t: { after(work: () => unknown): void }) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-sealed-'))
  t.after(() => rm(dir, { recursive: true }))
  const state = await StateDir.open(dir)
  const lines: Record<string, unknown>[] = []
  const log = pino({}, { write: (line) => lines.push(JSON.parse(line)) })
  return { state, lines, on: (facts: MachineFacts) => new SealedState(state, facts, log) }
}

test('SealedState: what is sealed opens here, and the file gives nothing away', async (t) => {
  const { state, on } = await fixture(t)
  await on(HOME).save('identity.json', 'connector con_1', 'the private key')
  assert.equal(await on(HOME).load('identity.json'), 'the private key')
  const file = await readFile(state.file('identity.json'), 'utf8')
  assert.doesNotMatch(file, /private key|52:54/)
  assert.equal((await stat(state.file('identity.json'))).mode & 0o777, 0o600)
})

test('SealedState: one change is logged with old and new hash, healed, and a second one later is borne too', async (t) => {
  const { lines, on } = await fixture(t)
  await on(HOME).save('identity.json', 'x', 'secret')
  const newMac = machine({ mac: '52:54:00:00:00:02' })
  const changed = on(newMac)
  assert.equal(await changed.load('identity.json'), 'secret')
  assert.equal(changed.drift?.code, 'SEAL_DRIFTED')
  assert.match(changed.drift.detail, /^mac [0-9a-f]{8}→[0-9a-f]{8}$/)
  const drift = lines.find((line) => line.event === 'seal.drifted')
  assert.equal(drift?.factor, 'mac')
  assert.match(`${drift?.old} ${drift?.new}`, /^[0-9a-f]{8} [0-9a-f]{8}$/)
  assert.ok(lines.some((line) => line.event === 'seal.healed'))
  const newDiskToo = { ...newMac, factors: { ...newMac.factors, rootDisk: 'd2' } }
  assert.equal(await on(newDiskToo).load('identity.json'), 'secret')
  lines.length = 0
  const settled = on(newDiskToo)
  assert.equal(await settled.load('identity.json'), 'secret')
  assert.deepEqual(lines, [], 'nothing more to say')
  assert.equal(settled.drift, undefined)
})

test('SealedState: a factor that is away for a while is not forgotten', async (t) => {
  const { on } = await fixture(t)
  await on(HOME).save('identity.json', 'x', 'secret')
  assert.equal(await on(machine({ mac: undefined })).load('identity.json'), 'secret')
  assert.equal(
    await on(machine({ rootDisk: 'd2' })).load('identity.json'),
    'secret',
    'the MAC still counts as one of the four',
  )
})

test('SealedState: on another machine the seal is broken, and names what changed and whose it was', async (t) => {
  const { state, on } = await fixture(t)
  await on(HOME).save('identity.json', 'connector con_1', 'secret')
  const clone = machine({ machineId: 'm2', mac: '52:54:00:00:00:09' })
  await assert.rejects(on(clone).load('identity.json'), (fault: Fault) => {
    assert.equal(fault.code, 'SEAL_BROKEN')
    assert.match(fault.detail, /connector con_1/)
    assert.match(fault.detail, /machineId [0-9a-f]{8}→[0-9a-f]{8}/)
    assert.match(fault.detail, /mac [0-9a-f]{8}→[0-9a-f]{8}/)
    assert.doesNotMatch(fault.detail, /productUuid|rootDisk/)
    assert.equal(fault.seen.stateDir, state.path)
    return true
  })
})

test('SealedState: fewer than three factors is a plain file 0600, the status says so, and a third factor seals it', async (t) => {
  const { state, on } = await fixture(t)
  const poor = on({
    factors: { machineId: 'm1', mac: 'x' },
    missing: { productUuid: 'EACCES', rootDisk: 'overlay' },
  })
  await poor.save('identity.json', 'x', 'secret')
  assert.equal(poor.protection.sealed, false)
  assert.match(
    poor.protection.note,
    /not sealed, file mode 0600 only: 2 of 3 factors \(productUuid: EACCES; rootDisk: overlay\)/,
  )
  assert.equal(await poor.load('identity.json'), 'secret')
  assert.match(await readFile(state.file('identity.json'), 'utf8'), /secret/)
  assert.equal(await on(HOME).load('identity.json'), 'secret')
  assert.doesNotMatch(await readFile(state.file('identity.json'), 'utf8'), /secret/)
})

for (const damaged of ['', '{', '{"format":2}', '{"format":1,"about":"x"}', 'null']) {
  test(`SealedState: a damaged file (${damaged || 'empty'}) is a Fault that names it, not an enrolment anew`, async (t) => {
    const { state, on } = await fixture(t)
    await writeFile(state.file('identity.json'), damaged)
    await assert.rejects(on(HOME).load('identity.json'), (fault: Fault) => {
      assert.equal(fault.code, 'INVALID')
      assert.equal(fault.hop, 'connector')
      assert.equal(fault.seen.file, state.file('identity.json'))
      return true
    })
  })
}
