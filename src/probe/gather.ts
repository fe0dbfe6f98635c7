import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { replaceFile } from '../base/durable-file.ts'
import type { FactorName } from '../pki/seal.ts'
import { readMachine } from './machine.ts'

export interface GatherFactorsOptions {
  /** Where `readMachine` of the service is told to look: its option `gathered`. */
  readonly file: string
  /** The user that the service runs as. */
  readonly owner: { readonly uid: number; readonly gid: number }
  readonly root?: string
}

/**
 * Writes the factors that this user can read to a file that only the service user can: for a step that runs as root
 * before the service starts. Factors are evidence of a machine and no business of its other users.
 *
 * @returns What was found, and why the rest was not.
 * @throws the error of the file system.
 */
export async function gatherMachine({ file, owner, root }: GatherFactorsOptions): Promise<{
  found: FactorName[]
  missing: Partial<Record<FactorName, string>>
}> {
  const { factors, missing } = await readMachine({ root })
  await mkdir(path.dirname(file), { recursive: true, mode: 0o755 })
  await replaceFile(file, JSON.stringify(factors), { mode: 0o400, owner })
  return { found: Object.keys(factors) as FactorName[], missing }
}
