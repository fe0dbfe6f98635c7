/**
 * What enrolment or a sign-in leaves on a machine, and renewal replaces: the part that all roles have.
 *
 * @module
 */
import * as z from 'zod'
import type { Credentials } from '../../link/dial/credentials.ts'
import type { AgentRole } from '../../pki/identity.ts'

export const keyPair = z.strictObject({
  keyPem: z.string(),
  /** The request for `keyPem`: sent again to renew, and to come back as the same one after an expiry. */
  csrPem: z.string(),
})
export type KeyPair = z.infer<typeof keyPair>

export interface AgentCertificate extends KeyPair {
  readonly tenant: string
  /** Leaf, then intermediate. */
  readonly certificate: string
  readonly rootPem: string
  readonly notAfterMs: number
  /** When the certificate came, by the clock that its renewal goes by. */
  readonly receivedMs: number
  readonly generation: number
}

/** Of a role that a provisioning key lets in. */
export const enrolledIdentity = z.strictObject({
  id: z.string(),
  tenant: z.string(),
  ...keyPair.shape,
  certificate: z.string(),
  rootPem: z.string(),
  notAfterMs: z.number(),
  receivedMs: z.number(),
  generation: z.number(),
})

export type EnrolledIdentity = z.infer<typeof enrolledIdentity>

export function credentialsOf(role: AgentRole, id: string, held: AgentCertificate): Credentials {
  const { tenant, keyPem, certificate, rootPem, notAfterMs, generation } = held
  return { identity: { tenant, role, id }, keyPem, certificate, rootPem, notAfterMs, generation }
}

/** Two thirds of the life of the certificate, counted from when it came, so that a clock that is off matters little. */
export function renewAtMs({ receivedMs, notAfterMs }: AgentCertificate): number {
  return receivedMs + ((notAfterMs - receivedMs) * 2) / 3
}
