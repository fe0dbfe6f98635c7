import { z } from 'zod'
import { HOPS } from '../base/faults.ts'
import { faultCode, host, id, microseconds, port, protocol, unixMs } from './values.ts'

/** Set-up times of one session, in microseconds, by the hop that measured them. */
export const sessionTimes = z.strictObject({
  policyUs: microseconds.optional(),
  selectionUs: microseconds.optional(),
  ticketUs: microseconds.optional(),
  handoverUs: microseconds.optional(),
  innerTlsUs: microseconds.optional(),
  dnsUs: microseconds.optional(),
  connectUs: microseconds.optional(),
  /** Local accept to first answer byte possible: what the user waited. */
  totalUs: microseconds.optional(),
})
export type SessionTimes = z.infer<typeof sessionTimes>

/** One end's record of one session; control joins the two by `session`. */
export const sessionReport = z.strictObject({
  session: id,
  side: z.enum(['client', 'connector']),
  state: z.enum(['open', 'closed']),
  pipe: id.optional(),
  user: z.string().max(128).optional(),
  device: id.optional(),
  connector: id.optional(),
  edge: id.optional(),
  segment: id.optional(),
  rule: id.optional(),
  protocol,
  host,
  port,
  /** Address the connector connected to. */
  address: z.string().max(64).optional(),
  startedMs: unixMs,
  endedMs: unixMs.optional(),
  times: sessionTimes,
  /** Client to application, and back. */
  bytesUp: z.number().int().min(0),
  bytesDown: z.number().int().min(0),
  /** It was a trace, not a person's. */
  canary: z.literal(true).optional(),
  /** `done` for an orderly end, else the fault. */
  closeReason: z.union([z.literal('done'), faultCode]).optional(),
  closeHop: z.enum(HOPS).optional(),
  closeDetail: z.string().max(1024).optional(),
})
export type SessionReport = z.infer<typeof sessionReport>
