import { z } from 'zod'
import { moment, name, reference, timestamp } from './fields.ts'
import { warnings } from './lint.ts'
import { base, names } from './record-fields.ts'

export const provisioningKey = z
  .object({
    kind: z.literal('provisioning-key'),
    ...base,
    /** Of a key for connectors. */
    group: z.string().optional(),
    /** Of a key for an edge. */
    edge: z.string().optional(),
    names,
    uses: z.number().int().min(0),
    maxUses: z.number().int().min(1),
    expiresAt: timestamp,
    revoked: z.boolean(),
    state: z.enum(['usable', 'exhausted', 'expired', 'revoked']),
    /** Who came with it last and was not let in, since the server started, and has not enrolled since. */
    refused: z
      .object({
        at: timestamp,
        address: z.string(),
        /** As the machine calls itself. */
        host: z.string(),
        times: z.number().int().min(1),
        code: z.string(),
        detail: z.string(),
      })
      .optional(),
  })
  .meta({ id: 'ProvisioningKey', description: 'An enrolment token, without its secret' })

const maxUses = z.number().int().min(1).max(10_000)

export const provisioningKeyInput = z
  .strictObject({
    name,
    /** Connector group that connectors enrolled with it join. */
    group: reference.optional(),
    /** Or the edge that enrols with it. */
    edge: reference.optional(),
    maxUses: maxUses.default(1),
    /** By default 24 hours from now. */
    expiresAt: moment.optional(),
  })
  .refine(({ group, edge }) => (group === undefined) !== (edge === undefined), {
    path: ['group'],
    message: 'a key is for connectors of one group, or for one edge: give exactly one of group and edge',
  })
  .meta({ id: 'ProvisioningKeyInput' })

export const provisioningKeyPatch = z
  .strictObject({
    maxUses: maxUses.optional(),
    expiresAt: moment.optional(),
    revoked: z.boolean().optional(),
  })
  .meta({ id: 'ProvisioningKeyPatch' })

export const provisioningKeyWritten = provisioningKey
  .safeExtend({ warnings })
  .meta({ id: 'ProvisioningKeyWritten' })

export const provisioningKeyCreated = provisioningKey
  .safeExtend({
    /** The key itself. Shown this once; the store keeps only its hash. */
    key: z.string(),
    warnings,
  })
  .meta({ id: 'ProvisioningKeyCreated', description: 'The only answer that contains the key' })
