import { InvalidFault } from '../../api/invalid.ts'
import type { ObjectKind } from '../../api/kinds.ts'
import { asFault } from '../../base/faults.ts'
import { looksLikeId } from '../../base/ids.ts'
import type { Store } from '../../store/store.ts'

/**
 * Id of what a filter names. An id stays as it is, though nothing has it any more: records of what is gone are there.
 *
 * @param key Of the query.
 * @throws {InvalidFault} for a name that nothing has, or that more than one device has: an empty list would look as if
 *   nothing had happened.
 */
export async function filterId(
  store: Store,
  kind: ObjectKind | 'connector' | 'client-device',
  key: string,
  word: string | undefined,
): Promise<string | undefined> {
  if (word === undefined || looksLikeId(word)) return word
  try {
    if (kind === 'connector') return (await store.connectors.get(word)).id
    if (kind === 'client-device') return (await store.devices.get(word)).id
    return (await store.objects.get(kind, word)).id
  } catch (thrown) {
    const fault = asFault(thrown)
    if (fault.code !== 'NOT_FOUND') throw thrown
    throw new InvalidFault([{ pointer: `/${key}`, detail: `query parameter: ${fault.detail}` }], {
      cause: fault,
    })
  }
}
