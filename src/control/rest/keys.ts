import { randomBytes } from 'node:crypto'
import type { z } from 'zod'
import { InvalidFault } from '../../api/invalid.ts'
import {
  provisioningKey,
  provisioningKeyCreated,
  provisioningKeyInput,
  provisioningKeyPatch,
  provisioningKeyWritten,
} from '../../api/keys.ts'
import { HOME_EDGE } from '../../api/kinds.ts'
import { hashKeySecret } from '../../pki/provisioning-key.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'
import { actorOf, type RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { keyResource, keyResources } from './present-keys.ts'
import { byId, operation, pageAnswer, pageQuery, pageSchema } from './route.ts'
import { stillComes } from './still-knocks.ts'
import { isOnly } from './takes-away.ts'
import { etagOf, expectedVersion, write } from './write.ts'

const DEFAULT_LIFE_MS = 24 * 60 * 60 * 1000
const SECRET_BYTES = 32

const TAG = 'provisioning-keys'
const PATH = '/api/v1/provisioning-keys'

export function keyRoutes(app: RestApp, deps: RestDeps): void {
  const { store, clock, presence } = deps
  const base = { tag: TAG, path: PATH }
  const one = { tag: TAG, path: `${PATH}/{id}`, params: byId }

  operation(
    app,
    {
      ...base,
      method: 'get',
      id: 'listProvisioningKeys',
      summary: 'List provisioning keys by name',
      needs: 'read',
      query: pageQuery,
      gives: { status: 200, schema: pageSchema(provisioningKey, 'ProvisioningKey') },
    },
    async (c, { query }) => {
      const page = await store.keys.list(query)
      return pageAnswer(c, page, await keyResources(store, page.items, { nowMs: clock.nowMs(), presence }))
    },
  )

  operation(
    app,
    {
      ...base,
      method: 'post',
      id: 'createProvisioningKey',
      summary: 'Create a provisioning key; the secret appears in this answer only',
      // Whoever enrols with it takes the sessions of the group, or carries those of everybody.
      needs: 'configure',
      body: provisioningKeyInput,
      gives: { status: 201, schema: provisioningKeyCreated, etag: true },
    },
    async (c, { body: wanted }) => {
      const { name, maxUses, expiresAt } = wanted
      const nowMs = clock.nowMs()
      const expiresMs = expiresAt === undefined ? nowMs + DEFAULT_LIFE_MS : Date.parse(expiresAt)
      if (expiresMs <= nowMs) {
        throw new InvalidFault([{ pointer: '/expiresAt', detail: 'expected a time in the future' }])
      }
      return write(c, deps, async (tx) => {
        const { kind, name: of, id } = await meantBy(tx, wanted)
        const secret = randomBytes(SECRET_BYTES).toString('base64url')
        const record = await tx.keys.create({
          name,
          ...(kind === 'edge' ? { edgeId: id } : { groupId: id }),
          secretHash: hashKeySecret(secret),
          maxUses,
          expiresMs,
        })
        const body = { ...(await keyResource(tx, record, { nowMs })), key: deps.formatKey(secret) }
        const headers = {
          location: `${PATH}/${record.id}`,
          etag: etagOf(record.version),
          'cache-control': 'no-store',
        }
        const to = kind === 'edge' ? { edge: of } : { group: of }
        const detail = { name, ...to, maxUses, expiresAt: new Date(expiresMs).toISOString() }
        return {
          status: 201,
          body,
          headers,
          concerns: [record.id],
          audit: [{ action: 'provisioning-key.create', object: `provisioning-key ${record.id}`, detail }],
        }
      })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'get',
      id: 'getProvisioningKey',
      summary: 'Read a provisioning key, without its secret',
      needs: 'read',
      gives: { status: 200, schema: provisioningKey, etag: true },
    },
    async (c, { params }) => {
      const record = await store.keys.get(params.id).catch(stillComes(presence))
      c.header('etag', etagOf(record.version))
      return c.json(await keyResource(store, record, { nowMs: clock.nowMs(), presence }))
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'patch',
      id: 'changeProvisioningKey',
      summary: 'Change the limit or expiry of a provisioning key, or revoke it',
      needs: 'operate',
      beyond: { only: 'revoking it', needs: 'configure', is: (body) => !isOnly(body, 'revoked', true) },
      body: provisioningKeyPatch,
      ifMatch: true,
      gives: { status: 200, schema: provisioningKeyWritten, etag: true },
    },
    async (c, { params, body }) => {
      const expectVersion = expectedVersion(c)
      const { expiresAt, ...change } = body
      const expiresMs = expiresAt === undefined ? undefined : Date.parse(expiresAt)
      return write(c, deps, async (tx) => {
        const { id } = await tx.keys.get(params.id)
        const record = await tx.keys.update(id, { ...change, expiresMs }, { expectVersion })
        return {
          status: 200,
          body: await keyResource(tx, record, { nowMs: clock.nowMs(), presence }),
          headers: { etag: etagOf(record.version) },
          concerns: [record.id],
          audit: [
            {
              action: change.revoked ? 'provisioning-key.revoke' : 'provisioning-key.update',
              object: `provisioning-key ${id}`,
              detail: body,
            },
          ],
        }
      })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'delete',
      id: 'deleteProvisioningKey',
      summary: 'Delete a provisioning key; connectors enrolled with it stay',
      needs: 'operate',
      ifMatch: true,
      gives: { status: 204 },
    },
    async (c, { params }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const { id, name } = await tx.keys.get(params.id)
        await tx.keys.delete(id, { expectVersion, by: actorOf(c.get('caller')) })
        const entry = {
          action: 'provisioning-key.delete',
          object: `provisioning-key ${id}`,
          detail: { name },
        }
        return { status: 204, audit: [entry] }
      })
    },
  )
}

/** What enrols with a new key. @throws {InvalidFault} naming what is not there. */
async function meantBy(
  tx: Repositories,
  { group, edge }: z.infer<typeof provisioningKeyInput>,
): Promise<StoredObject<'connector-group' | 'edge'>> {
  const kind = edge === undefined ? ('connector-group' as const) : ('edge' as const)
  const called = edge ?? group ?? ''
  const found = await tx.objects.find(kind, called)
  const [pointer, title] = kind === 'edge' ? ['/edge', 'edge'] : ['/group', 'connector group']
  if (kind === 'edge' && found?.name === HOME_EDGE) {
    throw new InvalidFault([{ pointer, detail: `edge ${HOME_EDGE} is enrolled by the server itself` }])
  }
  if (found !== undefined) return found
  throw new InvalidFault([{ pointer, detail: `no ${title} "${called}"` }])
}
