import assert from 'node:assert/strict'
import { test } from 'node:test'
import { may, type Permission, ROLES } from '../../api/roles.ts'
import { RestFixture } from './fixture.ts'

interface OpenApi {
  readonly paths: Record<
    string,
    Record<string, { operationId: string; description: string; security?: object[] }>
  >
}

/** Every operation there is, with what the document says it needs. */
async function operations(rest: RestFixture) {
  const { paths } = (await rest.ask('GET', '/api/v1/openapi.json', { token: '' })).body as OpenApi
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => (security?.length ?? 0) > 0)
      .map(([method, { operationId, description }]) => ({
        ...{ method: method.toUpperCase(), path, operationId },
        needs: /`(\w+)`/.exec(description)?.[1] as Permission,
      })),
  )
}

test('every operation is refused to every role that lacks its permission, whatever the id or body', async (t) => {
  await using rest = await RestFixture.open()
  const all = await operations(rest)
  assert.ok(all.length > 60, `${all.length} operations`)
  await rest.ask('POST', '/api/v1/connector-groups', { body: { name: 'there' } })
  for (const role of ROLES) {
    const token = await rest.token(role)
    await t.test(role, async () => {
      for (const { method, path, operationId, needs } of all) {
        if (may(role, needs)) continue
        for (const id of ['there', 'not-there', '..%2ftokens', '%00', "' or 1=1 --"]) {
          const url = encodeURI(path.replace('{id}', id)).replaceAll('%25', '%')
          const answer = await rest.ask(method, url, {
            token,
            body: ['GET', 'DELETE'].includes(method) ? undefined : { x: 1 },
          })
          assert.equal(answer.status, 403, `${role} ${method} ${url}: ${answer.text}`)
          assert.equal(answer.body.code, 'FORBIDDEN', operationId)
          if (!path.includes('{id}')) break
        }
      }
    })
  }
})

test('every operation is refused without a token, and tells a stranger nothing but that', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', '/api/v1/connector-groups', { body: { name: 'there' } })
  for (const { method, path } of await operations(rest)) {
    const there = await rest.ask(method, path.replace('{id}', 'there'), { token: '' })
    const not = await rest.ask(method, path.replace('{id}', 'not-there'), { token: '' })
    for (const answer of [there, not]) assert.equal(answer.status, 401, `${method} ${path}`)
    assert.deepEqual({ ...there.body, instance: '' }, { ...not.body, instance: '' })
  }
})

test('an answer kept for an Idempotency-Key is for the token that asked, not for another with the same key', async () => {
  await using rest = await RestFixture.open()
  await rest.ask('POST', '/api/v1/connector-groups', { body: { name: 'dc1' } })
  const headers = { 'idempotency-key': 'guessed' }
  const body = { name: 'k', group: 'dc1' }
  const path = '/api/v1/provisioning-keys'
  const mine = await rest.ask('POST', path, { body, headers })
  assert.equal(mine.status, 201)
  const other = await rest.ask('POST', path, { body, headers, token: await rest.token('admin') })
  assert.equal(other.status, 409)
  assert.doesNotMatch(other.text, new RegExp(mine.body.key.split('|').at(-1)))
  const reader = await rest.ask('POST', path, { body, headers, token: await rest.token('read-only') })
  assert.equal(reader.status, 403)
})

test('an id of another kind is not found, also where its name is there', async () => {
  await using rest = await RestFixture.open()
  const group = await rest.ask('POST', '/api/v1/connector-groups', { body: { name: 'same' } })
  const { id } = group.body
  for (const kind of ['users', 'segments', 'tokens', 'provisioning-keys', 'connectors', 'client-devices']) {
    assert.equal((await rest.ask('GET', `/api/v1/${kind}/${id}`)).status, 404, kind)
    const gone = await rest.ask('DELETE', `/api/v1/${kind}/${id}`, { headers: { 'if-match': '*' } })
    assert.equal(gone.status, 404, kind)
  }
  assert.equal((await rest.ask('GET', `/api/v1/connector-groups/${id}`)).status, 200)
})
