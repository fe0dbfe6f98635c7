/**
 * STATE/identity.json, mode 0600: what a role keeps that is not sealed to its machine. Beside it, until enrolment is
 * complete, the key pair that it asks for.
 *
 * @module
 */
import type * as z from 'zod'
import { Fault, type Hop } from '../../base/faults.ts'
import type { StateDir } from '../../base/state-dir.ts'
import { keyPair } from './agent-certificate.ts'
import type { EnrolStore } from './enrol.ts'

const FILE = 'identity.json'
const PENDING_FILE = 'enrolment.json'

export interface IdentityFile<Held> extends EnrolStore<Held> {
  /** @returns undefined before enrolment. @throws {Fault} INVALID for a damaged file; STATE_UNWRITABLE. */
  load(): Promise<Held | undefined>
}

export function identityFile<Held>(state: StateDir, schema: z.ZodType<Held>, hop: Hop): IdentityFile<Held> {
  return {
    load: () => read(state, FILE, schema, hop),
    save: (identity) => state.write(FILE, `${JSON.stringify(identity, undefined, 2)}\n`),
    pending: () => read(state, PENDING_FILE, keyPair, hop),
    keepPending: (pair) => state.write(PENDING_FILE, `${JSON.stringify(pair)}\n`),
    dropPending: () => state.remove(PENDING_FILE),
  }
}

async function read<T>(
  state: StateDir,
  name: string,
  schema: z.ZodType<T>,
  hop: Hop,
): Promise<T | undefined> {
  const text = await state.read(name)
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    const file = state.file(name)
    throw new Fault('INVALID', `${file} is damaged: remove it and enrol again`, {
      cause,
      hop,
      seen: { file },
    })
  }
}
