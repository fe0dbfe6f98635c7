import { InvalidFault } from '../../api/invalid.ts'
import { connector, connectorPatch, connectorWritten } from '../../api/records.ts'
import type { HeldCertificate } from '../../store/identity.ts'
import type { Repositories } from '../../store/store.ts'
import { requireAppGroup } from '../agents/enrol-group.ts'
import { diff } from '../base/diff.ts'
import { absenceOf } from './connector-absence.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { connectorResource, connectorResources } from './present.ts'
import { byId, operation, pageAnswer, pageQuery, pageSchema } from './route.ts'
import { stillKnocks } from './still-knocks.ts'
import { DISABLE_ONLY, demandToForget } from './takes-away.ts'
import { vitalsOf } from './vitals.ts'
import { etagOf, expectedVersion, write } from './write.ts'

const TAG = 'connectors'
const PATH = '/api/v1/connectors'

export function connectorRoutes(app: RestApp, deps: RestDeps): void {
  const { store, presence, clock } = deps
  const one = { tag: TAG, path: `${PATH}/{id}`, params: byId }

  operation(
    app,
    {
      tag: TAG,
      path: PATH,
      method: 'get',
      id: 'listConnectors',
      summary: 'List connectors by name, with what they do now',
      needs: 'read',
      query: pageQuery,
      gives: { status: 200, schema: pageSchema(connector, 'Connector') },
    },
    async (c, { query }) => {
      const page = await store.connectors.list(query)
      return pageAnswer(c, page, await connectorResources(store, page.items, deps))
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'get',
      id: 'getConnector',
      summary: 'Read a connector',
      needs: 'read',
      gives: { status: 200, schema: connector, etag: true },
    },
    async (c, { params }) => {
      const record = await store.connectors.get(params.id).catch(stillKnocks(presence))
      c.header('etag', etagOf(record.version))
      const away = presence.connector(record.id) === undefined
      return c.json({
        ...(await connectorResource(store, record, deps)),
        vitals: await vitalsOf(store, record, presence),
        disconnected: away ? await absenceOf(store, record, presence, clock.nowMs()) : undefined,
      })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'patch',
      id: 'changeConnector',
      summary: 'Rename, enable, disable or move a connector to another group',
      needs: 'operate',
      beyond: DISABLE_ONLY,
      body: connectorPatch,
      ifMatch: true,
      gives: { status: 200, schema: connectorWritten, etag: true },
    },
    async (c, { params, body }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const before = await tx.connectors.get(params.id)
        const groupId = body.group === undefined ? undefined : await groupOf(tx, body.group)
        const change = { name: body.name, enabled: body.enabled, groupId }
        const record = await tx.connectors.update(before.id, change, { expectVersion })
        const changes = diff(own(before), own(record))
        return {
          status: 200,
          body: await connectorResource(tx, record, deps),
          headers: { etag: etagOf(record.version) },
          // The group it left may have one member now.
          concerns: [record.id, before.groupId, record.groupId],
          audit: [
            {
              action: 'connector.update',
              object: `connector ${record.id}`,
              detail: { name: record.name, changes },
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
      id: 'deleteConnector',
      summary: 'Delete a connector and revoke its certificate; one that is disabled takes `configure`',
      needs: 'operate',
      ifMatch: true,
      gives: { status: 204 },
    },
    async (c, { params }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const record = await tx.connectors.get(params.id)
        demandToForget(c.get('caller'), `connector ${record.name}`, !record.enabled && 'is disabled')
        await tx.connectors.delete(record.id, { expectVersion })
        await tx.outages.forget(record.id)
        await revoke(tx, record, `connector ${record.name} was deleted`)
        const detail = { name: record.name, group: record.groupId, serial: record.serial }
        return {
          status: 204,
          audit: [{ action: 'connector.delete', object: `connector ${record.id}`, detail }],
        }
      })
    },
  )
}

function own(record: { name: string; enabled: boolean; groupId: string }) {
  return { name: record.name, enabled: record.enabled, group: record.groupId }
}

async function groupOf(tx: Repositories, idOrName: string): Promise<string> {
  const found = await tx.objects.find('connector-group', idOrName)
  if (found !== undefined) {
    requireAppGroup(found)
    return found.id
  }
  throw new InvalidFault([{ pointer: '/group', detail: `there is no connector group "${idOrName}"` }])
}

/** The certificate an identity holds ends with it. */
export async function revoke(tx: Repositories, held: HeldCertificate, reason: string): Promise<void> {
  await tx.revocations.revokeSerials([held.serial], { reason, expiresMs: held.notAfterMs })
}
