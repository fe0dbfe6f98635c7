import { checkDocuments, type DeclaredDocument } from '../../api/documents.ts'
import { InvalidFault } from '../../api/invalid.ts'
import { inSlices } from '../../base/slices.ts'
import type { Store } from '../../store/store.ts'
import { checkPassword, hashPassword } from '../base/password.ts'

/** Documents that were checked, with the hash of each password that is not the one that is set. */
export interface Prepared {
  readonly declared: readonly DeclaredDocument[]
  /** By number of the document. */
  readonly passwords: ReadonlyMap<number, string>
}

/**
 * Checks documents and hashes passwords: all that takes time and needs no transaction.
 *
 * @throws {InvalidFault} with pointers below `/documents`.
 */
export async function prepare(
  store: Store,
  documents: readonly Record<string, unknown>[],
): Promise<Prepared> {
  const declared = await atDocuments(() => inSlices(checkDocuments(documents)))
  const passwords = new Map<number, string>()
  for (const [index, { kind, name, password }] of declared.entries()) {
    if (password === undefined) continue
    const user = await store.objects.find(kind, name)
    const kept = user && (await store.passwords.get(user.id))
    if (kept !== undefined && (await checkPassword(password, kept))) continue
    passwords.set(index, await hashPassword(password))
  }
  return { declared, passwords }
}

async function atDocuments<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (fault) {
    if (!(fault instanceof InvalidFault)) throw fault
    throw new InvalidFault(fault.errors.map((one) => ({ ...one, pointer: `/documents${one.pointer}` })))
  }
}
