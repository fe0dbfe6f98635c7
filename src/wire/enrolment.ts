/**
 * What is asked before an agent has a certificate: HTTP POST, JSON bodies of at most 32 KiB.
 *
 * @module
 */
import { z } from 'zod'
import { MAX_HOST_CHARS } from './limits.ts'
import { id, pem, unixMs } from './values.ts'

/** POST /enrol, by a connector whose key file holds a provisioning key. */
export const enrolRequest = z.strictObject({
  version: z.number().int(),
  /** Who asks; a connector where it is not said. */
  role: z.enum(['connector', 'edge']).optional(),
  /** Connector group, by name or id, that the machine is meant for: a key of another one is refused. */
  group: z.string().min(1).max(128).optional(),
  /** Provisioning key secret, base64url. */
  secret: z.string().max(128),
  csr: pem,
  /** What the connector says of itself; evidence, never authority. */
  host: z.strictObject({
    name: z.string().max(MAX_HOST_CHARS),
    platform: z.string().max(128),
    program: z.string().max(64),
  }),
  /** SHA-256 of each machine factor with a tenant-independent salt, never the factor itself. */
  fingerprint: z.record(z.string().max(32), z.string().max(64)),
  timeMs: unixMs,
})
export type EnrolRequest = z.infer<typeof enrolRequest>

/** POST /login, by a person's client. */
export const loginRequest = z.strictObject({
  version: z.number().int(),
  user: z.string().min(1).max(128),
  password: z.string().min(1).max(1024),
  csr: pem,
  device: z.strictObject({
    name: z.string().max(MAX_HOST_CHARS),
    platform: z.string().max(128),
    program: z.string().max(64),
  }),
  timeMs: unixMs,
})
export type LoginRequest = z.infer<typeof loginRequest>

/** The answer to both. */
export const certificateReply = z.strictObject({
  id,
  tenant: id,
  /** Leaf, then intermediate. */
  certificate: pem,
  root: pem,
  notAfterMs: unixMs,
  /** Of a client: when somebody has to sign in on it again, whatever is renewed until then. */
  signInEndsMs: unixMs.optional(),
  generation: z.number().int().min(0),
  serverTimeMs: unixMs,
})
export type CertificateReply = z.infer<typeof certificateReply>
