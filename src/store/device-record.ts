import type { HeldCertificate, ReportedHost } from './agent-fields.ts'
import type { StoreScope } from './scope.ts'
import type { SignInRecord } from './sign-ins.ts'

export type Posture = Readonly<Record<string, string | number | boolean>>

/** A person's device that has signed in. */
export interface DeviceRecord extends HeldCertificate {
  readonly id: string
  /** Unique among the devices of its user. */
  readonly name: string
  readonly userId: string
  readonly publicKeyHash: string
  readonly host: ReportedHost
  /** Facts that a client on it said last, which stand until it says others: also while it is away. */
  readonly reportedPosture: Posture
  /** Facts an admin has set; they win over what is reported. */
  readonly assignedPosture: Posture
  /** What policy sees: both, joined. */
  readonly posture: Posture
  readonly enabled: boolean
  /** What its certificates rest on, until somebody or something ended it; it may have ended by itself. */
  readonly signIn?: Pick<SignInRecord, 'id' | 'atMs' | 'from' | 'endMs'>
  readonly enrolledMs: number
  readonly lastAddress?: string
  readonly lastSeenMs?: number
  readonly version: number
  readonly createdMs: number
  readonly updatedMs: number
}

/** What policy looks at. */
export type DeviceHolder = Pick<DeviceRecord, 'id' | 'userId' | 'posture' | 'enabled' | 'signIn'>

/** Devices, each with the sign-in that stands. */
export function devices(scope: StoreScope) {
  return withSignIn(scope).selectAll('device')
}

export function withSignIn({ db }: StoreScope) {
  return db
    .selectFrom('device')
    .leftJoin('signIn', (join) =>
      join.onRef('signIn.deviceId', '=', 'device.id').on('signIn.endedMs', 'is', null),
    )
    .select(['signIn.id as signInId', 'signIn.atMs', 'signIn.fromAddress', 'signIn.endMs'])
}

export type DeviceRow = Awaited<ReturnType<ReturnType<typeof devices>['execute']>>[number]

export function fromRow({ signInId, atMs, fromAddress, endMs, ...row }: DeviceRow): DeviceRecord {
  return {
    ...row,
    ...holderOf({ signInId, atMs, fromAddress, endMs, ...row }),
    host: JSON.parse(row.host),
    reportedPosture: JSON.parse(row.reportedPosture),
    assignedPosture: JSON.parse(row.assignedPosture),
    lastAddress: row.lastAddress ?? undefined,
    lastSeenMs: row.lastSeenMs ?? undefined,
  }
}

type HolderRow = Pick<
  DeviceRow,
  | 'id'
  | 'userId'
  | 'enabled'
  | 'reportedPosture'
  | 'assignedPosture'
  | 'signInId'
  | 'atMs'
  | 'fromAddress'
  | 'endMs'
>

export function holderOf({
  id,
  userId,
  signInId,
  atMs,
  fromAddress,
  endMs,
  ...row
}: HolderRow): DeviceHolder {
  return {
    ...{ id, userId, enabled: row.enabled === 1 },
    posture: { ...JSON.parse(row.reportedPosture), ...JSON.parse(row.assignedPosture) },
    signIn:
      signInId === null || atMs === null || endMs === null
        ? undefined
        : { id: signInId, atMs, from: fromAddress ?? undefined, endMs },
  }
}
