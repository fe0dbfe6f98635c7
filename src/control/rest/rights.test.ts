/**
 * Whatever a token below `configure` asks of the API, with whatever body, adds nothing to what is possible: nobody
 * reaches more, nobody serves more, nobody enrols or signs in who could not. Every operation of the document is tried.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { may, type Permission, ROLES, type TokenRole } from '../../api/roles.ts'
import { openWorld, type World } from './rights.fixture.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string | string[]
  readonly enum?: unknown[]
  readonly const?: unknown
  readonly properties?: Record<string, Schema>
  readonly required?: string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: Schema[]
  readonly oneOf?: Schema[]
  readonly allOf?: Schema[]
  readonly format?: string
}
interface Described {
  readonly operationId: string
  readonly description: string
  readonly security?: object[]
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> }
}
interface Operation extends Described {
  readonly method: string
  readonly path: string
  readonly needs: Permission
}

/** Tried on each object there is, or where there is none to name. */
const BODIES_EACH = 30
const BODIES_WITHOUT_ID = 300
/** As many that were done are each followed by a look at what is possible. */
const LOOKED_AT = 40

/** Numbers that look like chance and are the same each time: mulberry32. */
function* chances(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Bodies of the form that the document gives, made of words that mean something here. */
class Bodies {
  readonly #schemas: Record<string, Schema>
  readonly #words: readonly unknown[]
  readonly #chances = chances(10)

  constructor(schemas: Record<string, Schema>, words: readonly string[]) {
    this.#schemas = schemas
    this.#words = [
      ...words,
      'new',
      'wiki.internal',
      'managed',
      '443',
      '10.0.0.0/8',
      new Date(4e12).toISOString(),
    ]
  }

  of(schema: Schema, depth = 0): unknown {
    if (schema.$ref !== undefined) return this.of(this.#schemas[schema.$ref.split('/').at(-1)!]!, depth)
    const choice = schema.anyOf ?? schema.oneOf ?? schema.enum
    if (schema.const !== undefined) return schema.const
    if (schema.enum !== undefined) return this.#one(schema.enum)
    if (choice !== undefined) return this.of(this.#one(choice as Schema[]), depth)
    if (schema.allOf !== undefined)
      return Object.assign({}, ...schema.allOf.map((part) => this.of(part, depth)))
    switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
      case 'boolean':
        return this.#chance() < 0.5
      case 'integer':
      case 'number':
        return this.#one([0, 1, 2, 443, 10_000])
      case 'array':
        return this.#chance() < 0.3 ? [] : [this.of(schema.items ?? {}, depth + 1)]
      case 'object':
        return this.#object(schema, depth)
      case 'null':
        return null
      default:
        return schema.format === 'date-time' ? new Date(4e12).toISOString() : this.#one(this.#words)
    }
  }

  #object({ properties = {}, required = [], additionalProperties }: Schema, depth: number): object {
    const keys = Object.keys(properties)
    // One alone is often all that is allowed; all together is what hides something.
    const only = this.#chance() < 0.5 && keys.length > 0 ? this.#one(keys) : undefined
    const made = Object.entries(properties)
      .filter(([key]) => required.includes(key) || (only === undefined ? this.#chance() < 0.6 : key === only))
      .map(([key, schema]) => [key, this.of(schema, depth + 1)] as const)
    const any = typeof additionalProperties === 'object' && this.#chance() < 0.7
    return Object.fromEntries(any ? [...made, ['managed', this.#chance() < 0.5]] : made)
  }

  #one<T>(of: readonly T[]): T {
    return of[Math.floor(this.#chance() * of.length)]!
  }

  #chance(): number {
    return this.#chances.next().value
  }
}

async function documentOf(world: World) {
  const { paths, components } = (await world.rest.ask('GET', '/api/v1/openapi.json', { token: '' })).body as {
    paths: Record<string, Record<string, Described>>
    components: { schemas: Record<string, Schema> }
  }
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => (security?.length ?? 0) > 0)
      .map(([method, described]): Operation => {
        const needs = /`(\w+)`/.exec(described.description)?.[1] as Permission
        return { ...described, method: method.toUpperCase(), path, needs }
      }),
  )
  return { all, schemas: components.schemas }
}

/** Tries one operation on everything there is. @returns what was answered 2xx. */
async function attempt(
  world: World,
  role: TokenRole,
  { method, path, requestBody }: Operation,
  schemas: Record<string, Schema>,
) {
  const token = await world.rest.token(role)
  const before = await world.yeses()
  const words = await world.words()
  const bodies = new Bodies(schemas, words)
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema
  const done: string[] = []
  const added = new Set<string>()
  const onId = path.includes('{id}')
  const count = schema === undefined ? 1 : onId ? BODIES_EACH : BODIES_WITHOUT_ID
  const list = onId
    ? (await world.rest.ask('GET', path.replace(/\/\{id\}.*/, ''))).body.items
    : [{ name: '' }]
  for (const { name: word } of list as { name: string }[]) {
    for (let tried = 0; tried < count; tried++) {
      const body = schema === undefined ? undefined : bodies.of(schema)
      const url = path.replace('{id}', word)
      const { status } = await world.rest.ask(method, url, { token, body, headers: { 'if-match': '*' } })
      if (status >= 300) continue
      done.push(`${method} ${url} ${JSON.stringify(body)}`)
      // What one gives the next may take.
      if (done.length <= LOOKED_AT)
        for (const yes of await world.yeses()) if (!before.has(yes)) added.add(yes)
    }
  }
  for (const yes of await world.yeses()) if (!before.has(yes)) added.add(yes)
  return { done, added: [...added] }
}

test('no operation that a role below configure may do adds to what is possible', async (t) => {
  const { all, schemas } = await (async () => {
    await using world = await openWorld()
    return await documentOf(world)
  })()
  const writes = all.filter(({ method }) => method !== 'GET')
  for (const role of ROLES.filter((one) => !may(one, 'configure'))) {
    for (const operation of writes.filter(({ needs }) => may(role, needs))) {
      await t.test(`${role}: ${operation.operationId}`, async () => {
        await using world = await openWorld()
        const { done, added } = await attempt(world, role, operation, schemas)
        assert.deepEqual(added, [], done.join('\n'))
        assert.notEqual(done.length, 0, 'no body was of use')
      })
    }
  }
})

test('the same attempts with configure do add: the test would see it', async (t) => {
  const adding = ['changeClientDevice', 'changeConnector', 'createProvisioningKey', 'changeProvisioningKey']
  for (const id of [...adding, 'deleteConnector', 'deleteClientDevice']) {
    await t.test(id, async () => {
      await using world = await openWorld()
      const { all, schemas } = await documentOf(world)
      const operation = all.find(({ operationId }) => operationId === id)!
      const { added } = await attempt(world, 'admin', operation, schemas)
      assert.notEqual(added.length, 0)
    })
  }
})

test('a disabled device stays away, its facts stay, and an operator can still disable, revoke and delete', async () => {
  await using world = await openWorld()
  const token = await world.rest.token('operator')
  const headers = { 'if-match': '*' }
  const ask = (method: string, path: string, body?: object) =>
    world.rest.ask(method, `/api/v1/${path}`, { token, body, headers })
  for (const [method, path, body] of [
    ['PATCH', 'client-devices/stolen', { enabled: true }],
    ['PATCH', 'client-devices/byod', { assignedPosture: { managed: true } }],
    ['PATCH', 'client-devices/laptop', { enabled: false, name: 'byod' }],
    ['DELETE', 'client-devices/stolen'],
    ['DELETE', 'connectors/two'],
    ['PATCH', 'connectors/two', { enabled: true }],
    ['PATCH', 'connectors/one', { group: 'dc2' }],
    ['PATCH', 'connectors/one', { name: 'three' }],
    ['PATCH', 'provisioning-keys/revoked', { revoked: false }],
    ['PATCH', 'provisioning-keys/usable', { maxUses: 3 }],
    ['POST', 'provisioning-keys', { name: 'k', group: 'dc1' }],
    ['POST', 'provisioning-keys', { name: 'k', edge: 'fra' }],
  ] as const) {
    const { status, body: problem } = await ask(method, path, body)
    assert.equal(status, 403, `${method} ${path}`)
    assert.match(
      problem.detail,
      / requires configure: roles admin, owner; the token a-operator has the role operator$/,
    )
  }
  assert.equal((await ask('PATCH', 'client-devices/laptop', { enabled: false })).status, 200)
  assert.equal((await ask('PATCH', 'connectors/one', { enabled: false })).status, 200)
  assert.equal((await ask('PATCH', 'provisioning-keys/usable', { revoked: true })).status, 200)
  assert.equal((await ask('DELETE', 'provisioning-keys/revoked')).status, 204)
  assert.equal((await ask('DELETE', 'connectors/three')).status, 204)
  assert.equal((await ask('DELETE', 'client-devices/unused')).status, 200)
})

test('a token makes none that may more than itself: who may make tokens may everything', async () => {
  await using world = await openWorld()
  for (const role of ROLES) {
    const token = await world.rest.token(role)
    for (const wanted of ROLES) {
      const body = { name: `${role}-${wanted}`, role: wanted }
      const { status } = await world.rest.ask('POST', '/api/v1/tokens', { token, body })
      assert.equal(status, may(role, 'own') ? 201 : 403)
    }
    if (!may(role, 'own')) continue
    const all: Permission[] = ['read', 'audit', 'operate', 'configure', 'own']
    assert.deepEqual(
      all.filter((permission) => !may(role, permission)),
      [],
    )
  }
})

test('the home edge: no key for it, no other name, not disabled, not deleted; its address is changed by configure', async () => {
  await using world = await openWorld()
  const headers = { 'if-match': '*' }
  const path = '/api/v1/edges/embedded'
  const ask = (method: string, url: string, body?: object) => world.rest.ask(method, url, { body, headers })
  const apply = (fields: object, more: object = {}) =>
    ask('POST', '/api/v1/apply', { documents: [{ kind: 'edge', ...fields }], ...more })
  const home = { host: 'edge.example', port: 443 }
  assert.equal((await ask('POST', '/api/v1/provisioning-keys', { name: 'k', edge: 'embedded' })).status, 400)
  for (const refused of [
    await ask('DELETE', path),
    await ask('PATCH', path, { enabled: false }),
    await ask('PATCH', path, { name: 'other' }),
    await ask('PUT', path, { name: 'embedded', ...home, enabled: false }),
    await apply({ name: 'embedded', ...home, enabled: false }),
  ]) {
    assert.equal(refused.status, 409, refused.text)
    assert.match(refused.body.detail, /edge embedded is the server itself/)
  }
  const pruned = await apply({ name: 'fra', host: 'fra.example', port: 443 }, { prune: true })
  assert.deepEqual(
    pruned.body.steps.map(({ action, name }: { action: string; name: string }) => `${action} ${name}`),
    ['unchanged fra', 'delete ams'],
  )
  assert.equal((await ask('PATCH', path, { region: 'eu' })).body.region, 'eu')
  assert.equal((await apply({ name: 'embedded', host: 'moved.example', port: 443 })).status, 200)
  assert.equal((await ask('GET', path)).body.host, 'moved.example')
})
