/**
 * Is this agent let in? Asked at the hello, at each renewal and at each question for access.
 *
 * @module
 */
import { rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { idTimeMs } from '../../base/ids.ts'
import type { Identity } from '../../pki/identity.ts'
import { deletedText, type Restoration } from '../../store/deletions.ts'
import type { DeviceRecord } from '../../store/device-record.ts'
import { SIGN_IN_ENDS } from '../../store/sign-ins.ts'
import type { Repositories } from '../../store/store.ts'
import { type AgentRecord, agentRecord } from './agent-record.ts'

type AdmittedReader = Pick<Repositories, 'connectors' | 'devices' | 'edges' | 'objects' | 'signIns'>

/** @throws {Fault} IDENTITY_REVOKED; REAUTH_NEEDED for a device without a sign-in. */
export async function admitted(
  store: AdmittedReader,
  identity: Identity,
  nowMs: number,
): Promise<AgentRecord> {
  const record = await agentRecord(store, identity)
  if (record === undefined || !record.enabled) throw await shutOut(store, identity, record?.name)
  if (identity.role === 'client' && !isSignedIn(record, nowMs))
    throw await whySignedOut(store, { id: identity.id, ...record })
  return record
}

/** Why an agent that is not let in is not: whoever sees it on its machine need not ask around who did it. */
export async function shutOut(
  { objects }: Pick<Repositories, 'objects'>,
  { role, id }: Identity,
  name: string | undefined,
): Promise<Fault> {
  if (name !== undefined) return new Fault('IDENTITY_REVOKED', `${role} ${id} (${name}) is disabled`)
  const kind = (
    { client: 'client-device', connector: 'connector', edge: 'edge', control: undefined } as const
  )[role]
  const deleted = kind && (await objects.deletions(kind)).find((one) => one.id === id)
  if (deleted === undefined) return unknownHere(role, id, await objects.restoration())
  const { name: was, by, atMs } = deleted
  return new Fault('IDENTITY_REVOKED', `${role} ${was} (${id}) was ${deletedText(deleted)}`, {
    seen: { by, deleted: rfc3339(atMs) },
  })
}

/**
 * No deletion is on record. What enrolled after the copy that the server went back to was deleted by nobody: that it was
 * would have its people look for who did it. The number in its id says when it enrolled.
 */
function unknownHere(role: Identity['role'], id: string, restored: Restoration | undefined): Fault {
  const was = `${role} ${id}`
  if (restored === undefined || idTimeMs(id) <= restored.copyMs) {
    return new Fault('IDENTITY_REVOKED', `${was} is not known here; who deleted it is no longer on record`)
  }
  const [enrolled, at] = [rfc3339(idTimeMs(id)), rfc3339(restored.atMs)]
  const why = `the server was restored at ${at} to a copy from before it enrolled (${enrolled})`
  return new Fault('IDENTITY_REVOKED', `${was} is not known here: ${why}`, {
    seen: { enrolled, restored: at },
  })
}

/** Does the sign-in of the device stand, and has it not ended by itself? */
export function isSignedIn({ signIn }: Pick<DeviceRecord, 'signIn'>, nowMs: number): boolean {
  return signIn !== undefined && signIn.endMs > nowMs
}

/** Why it has to be signed in on it again. */
export async function whySignedOut(
  { signIns }: Pick<Repositories, 'signIns'>,
  { id, name }: Pick<DeviceRecord, 'id' | 'name'>,
): Promise<Fault> {
  const device = `device ${name} (${id})`
  const [last] = await signIns.ofDevice(id, 1)
  if (last === undefined) return new Fault('REAUTH_NEEDED', `the sign-in on ${device} is missing`)
  const at = rfc3339(last.atMs)
  if (last.ended === undefined) return signInOver(device, last)
  const ended = rfc3339(last.ended.atMs)
  const because = SIGN_IN_ENDS[last.ended.because]
  return new Fault('REAUTH_NEEDED', `the sign-in of ${at} on ${device} was ended at ${ended}: ${because}`, {
    seen: { signIn: last.id, signedIn: at, ended, because: last.ended.because },
  })
}

/** A sign-in has an end that no renewal moves. */
export function signInOver(
  device: string,
  { id, atMs, endMs }: Pick<DeviceRecord['signIn'] & object, 'id' | 'atMs' | 'endMs'>,
): Fault {
  const [at, ended] = [rfc3339(atMs), rfc3339(endMs)]
  return new Fault('REAUTH_NEEDED', `the sign-in of ${at} on ${device} lasted until ${ended}`, {
    seen: { signIn: id, signedIn: at, ended },
  })
}
