import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handClock, RestFixture } from './fixture.ts'

const GROUPS = '/api/v1/connector-groups'

test('a change needs the version it is of', async () => {
  await using rest = await RestFixture.open()
  const created = await rest.ask('POST', GROUPS, { body: { name: 'dc1' } })
  const path = created.headers.location!
  const body = { name: 'dc1', location: 'Oslo' }

  const blind = await rest.ask('PUT', path, { body })
  assert.equal(blind.status, 428)
  assert.equal(blind.body.code, 'PRECONDITION_REQUIRED')
  const first = await rest.ask('PUT', path, { body, headers: { 'if-match': '"1"' } })
  assert.equal(first.headers.etag, '"2"')
  const late = await rest.ask('PATCH', path, { body: { location: 'Bergen' }, headers: { 'if-match': '"1"' } })
  assert.equal(late.status, 412)
  assert.deepEqual(late.body.seen, { expected: 1, is: 2 })
  assert.equal((await rest.ask('DELETE', path, { headers: { 'if-match': 'W/"2"' } })).status, 412)
  assert.equal((await rest.ask('GET', path)).body.location, 'Oslo')

  const same = await rest.ask('PUT', path, { body, headers: { 'if-match': '"2"' } })
  assert.equal(same.headers.etag, '"2"', 'writing what is there is no new version')
  assert.equal((await rest.ask('DELETE', path, { headers: { 'if-match': '"2"' } })).status, 204)
  assert.equal((await rest.ask('GET', path)).status, 404)
})

test('of two changes of one version exactly one wins', async () => {
  await using rest = await RestFixture.open()
  const path = (await rest.ask('POST', GROUPS, { body: { name: 'dc1' } })).headers.location!
  const headers = { 'if-match': '"1"' }
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => rest.ask('PATCH', path, { body: { location: `l${i}` }, headers })),
  )
  assert.deepEqual(answers.map((a) => a.status).sort(), [200, ...Array(9).fill(412)])
})

test('what is in use is not deleted, and its users are named', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', GROUPS, { body: { name: 'dc1' } })
  await rest.ask('POST', '/api/v1/server-groups', { body: { name: 'web', connectorGroups: ['dc1'] } })
  await rest.ask('POST', '/api/v1/provisioning-keys', { body: { name: 'k', group: 'dc1' } })
  const refused = await rest.ask('DELETE', `${GROUPS}/dc1`, { headers: { 'if-match': '*' } })
  assert.equal(refused.status, 409)
  assert.equal(refused.body.code, 'IN_USE')
  assert.match(refused.body.detail, /provisioning key k \(key_\w+\)/)
  assert.match(refused.body.detail, /server group web \(sgr_\w+\)/)
})

test('a reference that leads nowhere is refused at its place, with the nearest name', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', GROUPS, { body: { name: 'frankfurt' } })
  const body = { name: 'web', connectorGroups: ['frankfurt', 'frankfrut'] }
  const refused = await rest.ask('POST', '/api/v1/server-groups', { body })
  assert.equal(refused.status, 400)
  assert.deepEqual(refused.body.errors, [
    {
      pointer: '/connectorGroups/1',
      detail: 'no connector group "frankfrut": did you mean "frankfurt"?',
    },
  ])
})

test('every place that is wrong is named at once', async () => {
  await using rest = await RestFixture.open()
  const body = { name: 'wiki', domains: ['ok.example', 'not a name'], tcp: ['443', '0'], udpp: ['53'] }
  const { body: problem } = await rest.ask('POST', '/api/v1/segments', { body })
  assert.deepEqual(
    problem.errors.map((one: { pointer: string }) => one.pointer),
    ['/domains/1', '/tcp/1', '/udpp'],
  )
  assert.match(problem.errors[2].detail, /did you mean "udp"/)
})

test('a repeat with the same key gets the first answer and does nothing', async () => {
  const clock = handClock()
  await using rest = await RestFixture.open({ clock })
  await rest.ask('POST', GROUPS, { body: { name: 'dc1' } })
  const path = '/api/v1/provisioning-keys'
  const headers = { 'idempotency-key': 'abc' }
  const ask = { body: { name: 'k', group: 'dc1' }, headers }
  const [first, ...repeats] = await Promise.all([1, 2, 3].map(() => rest.ask('POST', path, ask)))
  assert.equal(first!.status, 201)
  const replayed = [first!, ...repeats].filter((answer) => answer.headers['idempotency-replayed'] === 'true')
  assert.equal(replayed.length, 2)
  for (const repeat of repeats) assert.deepEqual(repeat.body, first!.body)
  assert.equal((await rest.ask('GET', path)).body.items.length, 1)

  const other = await rest.ask('POST', path, { body: { name: 'k2', group: 'dc1' }, headers })
  assert.equal(other.status, 422)
  assert.equal(other.body.code, 'IDEMPOTENCY_KEY_REUSED')
  const token = await rest.token('admin')
  assert.equal((await rest.ask('POST', path, { ...ask, token })).status, 409, 'keys are per token')
  clock.advance(24 * 3_600_000 + 1)
  assert.equal((await rest.ask('POST', path, ask)).status, 409, 'forgotten after a day')
})

test('a refused request is not remembered: it may succeed later', async () => {
  await using rest = await RestFixture.open()
  const ask = { body: { name: 'web', connectorGroups: ['dc1'] }, headers: { 'idempotency-key': 'x' } }
  assert.equal((await rest.ask('POST', '/api/v1/server-groups', ask)).status, 400)
  await rest.ask('POST', GROUPS, { body: { name: 'dc1' } })
  assert.equal((await rest.ask('POST', '/api/v1/server-groups', ask)).status, 201)
})

test('pages join to the whole list, whatever is added meanwhile', async () => {
  await using rest = await RestFixture.open()
  for (const name of ['a', 'b', 'c', 'd', 'e']) await rest.ask('POST', GROUPS, { body: { name } })
  const names: string[] = []
  let next: string | undefined = `${GROUPS}?limit=2`
  while (next !== undefined) {
    const page = await rest.ask('GET', next)
    names.push(...page.body.items.map((item: { name: string }) => item.name))
    await rest.ask('POST', GROUPS, { body: { name: `${names.at(-1)}-after` } })
    next = /<([^>]+)>; rel="next"/.exec(String(page.headers.link ?? ''))?.[1]
    assert.equal(next === undefined, page.body.next === undefined)
  }
  assert.deepEqual(
    names.filter((name) => name.length === 1),
    ['a', 'b', 'c', 'd', 'e'],
  )
  assert.equal(new Set(names).size, names.length)
})

test('each change leaves one audit record of who, what and the fields; a refused one leaves none', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', GROUPS, { body: { name: 'dc1' } })
  await rest.ask('PATCH', `${GROUPS}/dc1`, { body: { location: 'Oslo' }, headers: { 'if-match': '*' } })
  await rest.ask('PATCH', `${GROUPS}/dc1`, { body: { location: 'Oslo' }, headers: { 'if-match': '*' } })
  await rest.ask('POST', GROUPS, { body: { name: 'dc1' } })
  const { items } = (await rest.ask('GET', '/api/v1/audit')).body
  assert.deepEqual(
    items.map((item: { action: string }) => item.action),
    ['connector-group.update', 'connector-group.create', 'token.create'],
  )
  assert.match(items[0].actor, /^token first \(tok_/)
  assert.deepEqual(items[0].detail, { name: 'dc1', changes: [{ path: '/location', from: '', to: 'Oslo' }] })
})

test('a rule cannot ask of a fact what it can never be', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', '/api/v1/posture-facts', { body: { name: 'osVersion', valueType: 'number' } })
  const conditions = { posture: [{ fact: 'osVersion', equals: 'eleven' }] }
  const body = { name: 'r', order: 1, action: 'allow', conditions }
  const refused = await rest.ask('POST', '/api/v1/access-rules', { body })
  assert.equal(refused.status, 400)
  assert.equal(refused.body.errors[0].pointer, '/conditions/posture/0/equals')
  assert.equal((await rest.ask('GET', '/api/v1/access-rules')).body.items.length, 0, 'no partial effect')
})

test('deleting a connector revokes its certificate in the same step', async () => {
  await using rest = await RestFixture.open()
  const group = (await rest.ask('POST', GROUPS, { body: { name: 'dc1' } })).body.id
  await rest.store.connectors.create({
    groupId: group,
    publicKeyHash: 'p',
    thumbprint: 't',
    serial: '0a',
    notAfterMs: Date.now() + 60_000,
    generation: 1,
    fingerprint: {},
    host: { name: 'web1', platform: 'linux', program: 'test' },
  })
  const told: string[] = []
  using _hint = rest.store.bus.subscribe('revoked', ({ serials }) => told.push(...serials))
  assert.equal(
    (await rest.ask('DELETE', '/api/v1/connectors/web1', { headers: { 'if-match': '*' } })).status,
    204,
  )
  assert.deepEqual(await rest.store.revocations.serials(Date.now()), ['0a'])
  assert.deepEqual(told, ['0a'])
})

test('a password of null in a patch takes the password away', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', '/api/v1/users', { body: { name: 'ada', password: 'ada-password' } })
  const patch = (body: object) =>
    rest.ask('PATCH', '/api/v1/users/ada', { body, headers: { 'if-match': '*' } })
  assert.equal((await patch({ description: 'x' })).body.hasPassword, true)
  const gone = await patch({ password: null })
  assert.deepEqual([gone.status, gone.body.hasPassword], [200, false])
  const { items } = (await rest.ask('GET', '/api/v1/audit?limit=1')).body
  assert.deepEqual(items[0].detail.changes, [{ path: '/password', from: '(hidden)' }])
})
