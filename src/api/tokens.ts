import { z } from 'zod'
import { moment, name, timestamp } from './fields.ts'
import { base } from './record-fields.ts'
import { ROLES } from './roles.ts'

export const token = z
  .object({
    kind: z.literal('token'),
    ...base,
    role: z.enum(ROLES),
    expiresAt: timestamp.optional(),
    lastUsedAt: timestamp.optional(),
  })
  .meta({ id: 'Token', description: 'An API token, without its secret' })

export const tokenInput = z
  .strictObject({ name, role: z.enum(ROLES), expiresAt: moment.optional() })
  .meta({ id: 'TokenInput' })

export const tokenCreated = token
  .safeExtend({
    /** The token itself. Shown this once; the store keeps only its hash. */
    token: z.string(),
  })
  .meta({ id: 'TokenCreated', description: 'The only answer that contains the token' })

export const whoami = z
  .object({ id: z.string(), name: z.string(), role: z.enum(ROLES), expiresAt: timestamp.optional() })
  .meta({ id: 'WhoAmI' })
