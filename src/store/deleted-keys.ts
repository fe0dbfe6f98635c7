/**
 * What became of provisioning keys that are gone. A machine that comes with one is told that it was deleted, when and
 * by whom; without this it would hear that its key is of another control plane, and a person would look there.
 *
 * @module
 */
import { rfc3339 } from '../base/clock.ts'
import { Fault } from '../base/faults.ts'
import type { StoreScope } from './scope.ts'
import type { Tables } from './tables.ts'

/** A key that turns up after this long is as good as unknown. */
const KEEP_MS = 400 * 86_400_000

export async function rememberDeleted(
  scope: StoreScope,
  { secretHash, id, name, groupId, edgeId }: Tables['provisioningKey'],
  deletedBy: string,
): Promise<void> {
  const deletedMs = scope.clock.nowMs()
  await scope.db
    .deleteFrom('deletedKey')
    .where('deletedMs', '<', deletedMs - KEEP_MS)
    .execute()
  const row = { secretHash, id, name, groupId, edgeId, deletedBy, deletedMs }
  await scope.db.insertInto('deletedKey').values(row).execute()
}

/** Why no key has this secret: KEY_REVOKED if there was one, else KEY_UNKNOWN. */
export async function whyNoKey(scope: StoreScope, secretHash: string): Promise<Fault> {
  const gone = await scope.db
    .selectFrom('deletedKey')
    .selectAll()
    .where('secretHash', '=', secretHash)
    .executeTakeFirst()
  if (gone === undefined) return new Fault('KEY_UNKNOWN', 'no provisioning key has this secret')
  const at = rfc3339(gone.deletedMs)
  return new Fault('KEY_REVOKED', `key ${gone.name} (${gone.id}) was deleted at ${at} by ${gone.deletedBy}`, {
    seen: { key: gone.id, ...(await meantFor(scope, gone)), deleted: at, by: gone.deletedBy },
  })
}

/** Evidence for whoever makes the next key: a name can be typed. Of one deleted by an earlier version nothing is known. */
export async function meantFor(
  { db }: StoreScope,
  { groupId, edgeId }: Pick<Tables['provisioningKey'], 'groupId' | 'edgeId'>,
): Promise<Record<string, string>> {
  const id = edgeId ?? groupId
  if (id === '') return {}
  const found = await db.selectFrom('object').select('name').where('id', '=', id).executeTakeFirst()
  if (edgeId !== null) return { edge: id, ...(found && { edgeName: found.name }) }
  return { group: id, ...(found && { groupName: found.name }) }
}
