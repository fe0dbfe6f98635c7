import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { gatherMachine } from './gather.ts'
import { readMachine } from './machine.ts'

test('gatherMachine: what only root could read reaches the service, and nobody else', async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-gather-'))
  t.after(() => rm(dir, { recursive: true }))
  const uuid = '4c4c4544-0042-3510-8052-b4c04f4e3332'
  const asRoot = path.join(dir, 'as-root')
  const asService = path.join(dir, 'as-service')
  await mkdir(path.join(asRoot, 'sys/class/dmi/id'), { recursive: true })
  await mkdir(asService)
  await writeFile(path.join(asRoot, 'sys/class/dmi/id/product_uuid'), uuid)
  const file = path.join(dir, 'run', 'machine.json')
  const owner = { uid: process.getuid!(), gid: process.getgid!() }

  const { found, missing } = await gatherMachine({ file, owner, root: asRoot })
  assert.deepEqual(found, ['productUuid'])
  assert.deepEqual(Object.keys(missing).sort(), ['mac', 'machineId', 'rootDisk'])
  assert.equal((await stat(file)).mode & 0o777, 0o400)
  assert.deepEqual(await readdir(path.dirname(file)), ['machine.json'])
  assert.equal((await readMachine({ root: asService, gathered: file })).factors.productUuid, uuid)
  await gatherMachine({ file, owner, root: asRoot })
})
