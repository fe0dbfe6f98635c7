/** What is said of something that is not there. */
import { called, type Kind } from '../api/kinds.ts'
import { rfc3339 } from '../base/clock.ts'
import { Fault } from '../base/faults.ts'
import { deletedText, deletionOf } from './deletions.ts'
import type { StoreScope } from './scope.ts'

/** As notFound; of what was there not long ago, with who deleted it and when. */
export async function goneOrNever(
  scope: Pick<StoreScope, 'db'>,
  kind: Kind,
  idOrName: string,
): Promise<Fault> {
  const deleted = await deletionOf(scope, kind, idOrName)
  if (deleted === undefined) return notFound(kind, idOrName)
  const { id, name, by } = deleted
  return new Fault(
    'NOT_FOUND',
    `no ${called(kind).title} ${idOrName} any more: ${name} (${id}) was ${deletedText(deleted)}`,
    { seen: { kind, id, by, deleted: rfc3339(deleted.atMs) } },
  )
}

export function notFound(kind: Kind, idOrName: string): Fault {
  return new Fault('NOT_FOUND', `no ${called(kind).title} ${idOrName}`, { seen: { kind } })
}
