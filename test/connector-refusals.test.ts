/**
 * A connector that comes with a key that is not for it is told which key, which group and what to do, loses the key
 * no use, and gets up by itself once the right key is there. The real daemon in a process of its own.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { ConnectorProcess } from './connector-process.ts'
import { openSite, type Site } from './site.ts'

const site = await openSite()

test.after(() => site[Symbol.asyncDispose]())

async function changeGroup(at: Site, connectorKind: 'app' | 'branch'): Promise<void> {
  const { id, name, spec } = await at.control.store.objects.get('connector-group', at.group)
  await at.control.store.objects.put({
    kind: 'connector-group',
    id,
    name,
    spec: { ...spec, connectorKind },
  })
}

const seenOf = (line: { readonly [field: string]: unknown }) => line.seen as Record<string, unknown>

test('a machine set up for one group does not join another, and joins its own with the next key', async () => {
  const stateDir = path.join(site.dir, 'wrong-group')
  const keyFile = await site.keyFile()
  const right = await readFile(keyFile, 'utf8')
  await using connector = new ConnectorProcess({ stateDir, keyFile, flags: ['--group', 'dc9'] })
  const failed = await connector.event('bring-up.failed')
  assert.equal(failed.code, 'KEY_WRONG_GROUP')
  assert.equal(failed.hop, 'control')
  assert.equal(failed.stage, 4)
  assert.match(failed.msg, /enrols into group test-group/)
  assert.deepEqual([seenOf(failed).groupName, seenOf(failed).wanted], ['test-group', 'dc9'])
  const { store } = site.control
  assert.equal((await store.keys.get('key-1')).uses, 0, 'a refused key loses no use')
  assert.equal((await store.connectors.all()).length, 0)
  await writeFile(keyFile, right)

  await using meant = new ConnectorProcess({
    stateDir: `${stateDir}-2`,
    keyFile,
    flags: ['--group', 'test-group'],
  })
  await meant.event('connector.healthy')
  assert.equal((await store.keys.get('key-1')).uses, 1)
})

test('a key of a branch group enrols no App Connector, until the group is what the key is needed for', async () => {
  await changeGroup(site, 'branch')
  const stateDir = path.join(site.dir, 'wrong-kind')
  const keyFile = await site.keyFile()
  await using connector = new ConnectorProcess({ stateDir, keyFile })
  const failed = await connector.event('bring-up.failed')
  assert.equal(failed.code, 'WRONG_CONNECTOR_KIND')
  assert.equal(failed.hop, 'control')
  assert.equal(seenOf(failed).connectorKind, 'branch')
  assert.equal((await site.control.store.keys.get('key-2')).uses, 0)
  await changeGroup(site, 'app')
  await writeFile(keyFile, await readFile(keyFile, 'utf8')) // touched: tried again at once
  await connector.event('connector.healthy')
})

test('a key that was deleted is said to be revoked, with the time and the person; a new one is taken at once', async () => {
  const { store } = site.control
  const stateDir = path.join(site.dir, 'deleted')
  const keyFile = await site.keyFile()
  await store.keys.delete('key-3', { by: 'token ada (tok_1)' })
  await using connector = new ConnectorProcess({ stateDir, keyFile })
  const failed = await connector.event('bring-up.failed')
  assert.equal(failed.code, 'KEY_REVOKED')
  assert.match(failed.msg, /key-3 .* was deleted at .* by token ada/)
  await writeFile(keyFile, await site.key())
  await connector.event('connector.healthy')
})
