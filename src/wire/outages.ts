/** Outages that an agent has had, told once it is back. */
import { z } from 'zod'
import { HOPS } from '../base/faults.ts'
import { MAX_LINE_CHARS, MAX_LINES } from './diagnosis.ts'
import { faultCode, id, unixMs } from './values.ts'

export const MAX_OUTAGES = 20

/** What the doctor said while it lasted, short. */
const explained = z.strictObject({
  run: id,
  at: z.string().max(40),
  outcome: z.enum(['healthy', 'fault', 'unknown']),
  headline: z.string().max(MAX_LINE_CHARS),
  code: faultCode.optional(),
  hop: z.enum(HOPS).optional(),
  seen: z.array(z.string().max(MAX_LINE_CHARS)).max(MAX_LINES),
  /** Other roots beside the first: `edge TLS_INTERCEPTED`. */
  also: z.array(z.string().max(128)).max(MAX_LINES),
})

/** One that has ended. Told until control says that it is kept; the id makes twice once. */
export const outageRecord = z.strictObject({
  id,
  sinceMs: unixMs,
  endedMs: unixMs,
  attempts: z.number().int().min(1),
  /** Of the last attempt. */
  code: faultCode,
  hop: z.enum(HOPS),
  detail: z.string().max(2048),
  verdict: explained.optional(),
})
export type OutageRecord = z.infer<typeof outageRecord>

export const outages = z.strictObject({
  type: z.literal('outages'),
  outages: z.array(outageRecord).min(1).max(MAX_OUTAGES),
})
/** Control has them for good: they need not be told again. */
export const outagesKept = z.strictObject({
  type: z.literal('outages-kept'),
  ids: z.array(id).min(1).max(MAX_OUTAGES),
})
