import { clientDevice, clientDevicePatch, clientDeviceWritten } from '../../api/records.ts'
import type { DeviceRecord } from '../../store/devices.ts'
import { diff } from '../diff.ts'
import { revoke } from './connectors.ts'
import type { RestDeps } from './deps.ts'
import { deviceResource } from './present.ts'
import { byId, operation, pageAnswer, pageQuery, pageSchema, type RestApp } from './route.ts'
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
      const items = page.items.map((record) => deviceResource(store, record, presence))
      return pageAnswer(c, page, await Promise.all(items))
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
      gives: { status: 200, schema: clientDevice },
    },
    async (c, { params }) => {
      const record = await store.devices.get(params.id)
      c.header('etag', etagOf(record.version))
      return c.json(await deviceResource(store, record, presence))
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
      body: clientDevicePatch,
      ifMatch: true,
      gives: { status: 200, schema: clientDeviceWritten },
    },
    async (c, { params, body }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const before = await tx.devices.get(params.id)
        const record = await tx.devices.update(before.id, body, { expectVersion })
        const detail = { name: record.name, changes: diff(own(before), own(record)) }
        return {
          status: 200,
          body: await deviceResource(tx, record, presence),
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
      summary: 'Delete a device and revoke its certificate',
      needs: 'operate',
      ifMatch: true,
      gives: { status: 204 },
    },
    async (c, { params }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const record = await tx.devices.get(params.id)
        await tx.devices.delete(record.id, { expectVersion })
        await tx.outages.forget(record.id)
        await revoke(tx, record, `device ${record.name} was deleted`)
        const detail = { name: record.name, user: record.userId, serial: record.serial }
        const object = `client-device ${record.id}`
        return { status: 204, audit: [{ action: 'client-device.delete', object, detail }] }
      })
    },
  )
}

function own({ name, enabled, assignedPosture }: DeviceRecord) {
  return { name, enabled, assignedPosture }
}
