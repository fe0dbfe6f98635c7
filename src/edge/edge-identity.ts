/**
 * STATE/identity.json of a remote edge, mode 0600: key, certificate, and where home is. Not sealed to the machine: it
 * holds no secret of a user, edges are rebuilt on other machines, and a stolen one is shut out by disabling the edge.
 *
 * @module
 */
import { z } from 'zod'
import { Fault } from '../base/faults.ts'
import type { StateDir } from '../base/state-dir.ts'
import type { Credentials } from '../link/dial/credentials.ts'

const FILE = 'identity.json'
const PENDING_FILE = 'enrolment.json'

const keyPair = z.strictObject({ keyPem: z.string(), csrPem: z.string() })
export type KeyPair = z.infer<typeof keyPair>

const edgeIdentity = z.strictObject({
  id: z.string(),
  tenant: z.string(),
  ...keyPair.shape,
  /** Leaf, then intermediate. */
  certificate: z.string(),
  rootPem: z.string(),
  notAfterMs: z.number(),
  /** When the certificate came, by the clock of this machine. */
  receivedMs: z.number(),
  generation: z.number(),
  /** The edge beside the control plane. */
  home: z.strictObject({ host: z.string(), port: z.number() }),
})
export type EdgeIdentity = z.infer<typeof edgeIdentity>

/** @returns undefined before enrolment. @throws {Fault} INVALID for a damaged file; STATE_UNWRITABLE. */
export async function loadIdentity(state: StateDir): Promise<EdgeIdentity | undefined> {
  return read(state, FILE, edgeIdentity)
}

export async function saveIdentity(state: StateDir, identity: EdgeIdentity): Promise<void> {
  await state.write(FILE, `${JSON.stringify(identity, undefined, 2)}\n`)
}

/** The pair of an enrolment that has not ended: a crash repeats the same public key, at no further use of the key. */
export async function loadPending(state: StateDir): Promise<KeyPair | undefined> {
  return read(state, PENDING_FILE, keyPair)
}

export async function savePending(state: StateDir, pair: KeyPair): Promise<void> {
  await state.write(PENDING_FILE, `${JSON.stringify(pair)}\n`)
}

export async function dropPending(state: StateDir): Promise<void> {
  await state.remove(PENDING_FILE)
}

export function credentialsOf(identity: EdgeIdentity): Credentials {
  const { id, tenant, keyPem, certificate, rootPem, notAfterMs, generation } = identity
  return { identity: { tenant, role: 'edge', id }, keyPem, certificate, rootPem, notAfterMs, generation }
}

/** Two thirds of the life of the certificate, counted from when it came. */
export function renewAtMs({ receivedMs, notAfterMs }: EdgeIdentity): number {
  return receivedMs + ((notAfterMs - receivedMs) * 2) / 3
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
