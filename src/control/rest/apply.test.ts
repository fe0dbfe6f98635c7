import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { located, readDocuments } from '../../api/documents.ts'
import { RestFixture } from './fixture.ts'

const FILE = `
kind: access-rule
name: staff-wiki
order: 10
action: allow
conditions:
  userGroups: [staff]
  segments: [wiki]
---
kind: connector-group
name: dc1
---
kind: server-group
name: web
connectorGroups: [dc1]
---
kind: segment
name: wiki
domains: [wiki.internal, "*.Wiki.internal."]
tcp: ["443", "8000 - 8100"]
serverGroups: [web]
---
kind: user-group
name: staff
---
kind: user
name: alice
password: correct horse battery
groups: [staff]
`

async function apply(rest: RestFixture, text: string, o: { dryRun?: boolean; prune?: boolean } = {}) {
  const { documents } = readDocuments(text, 'access.yaml')
  return rest.ask('POST', '/api/v1/apply', { body: { documents, ...o } })
}

test('a file makes it so; again it changes nothing, not even a version', async () => {
  await using rest = await RestFixture.open()
  const first = await apply(rest, FILE)
  assert.equal(first.status, 200, first.text)
  assert.deepEqual(first.body.summary, { create: 6, update: 0, delete: 0, unchanged: 0 })
  const version = await rest.store.policyVersion()
  assert.equal(first.body.policyVersion, version)
  const wiki = (await rest.ask('GET', '/api/v1/segments/wiki')).body
  assert.deepEqual(wiki.domains, ['wiki.internal', '*.wiki.internal'])
  assert.deepEqual(wiki.tcp, ['443', '8000-8100'])

  const audited = (await rest.ask('GET', '/api/v1/audit')).body.items.length
  const second = await apply(rest, FILE)
  assert.deepEqual(second.body.summary, { create: 0, update: 0, delete: 0, unchanged: 6 })
  assert.equal(await rest.store.policyVersion(), version)
  assert.equal((await rest.ask('GET', '/api/v1/audit')).body.items.length, audited)
})

test('a dry run tells the same steps and keeps nothing', async () => {
  await using rest = await RestFixture.open()
  const dry = await apply(rest, FILE, { dryRun: true })
  assert.equal(dry.body.applied, false)
  assert.equal(await rest.store.policyVersion(), 0)
  assert.deepEqual((await rest.ask('GET', '/api/v1/segments')).body.items, [])
  const real = await apply(rest, FILE)
  const steps = (body: { steps: { action: string; kind: string; name: string }[] }) =>
    body.steps.map(({ action, kind, name }) => `${action} ${kind} ${name}`)
  assert.deepEqual(steps(dry.body), steps(real.body))
})

test('one bad document and nothing is applied; the error has line and column', async () => {
  await using rest = await RestFixture.open()
  const text = FILE.replace('serverGroups: [web]', 'serverGroups: [wep]')
  const refused = await apply(rest, text)
  assert.equal(refused.status, 400)
  assert.deepEqual(located(readDocuments(text, 'access.yaml'), refused.body.errors), [
    'access.yaml:21:16: no server group "wep": did you mean "web"?',
  ])
  assert.deepEqual((await rest.ask('GET', '/api/v1/connector-groups')).body.items, [])
})

test('prune removes what the file dropped, and refuses to when it is in use, undoing all', async () => {
  await using rest = await RestFixture.open()
  await apply(rest, FILE)
  const group = (await rest.store.objects.get('connector-group', 'dc1')).id
  await rest.ask('POST', '/api/v1/provisioning-keys', { body: { name: 'k', group } })
  const documents = `kind: connector-group\nname: dc2\n---\nkind: server-group\nname: web\nconnectorGroups: [dc2]\n`
  const refused = await apply(rest, documents, { prune: true })
  assert.equal(refused.status, 409)
  assert.match(refused.body.detail, /provisioning key k/)
  assert.equal((await rest.ask('GET', '/api/v1/connector-groups')).body.items[0].name, 'dc1')

  await rest.ask('DELETE', '/api/v1/provisioning-keys/k', { headers: { 'if-match': '*' } })
  const done = await apply(rest, documents, { prune: true })
  assert.deepEqual(done.body.summary, { create: 1, update: 1, delete: 1, unchanged: 0 })
  assert.equal(
    (await rest.ask('GET', '/api/v1/users/alice')).status,
    200,
    'kinds not in the file are left alone',
  )
})

test('a changed password is a change, and the new one is the one that is set', async () => {
  await using rest = await RestFixture.open()
  await apply(rest, FILE)
  const user = (await rest.store.objects.get('user', 'alice')).id
  const before = await rest.store.passwords.get(user)
  const again = await apply(rest, FILE.replace('correct horse battery', 'another password'))
  assert.deepEqual(again.body.summary, { create: 0, update: 1, delete: 0, unchanged: 5 })
  assert.notEqual(await rest.store.passwords.get(user), before)
})

test('whatever is sent is applied or refused with a place: never a defect, never half of it', async () => {
  await using rest = await RestFixture.open()
  const word = fc.constantFrom(
    'segment',
    'user',
    'access-rule',
    'server-group',
    'wiki',
    '443',
    '*.a.example',
    '__proto__',
  )
  const key = fc.constantFrom(
    'kind',
    'name',
    'domains',
    'tcp',
    'conditions',
    'posture',
    'groups',
    'spec',
    'id',
    '__proto__',
  )
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      word,
      fc.jsonValue(),
      fc.array(tie('any')),
      fc.dictionary(key, tie('any')),
    ),
  })).any
  const document = fc.dictionary(key, value)
  await fc.assert(
    fc.asyncProperty(fc.array(document, { maxLength: 3 }), fc.boolean(), async (documents, prune) => {
      const before = await rest.store.policyVersion()
      const answer = await rest.ask('POST', '/api/v1/apply', { body: { documents, prune } })
      assert.ok([200, 400, 409].includes(answer.status), answer.text)
      if (answer.status !== 200) assert.equal(await rest.store.policyVersion(), before)
    }),
    { numRuns: 150 },
  )
})
