/** Values that messages are made of, with their limits. */
import { z } from 'zod'
import { FAULTS, type FaultCode, HOPS } from '../base/faults.ts'
import { MAX_HOST_CHARS } from './limits.ts'

export const id = z.string().min(1).max(64)
export const faultCode = z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]])
export const pem = z.string().max(16_384)
export const jws = z.string().max(16_000)
export const microseconds = z.number().int().min(0)
export const host = z.string().min(1).max(MAX_HOST_CHARS)
export const port = z.number().int().min(1).max(65_535)
export const protocol = z.enum(['tcp', 'udp'])
/** Until the end of the year 9999: what is later has no date, and whoever wanted to show it would throw. */
export const unixMs = z.number().int().positive().max(253_402_300_799_999)

/** Which part of a list this is: it counts when all are there, and part 0 begins it anew. */
export const part = z.strictObject({ at: z.number().int().min(0), of: z.number().int().min(1).max(1000) })

/** The keys that grants or tickets are verified with, as pki/key-set.ts signs and reads them. */
export const keySet = z.string().max(8192)

/** A fault as it travels: the same fields as Fault. */
export const faultMessage = z.strictObject({
  code: faultCode,
  hop: z.enum(HOPS),
  detail: z.string().max(2048),
  seen: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])).optional(),
})
export type FaultMessage = z.infer<typeof faultMessage>
