import type { z } from 'zod'
import type { clientDevice } from '../../api/client-devices.ts'
import type { deviceDisconnected } from '../../api/diagnosis.ts'
import type { signIn } from '../../api/sign-ins.ts'
import { rfc3339 } from '../../base/clock.ts'
import type { DeviceRecord } from '../../store/device-record.ts'
import { SIGN_IN_ENDS, type SignInRecord } from '../../store/sign-ins.ts'
import type { Store } from '../../store/store.ts'
import type { LiveDevice } from './deps.ts'
import { deviceAwayBriefly, explainDeviceAway } from './device-away.ts'
import { identity, namesFor, type PresentNow, type PresentReader } from './present.ts'

export async function deviceResources(
  tx: PresentReader,
  records: readonly DeviceRecord[],
  { presence, clock }: PresentNow,
): Promise<z.infer<typeof clientDevice>[]> {
  const nowMs = clock.nowMs()
  const names = await namesFor(
    tx,
    records.map(({ userId }) => userId),
  )
  return records.map((record) => {
    const live = presence.device(record.id)
    const isHere = live.length > 0
    return {
      kind: 'client-device',
      ...identity(record),
      user: record.userId,
      names: names([record.userId]),
      state: record.enabled ? (isHere ? 'connected' : 'disconnected') : 'disabled',
      away:
        record.enabled && isHere
          ? undefined
          : deviceAwayBriefly({ nowMs, device: record, absence: presence.absence(record.id) }),
      clockSkewMs: furthestOff(live),
      posture: record.posture,
      reportedPosture: record.reportedPosture,
      assignedPosture: record.assignedPosture,
      signIn: record.signIn && signInResource(record.signIn),
    }
  })
}

/** A device has one clock; a connection of long ago knows what it was then. */
function furthestOff(live: readonly LiveDevice[]): number | undefined {
  const [first] = live.map(({ skewMs }) => skewMs).sort((a, b) => Math.abs(b) - Math.abs(a))
  return first
}

type Details = 'signIns' | 'connections' | 'disconnected' | 'refused' | 'sessionsShed'

/** What is not in lists: who signed in on it, and where it is now, or why it is not. */
export async function deviceDetails(
  { signIns, sessions, outages }: Pick<Store, 'signIns' | 'sessions' | 'outages'>,
  record: DeviceRecord,
  now: PresentNow,
): Promise<Pick<z.infer<typeof clientDevice>, Details>> {
  const { id } = record
  const live = now.presence.device(id)
  const { refused } = now.presence.absence(id)
  const sessionsShed = sessions.allowance.shedOf(id)
  return {
    signIns: (await signIns.ofDevice(id)).map(signInResource),
    connections: live.map(({ connectedMs, skewMs, ...one }) => ({
      connectedAt: rfc3339(connectedMs),
      clockSkewMs: skewMs,
      ...one,
    })),
    disconnected: live.length > 0 ? undefined : await absenceOf(outages, record, now),
    refused: refused && {
      ...{ at: rfc3339(refused.atMs), address: refused.address, times: refused.times },
      ...{ code: refused.fault.code, detail: refused.fault.detail },
    },
    sessionsShed: sessionsShed === 0 ? undefined : sessionsShed,
  }
}

/** What can be said of a device that is not there. */
async function absenceOf(
  outages: Pick<Store['outages'], 'of'>,
  record: DeviceRecord,
  { presence, clock }: PresentNow,
): Promise<z.infer<typeof deviceDisconnected>> {
  const absence = presence.absence(record.id)
  const { left } = absence
  const lastAddress = left?.address ?? record.lastAddress
  const [outage] = await outages.of(record.id, 1)
  const atMs = left?.atMs ?? record.lastSeenMs
  const { seen, ...verdict } = explainDeviceAway({
    ...{ nowMs: clock.nowMs(), device: record, absence, outage },
    neighbours: lastAddress === undefined ? 0 : presence.neighbours(lastAddress),
  })
  return {
    since: atMs === undefined ? undefined : rfc3339(atMs),
    lastAddress,
    left: left === undefined ? 'unknown' : left.orderly ? 'orderly' : (left.lost ?? 'silent'),
    ...verdict,
    seen: [...seen],
  }
}

function signInResource({
  id,
  atMs,
  from,
  endMs,
  ended,
}: Pick<SignInRecord, 'id' | 'atMs' | 'from' | 'endMs' | 'ended'>): z.infer<typeof signIn> {
  return {
    ...{ id, at: rfc3339(atMs), from, endsAt: rfc3339(endMs) },
    ended: ended && { at: rfc3339(ended.atMs), because: SIGN_IN_ENDS[ended.because], by: ended.by },
  }
}
