import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LintFinding } from '../../api/lint.ts'
import { RestFixture } from './fixture.ts'

const ANY = { 'if-match': '*' }
const short = ({ code, object }: LintFinding) => `${code} ${object.name}`

async function chain(rest: RestFixture): Promise<void> {
  const post = (plural: string, body: object) => rest.ask('POST', `/api/v1/${plural}`, { body })
  await post('connector-groups', { name: 'dc1' })
  await post('connector-groups', { name: 'shop', connectorKind: 'branch' })
  await post('server-groups', { name: 'web', connectorGroups: ['dc1'] })
  await post('segments', { name: 'wiki', domains: ['wiki.example'], tcp: ['443'], serverGroups: ['web'] })
  await post('access-rules', { name: 'all', order: 1, action: 'allow', conditions: {} })
}

/** Enrolled members of dc1, by name. */
async function members(rest: RestFixture, ...names: string[]): Promise<void> {
  const { id: groupId } = await rest.store.objects.get('connector-group', 'dc1')
  for (const name of names) {
    await rest.store.connectors.create({
      ...{ name, thumbprint: name, serial: name, publicKeyHash: name, generation: 1, fingerprint: {} },
      ...{ groupId, notAfterMs: Date.now() + 6 * 86_400_000 },
      host: { name, platform: 'linux', program: 'test' },
    })
  }
}

test('every write says what is doubtful about what was written, and a repeat says it again', async () => {
  await using rest = await RestFixture.open()
  const body = { name: 'lost', domains: ['lost.example'], tcp: ['443'] }
  const headers = { 'idempotency-key': 'once' }
  for (const attempt of ['first', 'repeated']) {
    const { status, body: made } = await rest.ask('POST', '/api/v1/segments', { body, headers })
    assert.equal(status, 201)
    assert.deepEqual(made.warnings.map(short), ['SEGMENT_UNMAPPED lost'], attempt)
  }
  const put = await rest.ask('PUT', '/api/v1/segments/lost', { body, headers: ANY })
  assert.deepEqual(put.body.warnings.map(short), ['SEGMENT_UNMAPPED lost'], 'also where nothing was changed')
  const off = await rest.ask('PATCH', '/api/v1/segments/lost', { body: { enabled: false }, headers: ANY })
  assert.deepEqual(off.body.warnings, [])
  const other = await rest.ask('POST', '/api/v1/user-groups', { body: { name: 'staff' } })
  assert.deepEqual(other.body.warnings, [], 'of what was not written nothing is said')
})

test('whoever takes a connector out is told what is left of its group', async () => {
  await using rest = await RestFixture.open()
  await chain(rest)
  await members(rest, 'a', 'b')
  const same = await rest.ask('PATCH', '/api/v1/connectors/a', { body: { name: 'a1' }, headers: ANY })
  assert.deepEqual(same.body.warnings, [])
  const off = await rest.ask('PATCH', '/api/v1/connectors/a1', { body: { enabled: false }, headers: ANY })
  assert.deepEqual(off.body.warnings.map(short), ['GROUP_SINGLE_MEMBER dc1'])
  const all = await rest.ask('GET', '/api/v1/lint', { token: await rest.token('read-only') })
  assert.equal(all.status, 200)
  assert.deepEqual(all.body.findings.map(short), ['GROUP_SINGLE_MEMBER dc1'])
})

test('an App Connector is not moved into a branch group', async () => {
  await using rest = await RestFixture.open()
  await chain(rest)
  await members(rest, 'a', 'b')
  const moved = await rest.ask('PATCH', '/api/v1/connectors/a', { body: { group: 'shop' }, headers: ANY })
  assert.equal(moved.body.code, 'WRONG_CONNECTOR_KIND')
  assert.equal(moved.status, 409)
})
