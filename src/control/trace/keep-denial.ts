import { type Clock, rfc3339 } from '../../base/clock.ts'
import type { Store } from '../../store/store.ts'
import type { AgentMessage, FaultMessage } from '../../wire/control.ts'
import type { PolicyNow } from '../base/policy-now.ts'
import type { Connected } from '../presence/presence.ts'
import type { DeviceRefusals } from './refusals.ts'

export interface KeepDeps {
  readonly store: Store
  readonly clock: Clock
  readonly policy: Pick<PolicyNow, 'inEffect'>
}

/** Keeps what was refused, with the names of today: objects may be gone when somebody asks. In the audit log, too. */
export async function keepDenial(
  { store, clock, policy }: KeepDeps,
  client: Connected,
  o: {
    readonly id: string
    readonly asked: Extract<AgentMessage, { type: 'authorize' }>
    readonly fault: FaultMessage
    readonly detail: Record<string, unknown>
  },
): Promise<void> {
  const { host, port, protocol } = o.asked
  const deviceId = client.peer.identity.id
  const { users } = await policy.inEffect()
  await store.transaction(async (tx) => {
    const device = await tx.devices.byId(deviceId)
    const userId = device?.userId ?? client.device?.userId
    await tx.denials.keep({
      ...{ id: o.id, atMs: clock.nowMs(), host, port, protocol, fault: o.fault },
      ...{ deviceId, deviceName: device?.name ?? client.device?.name, from: client.from },
      ...{ userId, userName: userId === undefined ? undefined : users.get(userId)?.name },
    })
    await tx.audit.append({
      actor: `client-device ${deviceId}`,
      action: 'access.denied',
      object: `denial ${o.id}`,
      detail: o.detail,
    })
  })
}

/** Adds to a denial how often it happened, for as long as it was counted. In the audit log, too. */
export async function keepTimes(
  { store }: Pick<KeepDeps, 'store'>,
  { id, times, lastMs }: DeviceRefusals,
): Promise<void> {
  await store.transaction(async (tx) => {
    const denial = await tx.denials.repeated(id, { times, lastMs })
    if (denial === undefined) return
    await tx.audit.append({
      actor: `client-device ${denial.deviceId}`,
      action: 'access.denied-again',
      object: `denial ${id}`,
      detail: { times, until: rfc3339(lastMs) },
    })
  })
}
