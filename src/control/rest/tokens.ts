import { InvalidFault } from '../../api/invalid.ts'
import { token, tokenCreated, tokenInput, whoami } from '../../api/tokens.ts'
import { rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { createToken } from './auth.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { tokenResource } from './present.ts'
import { byId, operation, pageAnswer, pageQuery, pageSchema } from './route.ts'
import { etagOf, expectedVersion, write } from './write.ts'

const TAG = 'tokens'
const PATH = '/api/v1/tokens'

export function tokenRoutes(app: RestApp, deps: RestDeps): void {
  const { store, clock } = deps
  const base = { tag: TAG, path: PATH }
  const one = { tag: TAG, path: `${PATH}/{id}`, params: byId }

  operation(
    app,
    {
      tag: TAG,
      path: '/api/v1/whoami',
      method: 'get',
      id: 'whoAmI',
      summary: 'The token of this request',
      needs: 'read',
      gives: { status: 200, schema: whoami },
    },
    async (c) => {
      const { tokenId, name, role, expiresMs } = c.get('caller')
      return c.json({ id: tokenId, name, role, expiresAt: expiresMs && rfc3339(expiresMs) })
    },
  )

  operation(
    app,
    {
      ...base,
      method: 'get',
      id: 'listTokens',
      summary: 'List API tokens by name',
      needs: 'own',
      query: pageQuery,
      gives: { status: 200, schema: pageSchema(token, 'Token') },
    },
    async (c, { query }) => {
      const page = await store.tokens.list(query)
      return pageAnswer(c, page, page.items.map(tokenResource))
    },
  )

  operation(
    app,
    {
      ...base,
      method: 'post',
      id: 'createToken',
      summary: 'Create an API token; the secret appears in this answer only',
      needs: 'own',
      body: tokenInput,
      gives: { status: 201, schema: tokenCreated, etag: true },
    },
    async (c, { body }) => {
      const { name, role, expiresAt } = body
      const expiresMs = expiresAt === undefined ? undefined : Date.parse(expiresAt)
      if (expiresMs !== undefined && expiresMs <= clock.nowMs()) {
        throw new InvalidFault([{ pointer: '/expiresAt', detail: 'expected a time in the future' }])
      }
      return write(c, deps, async (tx) => {
        const { text, record } = await createToken(tx, { name, role, expiresMs })
        return {
          status: 201,
          body: { ...tokenResource(record), token: text },
          headers: {
            location: `${PATH}/${record.id}`,
            etag: etagOf(record.version),
            'cache-control': 'no-store',
          },
          audit: [
            { action: 'token.create', object: `token ${record.id}`, detail: { name, role, expiresAt } },
          ],
        }
      })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'get',
      id: 'getToken',
      summary: 'Read an API token, without its secret',
      needs: 'own',
      gives: { status: 200, schema: token, etag: true },
    },
    async (c, { params }) => {
      const record = await store.tokens.get(params.id)
      c.header('etag', etagOf(record.version))
      return c.json(tokenResource(record))
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'delete',
      id: 'deleteToken',
      summary: 'Revoke an API token at once and end its open requests; not the last owner',
      needs: 'own',
      ifMatch: true,
      gives: { status: 204 },
    },
    async (c, { params }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const { id, name, role, expiresMs } = await tx.tokens.get(params.id)
        if (role === 'owner' && expiresMs === undefined && !(await tx.tokens.another(id, role))) {
          const detail = `token ${name} is the last owner token without an expiry: create another one first`
          throw new Fault('CONFLICT', detail)
        }
        await tx.tokens.delete(id, { expectVersion })
        return {
          status: 204,
          audit: [{ action: 'token.delete', object: `token ${id}`, detail: { name, role } }],
        }
      })
    },
  )
}
