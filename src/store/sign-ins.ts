import { newId } from '../base/ids.ts'
import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'

/** Why a sign-in ended before its time, and in which words a person reads it. */
export const SIGN_IN_ENDS = {
  'password-changed': 'the password of the user was changed',
  'user-disabled': 'the user was disabled',
  'device-disabled': 'the device was disabled',
  'signed-out': 'it was signed out',
  'signed-in-again': 'the user signed in on it again',
} as const
export type SignInEnd = keyof typeof SIGN_IN_ENDS

/** That a person proved who they are on a device: what every certificate of the device rests on. */
export interface SignInRecord {
  readonly id: string
  readonly userId: string
  readonly deviceId: string
  readonly atMs: number
  readonly from?: string
  /** It ends then, whatever happens. */
  readonly endMs: number
  /** Of one that does not stand any more: when, why, and through whom. */
  readonly ended?: { readonly atMs: number; readonly because: SignInEnd; readonly by: string }
}

/** A device that has a sign-in, or had one until now. */
export interface SignedInDevice {
  readonly id: string
  readonly name: string
}

/** Who ends it: as the audit log names them. */
export interface By {
  readonly by?: string
}

/** As many of a device are remembered. */
const KEPT = 20

/** Who has signed in where, until when, and how that ended. */
export class SignIns {
  readonly #scope: StoreScope

  constructor(scope: StoreScope) {
    this.#scope = scope
  }

  /** The one before, on the same device, ends with it. */
  async begin(o: {
    userId: string
    deviceId: string
    from?: string
    atMs: number
    endMs: number
  }): Promise<SignInRecord> {
    return this.#scope.atomically(async (scope) => {
      const { userId, deviceId, atMs, endMs } = o
      const because: SignInEnd = 'signed-in-again'
      await scope.db
        .updateTable('signIn')
        .set({ endedMs: atMs, endedBecause: because, endedBy: `user ${userId}` })
        .where('deviceId', '=', deviceId)
        .where('endedMs', 'is', null)
        .execute()
      const row: Tables['signIn'] = {
        ...{ id: newId('sgn', atMs), userId, deviceId, atMs, fromAddress: o.from ?? null, endMs },
        ...{ endedMs: null, endedBecause: null, endedBy: null },
      }
      await scope.db.insertInto('signIn').values(row).execute()
      const old = await scope.db
        .selectFrom('signIn')
        .select('id')
        .where('deviceId', '=', deviceId)
        .orderBy('atMs', 'desc')
        .offset(KEPT)
        .limit(KEPT)
        .execute()
      for (const { id } of old) await scope.db.deleteFrom('signIn').where('id', '=', id).execute()
      return fromRow(row)
    })
  }

  /** Those of a device, newest first. */
  async ofDevice(deviceId: string, limit = KEPT): Promise<SignInRecord[]> {
    const rows = await this.#scope.db
      .selectFrom('signIn')
      .selectAll()
      .where('deviceId', '=', deviceId)
      .orderBy('atMs', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return rows.map(fromRow)
  }

  /** Devices that are signed in now. */
  async standing(whose: Whose): Promise<SignedInDevice[]> {
    const nowMs = this.#scope.clock.nowMs()
    const all = await standingRows(this.#scope, whose)
    return all.filter(({ endMs }) => endMs > nowMs).map(({ id, name }) => ({ id, name }))
  }

  /** Signs out a device, or every device of a user. @returns those that were signed in until now. */
  async end(whose: Whose, o: By = {}): Promise<SignedInDevice[]> {
    return this.#scope.atomically((scope) => endSignIns(scope, whose, { ...o, because: 'signed-out' }))
  }
}

export type Whose = { readonly userId: string } | { readonly deviceId: string }

/**
 * Ends what stands, in the transaction of what is the reason for it: a device that had a sign-in has none when that is
 * durable, and then everybody is told to cut.
 */
export async function endSignIns(
  scope: StoreScope,
  whose: Whose,
  { because, by = 'system' }: By & { because: SignInEnd },
): Promise<SignedInDevice[]> {
  const nowMs = scope.clock.nowMs()
  const standing = await standingRows(scope, whose)
  for (const { signIn, id } of standing) {
    await scope.db
      .updateTable('signIn')
      .set({ endedMs: nowMs, endedBecause: because, endedBy: by })
      .where('id', '=', signIn)
      .execute()
    scope.publish('identity', { kind: 'client-device', id })
    scope.touch('client-device', id, { policy: true })
  }
  return standing.filter(({ endMs }) => endMs > nowMs).map(({ id, name }) => ({ id, name }))
}

function standingRows({ db }: StoreScope, whose: Whose) {
  const all = db
    .selectFrom('signIn')
    .innerJoin('device', 'device.id', 'signIn.deviceId')
    .select(['signIn.id as signIn', 'signIn.endMs', 'device.id', 'device.name'])
    .where('signIn.endedMs', 'is', null)
    .orderBy('device.name')
  const some =
    'userId' in whose
      ? all.where('signIn.userId', '=', whose.userId)
      : all.where('signIn.deviceId', '=', whose.deviceId)
  return some.execute()
}

/** With the device itself goes what is known of who signed in on it: the audit log has it. */
export async function forgetSignIns(scope: StoreScope, deviceId: string): Promise<void> {
  await scope.db.deleteFrom('signIn').where('deviceId', '=', deviceId).execute()
}

function fromRow(row: Tables['signIn']): SignInRecord {
  const { fromAddress, endedMs, endedBecause, endedBy, ...rest } = row
  return {
    ...rest,
    from: fromAddress ?? undefined,
    ended:
      endedMs === null
        ? undefined
        : { atMs: endedMs, because: endedBecause as SignInEnd, by: endedBy ?? 'system' },
  }
}
