import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { issuedGrant, reportedBy, sessionReportOf } from '../../store/sessions.fixture.ts'
import type { LivePresence, RestDeps } from './deps.ts'
import { NO_VITALS, RestFixture } from './fixture.ts'

/**
 * Every operation that the document names is done once for real, in an order in which it can be, and its answer
 * is checked against the schema the document gives for it.
 */
type Json = Record<string, unknown>
interface OpenApi {
  openapi: string
  paths: Record<
    string,
    Record<string, { operationId: string; parameters?: { name: string }[]; responses: Record<string, Json> }>
  >
  components: { schemas: Record<string, Json> }
}

const OBJECTS: { plural: string; body: Json; patch: Json }[] = [
  { plural: 'connector-groups', body: { name: 'dc1' }, patch: { location: 'Frankfurt' } },
  { plural: 'servers', body: { name: 'srv1', address: '10.1.2.3' }, patch: { address: '10.1.2.4' } },
  {
    plural: 'server-groups',
    body: { name: 'sg1', connectorGroups: ['dc1'], dynamicDiscovery: false, servers: ['srv1'] },
    patch: { enabled: false },
  },
  { plural: 'segment-groups', body: { name: 'office' }, patch: { description: 'all of it' } },
  {
    plural: 'segments',
    body: {
      name: 'wiki',
      domains: ['Wiki.Internal.'],
      tcp: ['443'],
      serverGroups: ['sg1'],
      segmentGroup: 'office',
    },
    patch: { segmentGroup: null },
  },
  { plural: 'user-groups', body: { name: 'staff' }, patch: { description: 'people' } },
  {
    plural: 'users',
    body: { name: 'alice', password: 'correct horse battery', groups: ['staff'] },
    patch: { displayName: 'Alice' },
  },
  {
    plural: 'posture-facts',
    body: { name: 'diskEncrypted', valueType: 'boolean' },
    patch: { description: 'x' },
  },
  {
    plural: 'access-rules',
    body: {
      name: 'staff-wiki',
      order: 10,
      action: 'allow',
      conditions: {
        userGroups: ['staff'],
        segments: ['wiki'],
        posture: [{ fact: 'diskEncrypted', equals: true }],
        time: { days: ['mon'], from: '08:00', to: '24:00', zone: 'Europe/Berlin' },
      },
    },
    patch: { order: 20 },
  },
  {
    plural: 'internet-rules',
    body: { name: 'news', domains: ['*.News.Example.'] },
    patch: { enabled: false },
  },
  { plural: 'edges', body: { name: 'edge1', host: 'edge.example', port: 443 }, patch: { port: 8443 } },
]

const STEP = {
  check: 'edge-tcp',
  title: 'the way to the edge',
  hop: 'edge',
  verdict: 'pass',
  text: '1 ms',
} as const

/** Whoever is asked to examine itself is healthy. */
const ONE_THAT_ANSWERS: LivePresence = {
  connector: () => undefined,
  device: () => [],
  edge: () => 'serving',
  edgeNotes: () => [],
  absence: () => ({}),
  neighbours: () => 0,
  keyRefusal: () => undefined,
  vitals: NO_VITALS,
  async diagnose(_id, _app, { step }) {
    step?.(STEP)
    const at = '2026-01-01T00:00:00.000Z'
    return {
      ...{ run: 'run_1', role: 'connector', at, durationMs: 5, outcome: 'healthy' },
      findings: [],
      checks: [STEP],
    }
  },
}

/** Whoever is traced gets there. */
const traced: RestDeps['trace'] = async ({ user, host, port, protocol }, { step }) => {
  const one = { hop: 'client', verdict: 'pass', us: 12, text: 'it asks' } as const
  step(one)
  return {
    ...{
      id: 'trc_1',
      at: '2026-01-01T00:00:00.000Z',
      durationMs: 5,
      outcome: 'healthy',
      headline: 'healthy',
    },
    ...{ from: 'device', user: { id: user, name: 'alice' }, host, port, protocol, steps: [one] },
    device: { id: 'dev_1', name: 'laptop', online: true },
  }
}

test('every documented operation answers as documented, and a repeat by Idempotency-Key does nothing or is refused', async () => {
  await using rest = await RestFixture.open({ deps: { presence: ONE_THAT_ANSWERS, trace: traced } })
  const document = (await rest.ask('GET', '/api/v1/openapi.json', { token: '' })).body as OpenApi
  assert.equal(document.openapi, '3.1.0')
  const missing = new Set(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    ),
  )

  /** Does one operation and checks status and body. */
  async function exercise(
    method: string,
    path: string,
    o: { id?: string; query?: string; body?: Json } = {},
  ) {
    const described = document.paths[path]?.[method]
    assert.ok(described, `${method} ${path} is not documented`)
    const headers: Record<string, string> = {}
    if (['put', 'patch', 'delete'].includes(method)) headers['if-match'] = '*'
    const url = path.replace('{id}', o.id ?? '') + (o.query ?? '')
    const once = { 'idempotency-key': `${method}-${described.operationId}-${url}` }
    const keeps = described.parameters?.some(({ name }) => name === 'idempotency-key') ?? false
    const ask = (more: Record<string, string>) =>
      rest.ask(method.toUpperCase(), url, { body: o.body, headers: { ...headers, ...more } })
    if (method !== 'get' && !keeps) {
      const refused = await ask(once)
      assert.equal(refused.status, 400, `${method} ${url} takes a key and keeps nothing`)
      assert.match(refused.body.detail, /^Idempotency-Key: /)
    }
    const answer = await ask(keeps ? once : {})
    if (keeps) {
      const repeated = await ask(once)
      assert.equal(repeated.headers['idempotency-replayed'], 'true', `${method} ${url} does it again`)
      assert.deepEqual([repeated.status, repeated.text], [answer.status, answer.text])
    }
    const [status, response] = Object.entries(described.responses).find(([code]) => code !== 'default')!
    assert.equal(String(answer.status), status, `${method} ${url}: ${answer.text}`)
    const content = (response as { content?: Record<string, { schema: Json }> }).content
    if (content === undefined) {
      assert.equal(answer.text, '')
    } else {
      const [type, { schema }] = Object.entries(content)[0]!
      assert.equal(answer.headers['content-type'], type)
      const values =
        type === 'application/jsonl'
          ? answer.text
              .trim()
              .split('\n')
              .map((l) => JSON.parse(l))
          : [answer.body]
      for (const value of values) check(document, schema, value, described.operationId)
    }
    missing.delete(`${method} ${path}`)
    return answer
  }

  for (const { plural, body, patch } of OBJECTS) {
    const created = await exercise('post', `/api/v1/${plural}`, { body })
    assert.match(created.headers.location!, new RegExp(`^/api/v1/${plural}/[a-z]{3}_`))
    assert.equal(created.headers.etag, '"1"')
    const id = created.body.id as string
    await exercise('get', `/api/v1/${plural}`)
    await exercise('get', `/api/v1/${plural}/{id}`, { id })
    await exercise('put', `/api/v1/${plural}/{id}`, { id, body: { ...body, description: 'changed' } })
    await exercise('patch', `/api/v1/${plural}/{id}`, { id: body.name as string, body: patch })
  }

  const key = await exercise('post', '/api/v1/provisioning-keys', {
    body: { name: 'k1', group: 'dc1', maxUses: 2 },
  })
  await exercise('get', '/api/v1/provisioning-keys')
  await exercise('get', '/api/v1/provisioning-keys/{id}', { id: key.body.id })
  await exercise('patch', '/api/v1/provisioning-keys/{id}', { id: 'k1', body: { revoked: true } })
  await exercise('delete', '/api/v1/provisioning-keys/{id}', { id: 'k1' })

  const group = (await rest.store.objects.get('connector-group', 'dc1')).id
  const user = (await rest.store.objects.get('user', 'alice')).id
  const held = { thumbprint: 't', serial: '01', notAfterMs: Date.now() + 1000, generation: 1 }
  const host = { name: 'host1', platform: 'linux', program: 'test' }
  const connector = await rest.store.connectors.create({
    ...held,
    host,
    groupId: group,
    publicKeyHash: 'p1',
    fingerprint: { mac: 'x' },
  })
  const device = await rest.store.devices.create({ ...held, host, userId: user, publicKeyHash: 'p2' })
  const from = '192.0.2.7'
  const signedIn = { userId: user, deviceId: device.id, from, atMs: Date.now(), endMs: Date.now() + 60_000 }
  await rest.store.signIns.begin(signedIn)
  await exercise('get', '/api/v1/connectors')
  await exercise('get', '/api/v1/connectors/{id}', { id: connector.id })
  await exercise('get', '/api/v1/connectors/{id}/history', { id: connector.id })
  await exercise('patch', '/api/v1/connectors/{id}', { id: 'host1', body: { enabled: false } })
  await exercise('post', '/api/v1/connectors/{id}/diagnose', {
    id: connector.id,
    body: { app: { host: 'wiki.internal', port: 443 } },
  })
  await rest.store.outages.keep(connector.id, [
    {
      id: 'out_1',
      sinceMs: 1,
      endedMs: 2,
      attempts: 3,
      code: 'EGRESS_BLOCKED',
      hop: 'edge',
      detail: 'silence',
    },
  ])
  await exercise('get', '/api/v1/edges/{id}/outages', { id: 'edge1' })
  const outages = await exercise('get', '/api/v1/connectors/{id}/outages', { id: 'host1' })
  assert.equal(outages.body.items.length, 1)
  await exercise('delete', '/api/v1/connectors/{id}', { id: connector.id })
  await exercise('get', '/api/v1/client-devices')
  await exercise('get', '/api/v1/client-devices/{id}', { id: device.id })
  await exercise('get', '/api/v1/client-devices/{id}/outages', { id: device.id })
  const fact = { assignedPosture: { managed: true } }
  await exercise('patch', '/api/v1/client-devices/{id}', { id: device.id, body: fact })
  await exercise('post', '/api/v1/client-devices/{id}/sign-out', { id: device.id })
  await exercise('post', '/api/v1/users/{id}/sign-out', { id: user })
  await exercise('delete', '/api/v1/client-devices/{id}', { id: device.id })

  await exercise('get', '/api/v1/segments/{id}/health', { id: 'wiki' })
  await exercise('get', '/api/v1/lint')

  await exercise('post', '/api/v1/trace', { body: { user: 'alice', host: 'wiki.internal', port: 443 } })
  await rest.store.denials.keep({
    ...{ id: 'den_1', atMs: 1, deviceId: device.id, deviceName: 'host1', userId: user, userName: 'alice' },
    ...{ host: 'wiki.internal', port: 443, protocol: 'tcp', from: '192.0.2.1' },
    fault: {
      ...{ code: 'POSTURE_FAILED', hop: 'control', detail: 'no rule allows wiki' },
      seen: {
        segment: 'wiki',
        nearestRule: 'staff',
        condition: 'posture',
        wanted: ['x = true'],
        seen: ['x = false'],
      },
    },
  })
  await exercise('get', '/api/v1/denials', { query: '?user=alice' })
  await exercise('get', '/api/v1/denials/{id}', { id: 'den_1' })

  const grant = issuedGrant({ userId: user, host: 'wiki.internal' })
  const told = sessionReportOf(grant, 1, { state: 'closed', times: { totalUs: 1200 }, closeHop: 'client' })
  const { session } = told
  await rest.store.sessions.merge(reportedBy(grant, told, { userName: 'alice' }))
  const found = await exercise('get', '/api/v1/sessions', { query: '?user=alice' })
  assert.equal(found.body.items.length, 1)
  await exercise('get', '/api/v1/sessions/{id}', { id: session })
  await exercise('get', '/api/v1/sessions/stream', { query: '?follow=false&since=0' })

  await exercise('get', '/api/v1/whoami')
  const token = await exercise('post', '/api/v1/tokens', { body: { name: 'ci', role: 'read-only' } })
  await exercise('get', '/api/v1/tokens')
  await exercise('get', '/api/v1/tokens/{id}', { id: token.body.id })
  await exercise('delete', '/api/v1/tokens/{id}', { id: 'ci' })
  await exercise('post', '/api/v1/apply', { body: { documents: [{ kind: 'user-group', name: 'admins' }] } })
  await exercise('get', '/api/v1/audit')
  const verdict = await exercise('get', '/api/v1/audit/verify')
  assert.equal(verdict.body.intact, true)
  for (const { plural, body } of OBJECTS.toReversed()) {
    await exercise('delete', `/api/v1/${plural}/{id}`, { id: body.name as string })
  }

  assert.deepEqual([...missing], [], 'documented but never exercised')
})

test('no schema is called as generators of clients call a field of another', async () => {
  await using rest = await RestFixture.open()
  const { components } = (await rest.ask('GET', '/api/v1/openapi.json', { token: '' })).body as OpenApi
  const folded = (text: string) => text.replaceAll(/[_-]/g, '').toLowerCase()
  const names = new Map(Object.keys(components.schemas).map((name) => [folded(name), name]))
  const twice = Object.entries(components.schemas).flatMap(([name, { properties = {} }]) =>
    Object.entries(properties as Record<string, Json>).flatMap(([field, form]) => {
      const inner = (form.items ?? form) as Json
      const isType = 'enum' in inner || 'anyOf' in inner || inner.type === 'object'
      return isType && names.has(folded(name + field)) ? `${name}.${field}` : []
    }),
  )
  assert.deepEqual(twice, [])
})

test('a time may be written with any offset, and is kept in UTC', async () => {
  await using rest = await RestFixture.open()
  const texts = [
    '2030-01-01T00:00:00Z',
    '2030-01-01T00:00:00+00:00',
    '2030-01-01T02:00:00+02:00',
    '2030-01-01t00:00:00z',
  ]
  for (const [at, expiresAt] of texts.entries()) {
    const { status, body } = await rest.ask('POST', '/api/v1/tokens', {
      body: { name: `t${at}`, role: 'read-only', expiresAt },
    })
    assert.deepEqual([status, body.expiresAt], [201, '2030-01-01T00:00:00.000Z'])
  }
  for (const expiresAt of ['2030-01-01', '2030-13-01T00:00:00Z', 'soon', '2030-01-01T00:00:00+25:00']) {
    const body = { name: 'bad', role: 'read-only', expiresAt }
    assert.equal((await rest.ask('POST', '/api/v1/tokens', { body })).status, 400, expiresAt)
  }
})

test('every error is a problem as documented', async () => {
  await using rest = await RestFixture.open()
  const document = (await rest.ask('GET', '/api/v1/openapi.json')).body as OpenApi
  const problem = { $ref: '#/components/schemas/Problem' }
  const refused = [
    { ask: rest.ask('GET', '/api/v1/users', { token: '' }), status: 401, code: 'TOKEN_INVALID' },
    { ask: rest.ask('GET', '/api/v1/users/nobody'), status: 404, code: 'NOT_FOUND' },
    { ask: rest.ask('GET', '/nowhere'), status: 404, code: 'NOT_FOUND' },
    { ask: rest.ask('POST', '/api/v1/users', { body: '{' }), status: 400, code: 'INVALID' },
    { ask: rest.ask('POST', '/api/v1/users', { body: {} }), status: 400, code: 'INVALID' },
    { ask: rest.ask('POST', '/api/v1/users'), status: 400, code: 'INVALID' },
    { ask: rest.ask('GET', '/api/v1/users?limit=0'), status: 400, code: 'INVALID' },
    { ask: rest.ask('GET', '/api/v1/users?cursor=%00'), status: 400, code: 'INVALID' },
    {
      ask: rest.ask('POST', '/api/v1/users', { body: 'name=x', headers: { 'content-type': 'text/plain' } }),
      status: 415,
      code: 'INVALID',
    },
  ]
  for (const { ask, status, code } of refused) {
    const answer = await ask
    assert.equal(answer.status, status, answer.text)
    assert.equal(answer.headers['content-type'], 'application/problem+json')
    check(document, problem, answer.body, 'Problem')
    assert.equal(answer.body.type, `urn:backstitch:fault:${code}`)
    assert.equal(answer.body.instance, answer.headers['x-request-id'])
  }
})

/** Checks a value against a schema of the document, strictly: a field nobody documented is an error. */
function check(document: OpenApi, schema: Json, value: unknown, what: string): void {
  const closed = close(schema, document, [])
  const result = z.fromJSONSchema(closed as never).safeParse(value)
  assert.ok(result.success, `${what}: ${result.error?.message}\n${JSON.stringify(value, null, 1)}`)
}

/** The schema without references, its objects closed. */
function close(schema: unknown, document: OpenApi, within: string[]): unknown {
  if (Array.isArray(schema)) return schema.map((item) => close(item, document, within))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $ref, ...rest } = schema as { $ref?: string }
  if ($ref !== undefined) {
    const name = $ref.split('/').at(-1)!
    assert.ok(!within.includes(name), `schema ${name} holds itself`)
    return close(document.components.schemas[name], document, [...within, name])
  }
  const closed = Object.fromEntries(
    Object.entries(rest).map(([key, one]) => [key, close(one, document, within)]),
  )
  if (closed.type === 'object' && closed.properties !== undefined) closed.additionalProperties ??= false
  return closed
}
