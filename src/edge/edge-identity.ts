/**
 * STATE/identity.json of a remote edge, mode 0600: key, certificate, and where home is. Not sealed to the machine: it
 * holds no secret of a user, edges are rebuilt on other machines, and a stolen one is shut out by disabling the edge.
 *
 * @module
 */
import * as z from 'zod'
import { credentialsOf, enrolledIdentity, keyPair } from '../agent/identity/agent-certificate.ts'
import type { EnrolStore } from '../agent/identity/enrol.ts'
import { Fault } from '../base/faults.ts'
import type { StateDir } from '../base/state-dir.ts'
import type { Credentials } from '../link/dial/credentials.ts'

const FILE = 'identity.json'
const PENDING_FILE = 'enrolment.json'

const edgeIdentity = z.strictObject({
  ...enrolledIdentity.shape,
  /** The edge beside the control plane. */
  home: z.strictObject({ host: z.string(), port: z.number() }),
})
export type EdgeIdentity = z.infer<typeof edgeIdentity>

/** @returns undefined before enrolment. @throws {Fault} INVALID for a damaged file; STATE_UNWRITABLE. */
export async function loadEdgeIdentity(state: StateDir): Promise<EdgeIdentity | undefined> {
  return read(state, FILE, edgeIdentity)
}

export async function saveEdgeIdentity(state: StateDir, identity: EdgeIdentity): Promise<void> {
  await state.write(FILE, `${JSON.stringify(identity, undefined, 2)}\n`)
}

export function edgeEnrolStore(state: StateDir): EnrolStore<EdgeIdentity> {
  return {
    pending: () => read(state, PENDING_FILE, keyPair),
    keepPending: (pair) => state.write(PENDING_FILE, `${JSON.stringify(pair)}\n`),
    dropPending: () => state.remove(PENDING_FILE),
    save: (identity) => saveEdgeIdentity(state, identity),
  }
}

export function credentialsOfEdge(identity: EdgeIdentity): Credentials {
  return credentialsOf('edge', identity.id, identity)
}

async function read<T>(state: StateDir, name: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await state.read(name)
  if (text === undefined) return undefined
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    const file = state.file(name)
    throw new Fault('INVALID', `${file} is damaged: remove it and enrol again`, {
      cause,
      hop: 'edge',
      seen: { file },
    })
  }
}
