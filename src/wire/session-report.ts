import { z } from 'zod'
import { HOPS } from '../base/faults.ts'
import { MAX_DETAIL_BYTES } from './limits.ts'
import { faultCode, id, microseconds, port, protocol, unixMs } from './values.ts'

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

/** One process of an agent: sessions end with it. */
export const run = z.string().min(1).max(16)

/**
 * What one end measured of one session, which control joins by `session`. Who it was, where to, by which rule and through
 * which connector control knows from the grant, and is told by nobody.
 */
export const sessionReport = z.strictObject({
  session: id,
  /** Id of the grant that it was opened with. */
  grant: id,
  side: z.enum(['client', 'connector']),
  state: z.enum(['open', 'closed']),
  /** The process that has, or had, the session. */
  run: run.optional(),
  pipe: id.optional(),
  edge: id.optional(),
  /** Of a connector: by it the room for records that wait is shared out. Control has it from the grant. */
  device: id.optional(),
  protocol,
  port,
  /** Address the connector connected to. */
  address: z.string().max(64).optional(),
  startedMs: unixMs,
  endedMs: unixMs.optional(),
  times: sessionTimes,
  /** Client to application, and back. */
  bytesUp: z.number().int().min(0),
  bytesDown: z.number().int().min(0),
  /** `done` for an orderly end, else the fault. */
  closeReason: z.union([z.literal('done'), faultCode]).optional(),
  closeHop: z.enum(HOPS).optional(),
  closeDetail: z.string().max(MAX_DETAIL_BYTES).optional(),
  /** Of a client: the session that it was tried again as, before the local program noticed anything. */
  continuedAs: id.optional(),
})
export type SessionReport = z.infer<typeof sessionReport>
