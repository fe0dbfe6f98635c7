import { clientDevice, clientDevicePatch, clientDeviceWritten } from '../../api/client-devices.ts'
import { clientDeviceDeleted } from '../../api/sign-ins.ts'
import type { DeviceRecord } from '../../store/devices.ts'
import { diff } from '../base/diff.ts'
import { revoke } from './connectors.ts'
import { actorOf, type RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { deviceDetails, deviceResource, deviceResources } from './present-devices.ts'
import { byId, operation, pageAnswer, pageQuery, pageSchema } from './route.ts'
import { stillKnocks } from './still-knocks.ts'
import { stillOpenOf } from './still-open.ts'
import { DISABLE_ONLY, demandToForget } from './takes-away.ts'
import { etagOf, expectedVersion, write } from './write.ts'

const TAG = 'client-devices'
const PATH = '/api/v1/client-devices'

export function deviceRoutes(app: RestApp, deps: RestDeps): void {
  const { store, presence } = deps
  const one = { tag: TAG, path: `${PATH}/{id}`, params: byId }

  operation(
    app,
    {
      tag: TAG,
      path: PATH,
      method: 'get',
      id: 'listClientDevices',
      summary: 'List client devices, oldest first',
      needs: 'read',
      query: pageQuery,
      gives: { status: 200, schema: pageSchema(clientDevice, 'ClientDevice') },
    },
    async (c, { query }) => {
      const page = await store.devices.list(query)
      return pageAnswer(c, page, await deviceResources(store, page.items, deps))
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'get',
      id: 'getClientDevice',
      summary: 'Read a client device',
      needs: 'read',
      gives: { status: 200, schema: clientDevice, etag: true },
    },
    async (c, { params }) => {
      const record = await store.devices.get(params.id).catch(stillKnocks(presence))
      c.header('etag', etagOf(record.version))
      const [resource, details] = await Promise.all([
        deviceResource(store, record, deps),
        deviceDetails(store, record, deps),
      ])
      return c.json({ ...resource, ...details })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'patch',
      id: 'changeClientDevice',
      summary: 'Rename, enable or disable a device, or assign posture facts',
      needs: 'operate',
      beyond: DISABLE_ONLY,
      body: clientDevicePatch,
      ifMatch: true,
      gives: { status: 200, schema: clientDeviceWritten, etag: true },
    },
    async (c, { params, body }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const before = await tx.devices.get(params.id)
        const by = actorOf(c.get('caller'))
        const record = await tx.devices.update(before.id, body, { expectVersion, by })
        const isShutOut = before.enabled && !record.enabled
        const detail = { name: record.name, changes: diff(own(before), own(record)) }
        return {
          status: 200,
          body: {
            ...(await deviceResource(tx, record, deps)),
            stillOpen: isShutOut ? await stillOpenOf(tx, record.userId) : undefined,
          },
          headers: { etag: etagOf(record.version) },
          concerns: [record.id],
          audit: [{ action: 'client-device.update', object: `client-device ${record.id}`, detail }],
        }
      })
    },
  )

  operation(
    app,
    {
      ...one,
      method: 'delete',
      id: 'deleteClientDevice',
      summary:
        'Delete a device and revoke its certificate; says what is still open; one that is disabled or has assigned facts takes `configure`',
      needs: 'operate',
      ifMatch: true,
      gives: { status: 200, schema: clientDeviceDeleted },
    },
    async (c, { params }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const record = await tx.devices.get(params.id)
        demandToForget(c.get('caller'), `device ${record.name}`, saysNo(record))
        await tx.devices.delete(record.id, { expectVersion })
        await tx.outages.forget(record.id)
        await revoke(tx, record, `device ${record.name} was deleted`)
        const detail = { name: record.name, user: record.userId, serial: record.serial }
        const object = `client-device ${record.id}`
        return {
          status: 200,
          body: {
            deleted: { id: record.id, name: record.name },
            stillOpen: await stillOpenOf(tx, record.userId),
          },
          audit: [{ action: 'client-device.delete', object, detail }],
        }
      })
    },
  )
}

/** What of a device stands against it, and would be forgotten with it: its key may sign in again. */
function saysNo({ enabled, assignedPosture }: DeviceRecord): string | false {
  if (!enabled) return 'is disabled'
  return Object.keys(assignedPosture).length > 0 && 'has assigned facts'
}

function own({ name, enabled, assignedPosture }: DeviceRecord) {
  return { name, enabled, assignedPosture }
}
