/**
 * STATE/profile.json, mode 0600: everything a client needs to come back after a restart, in one file, so that a
 * crash leaves either the old whole or the new whole.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { credentialsOf } from '../../agent/identity/agent-certificate.ts'
import { Fault } from '../../base/faults.ts'
import type { StateDir } from '../../base/state-dir.ts'
import type { Credentials } from '../../link/dial/credentials.ts'

const FILE = 'profile.json'

export const profileSchema = z.strictObject({
  version: z.literal(1),
  edge: z.strictObject({ host: z.string().min(1).max(253), port: z.number().int().min(1).max(65_535) }),
  /** SHA-256 of the tenant root certificate, hex. */
  pin: z.string().regex(/^[0-9a-f]{64}$/),
  tenant: z.string(),
  deviceId: z.string(),
  user: z.string(),
  rootPem: z.string(),
  keyPem: z.string(),
  /** The request for `keyPem`: sent again to renew, and when the same user signs in again. */
  csrPem: z.string(),
  certificate: z.string(),
  /** By this machine's clock. */
  receivedMs: z.number().int(),
  notAfterMs: z.number().int(),
  /** When somebody has to sign in again: no certificate outlives it. */
  signInEndsMs: z.number().int().optional(),
  generation: z.number().int().min(0),
})
export type Profile = z.infer<typeof profileSchema>

/** @returns `undefined` if nobody has signed in here. @throws {Fault} INVALID for a damaged file; STATE_UNWRITABLE. */
export async function loadProfile(state: StateDir): Promise<Profile | undefined> {
  const text = await state.read(FILE)
  if (text === undefined) return undefined
  try {
    return profileSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new Fault('INVALID', `${state.file(FILE)} is damaged: remove it and sign in again`, {
      cause,
      hop: 'client',
      seen: { file: state.file(FILE) },
    })
  }
}

/** @throws {Fault} PROTOCOL_ERROR if the certificate is not for the key of the profile; STATE_UNWRITABLE. */
export async function saveProfile(state: StateDir, profile: Profile): Promise<void> {
  const leaf = new X509Certificate(profile.certificate)
  if (!leaf.checkPrivateKey(createPrivateKey(profile.keyPem))) {
    throw new Fault('PROTOCOL_ERROR', "the certificate received is not for this device's key", {
      hop: 'control',
    })
  }
  await state.write(FILE, `${JSON.stringify(profileSchema.parse(profile), undefined, 2)}\n`)
}

export function credentialsOfDevice(profile: Profile): Credentials {
  return credentialsOf('client', profile.deviceId, profile)
}
