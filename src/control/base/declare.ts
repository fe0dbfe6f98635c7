/**
 * Writing declared objects: the one way in for REST and for `apply`, with the audit record of what changed.
 *
 * @module
 */
import type { FieldChange } from '../../api/apply.ts'
import { InvalidFault } from '../../api/invalid.ts'
import { OBJECT_KINDS, type ObjectKind, type ObjectSpecs } from '../../api/kinds.ts'
import { Fault } from '../../base/faults.ts'
import type { AuditEntry } from '../../store/audit.ts'
import type { ExpectedVersion } from '../../store/expected-version.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { SignedInDevice } from '../../store/sign-ins.ts'
import type { Repositories } from '../../store/store.ts'
import { diff } from './diff.ts'

export interface Declaration<K extends ObjectKind = ObjectKind> {
  readonly kind: K
  /** Of the object to change; absent to create one. */
  readonly id?: string
  readonly name: string
  readonly spec: ObjectSpecs[K]
  readonly expectVersion?: ExpectedVersion
  /** Of users: the hash of a new password; null takes theirs away. */
  readonly passwordHash?: string | null
  /** Who does it, as the audit log names them. */
  readonly by?: string
}

export interface DeclareResult {
  readonly stored: StoredObject
  /** Empty when what was declared is what there was. */
  readonly changes: readonly FieldChange[]
  /** Devices of the user that were signed in until now. */
  readonly signedOut?: readonly SignedInDevice[]
  readonly audit: readonly Omit<AuditEntry, 'actor'>[]
}

/** @throws {Fault} INVALID, CONFLICT, NOT_FOUND, PRECONDITION_FAILED. */
export async function declare(tx: Repositories, declaration: Declaration): Promise<DeclareResult> {
  const { kind, id, name, spec, expectVersion, passwordHash, by } = declaration
  const before = id === undefined ? undefined : await tx.objects.get(kind, id)
  const standing = () =>
    kind === 'user' && before !== undefined ? tx.signIns.standing({ userId: before.id }) : undefined
  await keepFactType(tx, before, spec)
  const signedIn = await standing()
  const stored = await tx.objects.put({ kind, id: before?.id, name, spec, expectVersion, by })
  await checkFacts(tx, stored)
  const changes = diff(before === undefined ? undefined : { name: before.name, ...before.spec }, {
    name: stored.name,
    ...stored.spec,
  })
  if (passwordHash === null) {
    if (await tx.passwords.remove(stored.id, { by })) changes.push({ path: '/password', from: '(hidden)' })
  } else if (passwordHash !== undefined) {
    await tx.passwords.put(stored.id, passwordHash, { by })
    changes.push({ path: '/password', to: '(hidden)' })
  }
  const still = new Set((await standing())?.map((device) => device.id))
  const gone = (signedIn ?? []).filter((device) => !still.has(device.id))
  const signedOut = gone.length === 0 ? undefined : gone
  const action = `${kind}.${before === undefined ? 'create' : 'update'}`
  const detail = { name, changes, ...(signedOut && { signedOut: signedOut.map((device) => device.id) }) }
  const entry = { action, object: `${kind} ${stored.id}`, detail }
  return { stored, changes, signedOut, audit: changes.length === 0 ? [] : [entry] }
}

/** @throws {Fault} NOT_FOUND, IN_USE, PRECONDITION_FAILED. */
export async function retract(
  tx: Repositories,
  kind: ObjectKind,
  idOrName: string,
  o: { expectVersion?: ExpectedVersion } = {},
): Promise<Omit<AuditEntry, 'actor'>> {
  const before = await tx.objects.get(kind, idOrName)
  await tx.objects.delete(kind, before.id, o)
  return {
    action: `${kind}.delete`,
    object: `${kind} ${before.id}`,
    detail: { name: before.name, was: before.spec },
  }
}

/** A rule that was right when it was written would then compare a fact with a value that it can never have. */
async function keepFactType(tx: Repositories, before: StoredObject | undefined, spec: object): Promise<void> {
  if (before?.kind !== 'posture-fact') return
  const was = (before.spec as ObjectSpecs['posture-fact']).valueType
  const willBe = (spec as ObjectSpecs['posture-fact']).valueType
  if (was === willBe) return
  const users = await tx.objects.usedBy(before.id)
  if (users.length === 0) return
  const what = `${OBJECT_KINDS['posture-fact'].title} ${before.name} is a ${was}`
  throw new Fault('IN_USE', `${what} as required by ${users.join(', ')}: it cannot become a ${willBe}`, {
    seen: { users },
  })
}

/** A rule that compares a fact with a value it can never have would deny for ever, and nobody would know why. */
async function checkFacts(tx: Repositories, stored: StoredObject): Promise<void> {
  if (stored.kind !== 'access-rule') return
  const { conditions } = stored.spec as ObjectSpecs['access-rule']
  for (const [index, { fact, equals }] of (conditions.posture ?? []).entries()) {
    const { name, spec } = await tx.objects.get('posture-fact', fact)
    if (typeof equals === spec.valueType) continue
    const detail = `${OBJECT_KINDS['posture-fact'].title} ${name} is a ${spec.valueType}, not a ${typeof equals}`
    throw new InvalidFault([{ pointer: `/conditions/posture/${index}/equals`, detail }])
  }
}
