/**
 * Declarative configuration over the API: documents in, a plan out, applied or not.
 *
 * @module
 */
import { z } from 'zod'
import { OBJECT_KIND_NAMES, type ObjectKind } from './kinds.ts'
import { warnings } from './lint.ts'
import { signedOutDevices } from './sign-ins.ts'

export const MAX_DOCUMENTS = 10_000

/** One object as a file declares it: its kind, its name, and the fields of the kind. */
export const document = z
  .looseObject({ kind: z.string().max(64), name: z.string().max(128) })
  .meta({ id: 'Document', description: 'kind, name, and the fields of that kind as in its Input schema' })

export const applyRequest = z
  .strictObject({
    documents: z.array(document).max(MAX_DOCUMENTS),
    dryRun: z.boolean().default(false).meta({
      description:
        'Show the plan and change nothing; a dry run is repeated even for the same Idempotency-Key',
    }),
    /** Delete objects that are not in the documents, of those kinds that are. */
    prune: z.boolean().default(false),
  })
  .meta({ id: 'ApplyRequest' })
export type ApplyRequest = z.infer<typeof applyRequest>

/** One field that differs. */
export const fieldChange = z
  .object({
    /** JSON pointer into the object. */
    path: z.string(),
    /** Absent where there was nothing. */
    from: z.unknown().optional(),
    /** Absent where nothing will be. */
    to: z.unknown().optional(),
  })
  .meta({ id: 'FieldChange' })
export type FieldChange = z.infer<typeof fieldChange>

export const planStep = z
  .object({
    action: z.enum(['create', 'update', 'delete', 'unchanged']),
    kind: z.enum(OBJECT_KIND_NAMES as [ObjectKind, ...ObjectKind[]]),
    name: z.string(),
    /** Absent until it is created. */
    id: z.string().optional(),
    changes: z.array(fieldChange),
    /** Of a user: devices that this signs out. */
    signedOut: signedOutDevices.optional(),
  })
  .meta({ id: 'PlanStep' })
export type PlanStep = z.infer<typeof planStep>

export const applyReply = z
  .object({
    /** false for a dry run. */
    applied: z.boolean(),
    /** In the order in which it is, or would be, done. */
    steps: z.array(planStep),
    summary: z.object({
      create: z.number().int(),
      update: z.number().int(),
      delete: z.number().int(),
      unchanged: z.number().int(),
    }),
    /** What lint finds about the declared objects, as they are or would be afterwards. */
    warnings,
    /** Policy version after it. */
    policyVersion: z.number().int(),
  })
  .meta({ id: 'ApplyReply' })
export type ApplyReply = z.infer<typeof applyReply>
