import { z } from 'zod'
import { FAULTS, type FaultCode, HOPS } from '../base/faults.ts'

export const FAULT_URN = 'urn:backstitch:fault:'

/** RFC 9457 problem details: what every answer of 400 and above holds. */
export const problem = z
  .object({
    /** `urn:backstitch:fault:CODE` */
    type: z.string().regex(/^urn:backstitch:fault:[A-Z0-9_]+$/),
    title: z.string(),
    status: z.number().int(),
    /** What happened here. */
    detail: z.string(),
    /** Id of the request, as it stands in the log. */
    instance: z.string(),
    code: z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]]),
    hop: z.enum(HOPS),
    /** Can the same request succeed later, with nothing changed by a person? */
    retry: z.boolean(),
    cause: z.string(),
    fix: z.string(),
    verify: z.string(),
    /** Evidence, by name. */
    seen: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
      .optional(),
    /** Each place in the request that is wrong, as a JSON pointer. */
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details; `type` is the fault code' })
export type Problem = z.infer<typeof problem>
