import type { TraceInput } from '../../api/trace.ts'
import { Fault } from '../../base/faults.ts'
import { amongByIdOrName } from '../../store/by-id-or-name.ts'
import type { DeviceRecord } from '../../store/device-record.ts'
import type { Store } from '../../store/store.ts'
import type { Connected, Presence } from '../presence/presence.ts'

/** Who a trace is about, and the control connection of the device where it has one. */
export interface Subject {
  readonly user: { readonly id: string; readonly name: string }
  readonly device?: DeviceRecord
  readonly online?: Connected
}

/** @throws {Fault} NOT_FOUND for an unknown user, or a device that is not of this user. */
export async function findSubject(
  { store, presence }: { readonly store: Store; readonly presence: Presence },
  { user: word, device: wanted }: Pick<TraceInput, 'user' | 'device'>,
): Promise<Subject> {
  const { id, name } = await store.objects.get('user', word)
  const user = { id, name }
  const devices = await store.devices.ofUser(id)
  if (wanted !== undefined) {
    const device = amongByIdOrName(devices, wanted)
    if (device !== undefined) return { user, device, online: onlineOf(presence, device.id) }
    const names = devices.map((one) => one.name)
    throw new Fault('NOT_FOUND', `${name} has no device ${wanted}: ${names.join(', ') || 'none at all'}`, {
      seen: { devices: names },
    })
  }
  const last = devices
    .map((device) => ({ device, online: onlineOf(presence, device.id) }))
    .sort((a, b) => rank(b) - rank(a))[0]
  return { user, ...last }
}

/** The daemon: commands that connect for a moment come after it. */
function onlineOf(presence: Presence, device: string): Connected | undefined {
  return [...presence.clients(device)].sort((a, b) => a.sinceMs - b.sinceMs)[0]
}

/** Those that are online before the others, each by when they were last seen. */
function rank({ device, online }: { device: DeviceRecord; online?: Connected }): number {
  const seenMs = device.lastSeenMs ?? device.enrolledMs
  return (online === undefined ? 0 : 1e15) + (online?.sinceMs ?? seenMs)
}
