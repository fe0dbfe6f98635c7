import { z } from 'zod'
import { timestamp } from './fields.ts'

export const auditRecord = z
  .object({
    kind: z.literal('audit'),
    seq: z.number().int().min(1),
    at: timestamp,
    actor: z.string(),
    action: z.string(),
    object: z.string(),
    detail: z.record(z.string(), z.unknown()),
    prevHash: z.string(),
    hash: z.string(),
  })
  .meta({ id: 'AuditRecord', description: 'One link of the audit chain' })

export const auditVerdict = z
  .union([
    z
      .object({
        intact: z.literal(true),
        /** Number of the last record. */
        records: z.number().int(),
        head: z.string(),
        /** The last record that is in archives: the chain of the server follows from it. */
        archived: z.object({ seq: z.number().int(), hash: z.string() }).optional(),
      })
      .meta({ id: 'AuditIntact' }),
    z
      .object({ intact: z.literal(false), seq: z.number().int(), because: z.string() })
      .meta({ id: 'AuditBroken' }),
  ])
  .meta({ id: 'AuditVerdict' })
