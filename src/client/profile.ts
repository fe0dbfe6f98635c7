import { z } from 'zod'

/** STATE/profile.json, mode 0600: everything a client needs to come back after a restart. */
export const profileSchema = z.strictObject({
  version: z.literal(1),
  edge: z.strictObject({ host: z.string(), port: z.number().int().min(1).max(65_535) }),
  /** SHA-256 of the tenant root certificate, hex. */
  pin: z.string().regex(/^[0-9a-f]{64}$/),
  tenant: z.string(),
  deviceId: z.string(),
  user: z.string(),
  rootPem: z.string(),
  keyPem: z.string(),
  certificate: z.string(),
  notAfterMs: z.number().int(),
  generation: z.number().int().min(0),
})
export type Profile = z.infer<typeof profileSchema>
