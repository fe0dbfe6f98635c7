import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OBJECT_KINDS } from '../../api/kinds.ts'
import type { FaultCode } from '../../base/faults.ts'
import { openStore } from '../../store/store.ts'
import { groupFor } from './enrol-group.ts'

const SPEC = OBJECT_KINDS['connector-group'].spec
const HELD = { thumbprint: 't', serial: '1', notAfterMs: 1, generation: 1, fingerprint: {} }
const HOST = { name: 'web1', platform: 'linux', program: 'test' }

interface Case {
  name: string
  /** Group of the key that is presented. */
  key: string
  expected?: string
  /** Where the connector that has the public key already is, and the key it came with. */
  before?: { group: string; key: string }
  joins?: string
  code?: FaultCode
}

const CASES: Case[] = [
  { name: 'a new connector joins the group of its key', key: 'dc1', joins: 'dc1' },
  { name: 'the group expected, by name', key: 'dc1', expected: 'dc1', joins: 'dc1' },
  { name: 'another group expected', key: 'dc1', expected: 'dc2', code: 'KEY_WRONG_GROUP' },
  { name: 'a key of a branch group', key: 'shop', code: 'WRONG_CONNECTOR_KIND' },
  {
    name: 'again with a new key of its group',
    key: 'dc1',
    before: { group: 'dc1', key: 'key_old' },
    joins: 'dc1',
  },
  {
    name: 'again with a key of another group',
    key: 'dc2',
    before: { group: 'dc1', key: 'key_old' },
    code: 'KEY_WRONG_GROUP',
  },
  {
    name: 'again with its key, after an admin moved it',
    key: 'dc1',
    before: { group: 'dc2', key: 'key_now' },
    joins: 'dc2',
  },
  {
    name: 'again with its key, after an admin moved it to a branch group',
    key: 'dc1',
    before: { group: 'shop', key: 'key_now' },
    code: 'WRONG_CONNECTOR_KIND',
  },
]

for (const { name, key, expected, before, joins, code } of CASES) {
  test(name, async () => {
    await using store = await openStore({ file: ':memory:' })
    const ids: Record<string, string> = {}
    for (const group of ['dc1', 'dc2', 'shop']) {
      const spec = SPEC.parse({ connectorKind: group === 'shop' ? 'branch' : 'app' })
      ids[group] = (await store.objects.put({ kind: 'connector-group', name: group, spec })).id
    }
    const held =
      before &&
      (await store.connectors.create({
        ...HELD,
        host: HOST,
        publicKeyHash: 'p',
        groupId: ids[before.group]!,
        keyId: before.key,
      }))
    const use = { keyId: 'key_now', groupId: ids[key]!, already: held?.id }
    const asked = groupFor(store, use, expected, held)
    if (code === undefined) assert.equal(await asked, ids[joins!])
    else await assert.rejects(asked, { code })
  })
}
