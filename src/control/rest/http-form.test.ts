import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RestFixture } from './fixture.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const SEGMENT = { domains: ['wiki.example'], tcp: ['443'] }

test('a method that a path does not take is 405, with those that it takes', async () => {
  await using rest = await RestFixture.open()
  for (const [method, path, allow] of [
    ['DELETE', '/api/v1/segments', 'GET, HEAD, POST'],
    ['POST', '/api/v1/whoami', 'GET, HEAD'],
    ['POST', '/api/v1/segments/wiki', 'GET, HEAD, PUT, PATCH, DELETE'],
  ] as const) {
    const { status, headers, body } = await rest.ask(method, path)
    assert.deepEqual([status, headers.allow, body.code], [405, allow, 'INVALID'], path)
  }
  assert.equal((await rest.ask('GET', '/api/v1/nothing')).status, 404)
  assert.equal(
    (await rest.ask('DELETE', '/api/v1/segments', { token: '' })).status,
    401,
    'strangers learn nothing',
  )
})

test('what a body is said to be is read as HTTP means it, and anything but JSON in UTF-8 is 415', async () => {
  await using rest = await RestFixture.open()
  const body = JSON.stringify({ name: 'wiki', ...SEGMENT })
  const post = (headers: Record<string, string>) => rest.ask('POST', '/api/v1/segments', { body, headers })
  for (const type of [
    'application/json ;',
    'Application/JSON; charset="UTF-8"',
    'application/json;charset=utf-8',
  ])
    assert.match(String((await post({ 'content-type': type })).status), /^(?:201|409)$/, type)
  for (const headers of [
    { 'content-type': 'application/json; charset=latin1' },
    { 'content-type': 'text/json' },
    { 'content-type': 'application/merge-patch+json' },
    { ...JSON_TYPE, 'content-encoding': 'gzip' },
  ]) {
    const { status, body: problem } = await post(headers)
    assert.deepEqual([status, problem.code], [415, 'INVALID'], JSON.stringify(headers))
  }
})

test('a name that comes twice in an object is refused, and so is what is not UTF-8', async () => {
  await using rest = await RestFixture.open()
  const body = '{"name":"wiki","domains":["a.example"],"tcp":["443"],"domains":["b.example"]}'
  const twice = await rest.ask('POST', '/api/v1/segments', { body })
  assert.deepEqual(
    [twice.status, twice.body.errors],
    [400, [{ pointer: '/domains', detail: 'this name appears twice' }]],
  )
  const documents =
    '{"documents":[{"kind":"segment","name":"a","name":"b","domains":["a.example"],"tcp":["1"]}]}'
  const applied = await rest.ask('POST', '/api/v1/apply', { body: documents })
  assert.equal(applied.body.errors[0].pointer, '/documents/0/name')
})

test('what is nested without end, or has items without end, is refused with its place before it is parsed', async () => {
  await using rest = await RestFixture.open()
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  for (const [path, body, pointer, detail] of [
    ['segments', `{"domains":${deep}}`, `/domains${'/0'.repeat(12)}`, 'this is nested too deeply'],
    ['apply', `{"documents":${deep}}`, `/documents${'/0'.repeat(14)}`, 'this is nested too deeply'],
    ['apply', `{"documents":[${'{},'.repeat(20_000)}{}]}`, '/documents', 'at most 10000 items'],
    ['segments', `[${'0,'.repeat(100_000)}0]`, '', 'at most 1000 items'],
  ] as const) {
    const { status, body: problem } = await rest.ask('POST', `/api/v1/${path}`, { body })
    assert.deepEqual([status, problem.errors], [400, [{ pointer, detail }]])
  }
})

test('If-Match takes a list of versions; one that is weak is none', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', '/api/v1/segments', { body: { name: 'wiki', ...SEGMENT } })
  const change = (match: string, description: string) =>
    rest.ask('PATCH', '/api/v1/segments/wiki', {
      body: { description },
      headers: { 'if-match': match, 'content-type': 'application/merge-patch+json' },
    })
  assert.equal((await change('W/"1"', 'weak')).status, 412)
  assert.equal((await change('"7", "8"', 'others')).status, 412)
  const { status, headers } = await change('"7", W/"9", "1"', 'one of them')
  assert.deepEqual([status, headers.etag], [200, '"2"'])
})

test('If-None-Match: 304 and no body as long as the answer would be the same', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', '/api/v1/connector-groups', { body: { name: 'dc1' } })
  await rest.ask('POST', '/api/v1/server-groups', { body: { name: 'sg', connectorGroups: ['dc1'] } })
  const path = '/api/v1/server-groups/sg'
  const ask = (match: string) => rest.ask('GET', path, { headers: { 'if-none-match': match } })
  const first = await rest.ask('GET', path)
  const etag = String(first.headers.etag)
  for (const match of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const { status, text, headers } = await ask(match)
    assert.deepEqual([status, text, headers.etag], [304, '', etag], match)
  }
  assert.equal((await ask('"1"')).status, 200)
  // The version stays, and what the answer says of another object does not.
  const renamed = { body: { name: 'dc2' }, headers: { 'if-match': '*', ...JSON_TYPE } }
  assert.equal((await rest.ask('PATCH', '/api/v1/connector-groups/dc1', renamed)).status, 200)
  const again = await ask(etag)
  assert.deepEqual([again.status, Object.values(again.body.names)], [200, ['dc2']])
  const put = { body: again.body, headers: { 'if-match': String(again.headers.etag) } }
  assert.equal((await rest.ask('PUT', path, put)).status, 200, 'the ETag of an answer is one to change by')
})

test('PUT takes what GET gave, for every kind; another id is refused', async () => {
  await using rest = await RestFixture.open()
  for (const [path, body] of [
    ['connector-groups', { name: 'dc1', location: 'Ghent' }],
    ['server-groups', { name: 'sg', connectorGroups: ['dc1'] }],
    ['segments', { name: 'wiki', ...SEGMENT, serverGroups: ['sg'] }],
    ['users', { name: 'ada', password: 'correct horse' }],
    ['access-rules', { name: 'r', order: 1, action: 'allow', conditions: { users: ['ada'] } }],
  ] as const) {
    const created = await rest.ask('POST', `/api/v1/${path}`, { body })
    assert.equal(created.status, 201, created.text)
    const at = `/api/v1/${path}/${body.name}`
    const read = await rest.ask('GET', at)
    const put = (what: object) => rest.ask('PUT', at, { body: what, headers: { 'if-match': '*' } })
    const back = await put(read.body)
    assert.equal(back.status, 200, back.text)
    assert.equal(back.body.version, read.body.version, 'nothing was changed')
    const other = await put({ ...read.body, id: 'seg_00000000000000000000000000' })
    assert.deepEqual([other.status, other.body.errors[0].pointer], [400, '/id'])
  }
  assert.equal((await rest.ask('GET', '/api/v1/users/ada')).body.hasPassword, true)
})

test('a cursor is of one list, and numbers are decimal', async () => {
  await using rest = await RestFixture.open()
  for (const name of ['a', 'b', 'c']) await rest.ask('POST', '/api/v1/users', { body: { name } })
  const { next } = (await rest.ask('GET', '/api/v1/users?limit=1')).body
  const second = (await rest.ask('GET', `/api/v1/users?limit=1&cursor=${next}`)).body
  assert.deepEqual(
    second.items.map((one: { name: string }) => one.name),
    ['b'],
  )
  for (const query of [
    `segments?cursor=${next}`,
    'users?limit=0x10',
    'users?limit=1e2',
    'users?limit=',
    'users?limit=1&limit=2',
  ]) {
    const { status, body } = await rest.ask('GET', `/api/v1/${query}`)
    assert.deepEqual([status, body.code], [400, 'INVALID'], query)
  }
})

test('a filter takes names; one that nothing has is refused, an id of what is gone is not', async () => {
  await using rest = await RestFixture.open()
  const user = (await rest.ask('POST', '/api/v1/users', { body: { name: 'ada' } })).body
  for (const query of [`user=${user.id}`, 'user=ada', 'user=usr_01m8q6wa0byv0zr9yrhj7z7b9x'])
    assert.equal((await rest.ask('GET', `/api/v1/sessions?${query}`)).status, 200, query)
  for (const key of ['user', 'device', 'connector', 'segment', 'rule']) {
    const { status, body } = await rest.ask('GET', `/api/v1/sessions?${key}=nobody`)
    assert.deepEqual([status, body.errors[0].pointer], [400, `/${key}`])
  }
  assert.equal((await rest.ask('GET', '/api/v1/denials?user=nobody')).status, 400)
})

test('ports have one spelling', async () => {
  await using rest = await RestFixture.open()
  const body = { name: 'wiki', domains: ['wiki.example'], tcp: ['0443', '80 - 80', '8000-08100'] }
  const { body: made } = await rest.ask('POST', '/api/v1/segments', { body })
  assert.deepEqual(made.tcp, ['443', '80', '8000-8100'])
})

test('the type of a posture fact stays as it is while a rule asks for it', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', '/api/v1/posture-facts', { body: { name: 'managed', valueType: 'boolean' } })
  const conditions = { posture: [{ fact: 'managed', equals: true }] }
  await rest.ask('POST', '/api/v1/access-rules', {
    body: { name: 'r', order: 1, action: 'allow', conditions },
  })
  const change = (valueType: string) =>
    rest.ask('PATCH', '/api/v1/posture-facts/managed', { body: { valueType }, headers: { 'if-match': '*' } })
  const refused = await change('string')
  assert.deepEqual([refused.status, refused.body.code], [409, 'IN_USE'])
  assert.match(refused.body.detail, /managed is a boolean as required by access rule r /)
  const applied = await rest.ask('POST', '/api/v1/apply', {
    body: { documents: [{ kind: 'posture-fact', name: 'managed', valueType: 'string' }] },
  })
  assert.equal(applied.status, 409, applied.text)
  assert.equal((await change('boolean')).status, 200)
  await rest.ask('DELETE', '/api/v1/access-rules/r', { headers: { 'if-match': '*' } })
  assert.equal((await change('string')).status, 200)
})
