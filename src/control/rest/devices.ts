import { clientDevice, clientDevicePatch, clientDeviceWritten } from '../../api/client-devices.ts'
import { clientDeviceDeleted } from '../../api/sign-ins.ts'
import type { DeviceRecord } from '../../store/device-record.ts'
import type { EnrolledKind } from './enrolled.ts'
import { deviceDetails, deviceResources } from './present-devices.ts'
import { stillOpenOf } from './still-open.ts'

export const CLIENT_DEVICES: EnrolledKind<DeviceRecord, typeof clientDevicePatch> = {
  ...{ kind: 'client-device', id: 'ClientDevice', noun: 'device' },
  summaries: {
    list: 'List client devices, oldest first',
    get: 'Read a client device',
    change: 'Rename, enable or disable a device, or assign posture facts',
    delete:
      'Delete a device and revoke its certificate; reports what is still open; deleting one that is disabled or has assigned facts requires `configure`',
  },
  schemas: {
    resource: clientDevice,
    patch: clientDevicePatch,
    written: clientDeviceWritten,
    deleted: clientDeviceDeleted,
  },
  in: (tx) => tx.devices,
  resources: deviceResources,
  details: (record, deps) => deviceDetails(deps.store, record, deps),
  update: (tx, { id }, patch, o) => tx.devices.update(id, patch, o),
  own: ({ name, enabled, assignedPosture }) => ({ name, enabled, assignedPosture }),
  belongsTo: ({ userId }) => ({ user: userId }),
  /** Its key may sign in again. */
  saysNo({ enabled, assignedPosture }) {
    if (!enabled) return 'is disabled'
    return Object.keys(assignedPosture).length > 0 && 'has assigned facts'
  },
  async afterChange(tx, before, record) {
    const isShutOut = before.enabled && !record.enabled
    return { stillOpen: isShutOut ? await stillOpenOf(tx, record.userId) : undefined }
  },
  afterDelete: async (tx, { id, name, userId }) => ({
    deleted: { id, name },
    stillOpen: await stillOpenOf(tx, userId),
  }),
}
