import type { Context } from 'hono'
import type { z } from 'zod'
import { InvalidFault, invalidFrom } from '../../api/invalid.ts'
import { OBJECT_KIND_NAMES, OBJECT_KINDS, type ObjectKind, type ObjectSpecs } from '../../api/kinds.ts'
import { mergePatch, schemaName, schemasOf, writable } from '../../api/resources.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'
import { type DeclareResult, declare, retract } from '../base/declare.ts'
import { hashPassword } from '../base/password.ts'
import { actorOf, type RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { objectPage } from './object-page.ts'
import { objectResource } from './present.ts'
import { byId, operation, pageOfTexts, pageQuery, pageSchema } from './route.ts'
import { SegmentStates } from './segment-states.ts'
import { etagOf, expectedVersion, type RestEnv, type WriteResult, write } from './write.ts'

/** A password of null, in a patch, takes it away. */
type ObjectInput = { name: string; password?: string | null } & Record<string, unknown>

/** List, create, read, replace, change and delete: the same six operations for every declared kind. */
export function objectRoutes(app: RestApp, deps: RestDeps): void {
  for (const kind of OBJECT_KIND_NAMES) kindRoutes(app, deps, kind)
}

function kindRoutes(app: RestApp, deps: RestDeps, kind: ObjectKind): void {
  const { plural, title } = OBJECT_KINDS[kind]
  const { input, replacement, patch, resource, written: answered } = schemasOf(kind)
  const article = /^[aeio]/.test(title) ? 'an' : 'a'
  const name = schemaName(kind)
  const base = { tag: plural, path: `/api/v1/${plural}` }
  const one = { tag: plural, path: `/api/v1/${plural}/{id}`, params: byId }
  const { store } = deps

  operation(
    app,
    {
      ...base,
      method: 'get',
      id: `list${name}s`,
      summary: `List ${title}s by name`,
      needs: 'read',
      query: pageQuery,
      gives: { status: 200, schema: pageSchema(resource, name) },
    },
    async (c, { query }) => pageOfTexts(c, await objectPage(deps, kind, query)),
  )

  operation(
    app,
    {
      ...base,
      method: 'post',
      id: `create${name}`,
      summary: `Create ${article} ${title}`,
      needs: 'configure',
      body: input,
      gives: { status: 201, schema: answered, etag: true },
    },
    async (c, { body }) => {
      const written = await split(kind, body as ObjectInput)
      return write(c, deps, async (tx) => {
        const declared = await declare(tx, { ...written, by: actorOf(c.get('caller')) })
        const location = `/api/v1/${plural}/${declared.stored.id}`
        return answer(tx, declared, 201, { location })
      })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'get',
      id: `get${name}`,
      summary: `Read ${article} ${title}`,
      needs: 'read',
      gives: { status: 200, schema: resource, etag: true },
    },
    async (c, { params }) => {
      const stored: StoredObject = await store.objects.get(kind, params.id)
      c.header('etag', etagOf(stored.version))
      const resource = await objectResource(store, stored, deps.presence)
      if (kind !== 'segment') return c.json(resource)
      const states = new SegmentStates(await deps.policy(), deps.presence.vitals)
      return c.json({ ...resource, ...states.of(stored.id) })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'put',
      id: `replace${name}`,
      summary: `Replace ${article} ${title}`,
      needs: 'configure',
      body: replacement,
      ifMatch: true,
      gives: { status: 200, schema: answered, etag: true },
    },
    async (c, { params, body }) => {
      const expectVersion = expectedVersion(c)
      const { id: meant, ...given } = body as ObjectInput & { id?: string }
      const written = await split(kind, writable(kind, given) as ObjectInput)
      return write(c, deps, async (tx) => {
        const { id } = await tx.objects.get(kind, params.id)
        if (meant !== undefined && meant !== id) {
          throw new InvalidFault([{ pointer: '/id', detail: `this is ${meant}, and the path names ${id}` }])
        }
        return answer(
          tx,
          await declare(tx, { ...written, id, expectVersion, by: actorOf(c.get('caller')) }),
          200,
        )
      })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'patch',
      id: `change${name}`,
      summary: `Change fields of ${article} ${title} (JSON merge patch)`,
      needs: 'configure',
      body: patch,
      ifMatch: true,
      gives: { status: 200, schema: answered, etag: true },
    },
    async (c, { params, body }) => {
      const expectVersion = expectedVersion(c)
      const { password, ...fields } = body as ObjectInput
      const passwordHash = await hashOf(password)
      return write(c, deps, async (tx) => {
        const before = await tx.objects.get(kind, params.id)
        const merged = mergePatch({ name: before.name, ...before.spec }, fields)
        const { name: newName, spec } = parse(kind, merged)
        const by = actorOf(c.get('caller'))
        const change = { kind, id: before.id, name: newName, spec, expectVersion, passwordHash, by }
        return answer(tx, await declare(tx, change), 200)
      })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'delete',
      id: `delete${name}`,
      summary: `Delete ${article} ${title} that no other object references`,
      needs: 'configure',
      ifMatch: true,
      gives: { status: 204 },
    },
    async (c: Context<RestEnv>, { params }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const entry = await retract(tx, kind, params.id, { expectVersion })
        return { status: 204, audit: [entry] }
      })
    },
  )
}

async function answer(
  tx: Repositories,
  { stored, signedOut, audit }: DeclareResult,
  status: 200 | 201,
  headers: Record<string, string> = {},
): Promise<WriteResult> {
  const body = { ...(await objectResource(tx, stored)), signedOut }
  const all = { ...headers, etag: etagOf(stored.version) }
  return { status, body, headers: all, audit, concerns: [stored.id] }
}

/** What was written, with the password turned into its hash before any transaction is open. */
async function split<K extends ObjectKind>(kind: K, { name, password, ...spec }: ObjectInput) {
  const passwordHash = await hashOf(password)
  return { kind, name, spec: spec as unknown as ObjectSpecs[K], passwordHash }
}

async function hashOf(password: string | null | undefined): Promise<string | null | undefined> {
  return typeof password === 'string' ? hashPassword(password) : password
}

/** @throws {InvalidFault} if a patch made the whole invalid. */
function parse<K extends ObjectKind>(kind: K, merged: unknown): { name: string; spec: ObjectSpecs[K] } {
  const schema: z.ZodType = schemasOf(kind).input
  const read = schema.safeParse(merged)
  if (!read.success) throw invalidFrom(read.error, schema)
  const { name, ...spec } = read.data as ObjectInput
  return { name, spec: spec as unknown as ObjectSpecs[K] }
}
