import { z } from 'zod'
import { FAULTS, type FaultCode, HOPS } from '../base/faults.ts'
import { sessionReport, sessionTimes } from '../wire/control.ts'
import { failedLine } from './failed-line.ts'
import { timestamp } from './fields.ts'

const optionalId = z.string().optional()

const closeReason = z.union([z.literal('done'), z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]])])

const sessionAttempt = z
  .object({
    id: z.string(),
    connector: optionalId,
    connectorName: z.string().optional(),
    edge: optionalId,
    startedAt: timestamp,
    endedAt: timestamp.optional(),
    closeReason: closeReason.optional(),
    closeHop: z.enum(HOPS).optional(),
    closeDetail: z.string().optional(),
  })
  .meta({ id: 'SessionAttempt', description: 'An attempt that failed before its user noticed' })

export const session = z
  .object({
    kind: z.literal('session'),
    id: z.string(),
    state: z.enum(['open', 'closed']),
    protocol: z.enum(['tcp', 'udp']),
    host: z.string(),
    port: z.number().int(),
    address: z.string().optional(),
    user: optionalId,
    device: optionalId,
    connector: optionalId,
    edge: optionalId,
    segment: optionalId,
    rule: optionalId,
    grant: optionalId,
    pipe: optionalId,
    /** What the ids are called, as of when the session was recorded. */
    names: z.object({
      user: z.string().optional(),
      device: z.string().optional(),
      connector: z.string().optional(),
      edge: z.string().optional(),
      segment: z.string().optional(),
      rule: z.string().optional(),
    }),
    /** Why this connector was chosen. */
    because: z.string().optional(),
    /** Why its pipe went over this edge. */
    edgeBecause: z.string().optional(),
    startedAt: timestamp,
    endedAt: timestamp.optional(),
    times: sessionTimes,
    bytesUp: z.number().int().min(0),
    bytesDown: z.number().int().min(0),
    /** A trace, not a person's. */
    canary: z.literal(true).optional(),
    closeReason: closeReason.optional(),
    closeHop: z.enum(HOPS).optional(),
    closeDetail: z.string().optional(),
    /** It failed before its user noticed, and this session was opened in its place. */
    continuedAs: optionalId,
    /** What was tried before it and failed, oldest first. */
    attempts: z.array(sessionAttempt).optional(),
    /** Each end's own report. */
    sides: z.object({ client: sessionReport.optional(), connector: sessionReport.optional() }),
  })
  .meta({ id: 'Session', description: 'One user connection to one application, as every hop saw it' })

/** A line of the stream; the last may say why it has ended. */
export const sessionLine = z.union([session, failedLine]).meta({ id: 'SessionLine' })

export type SessionLine = z.infer<typeof sessionLine>

export type SessionResource = z.infer<typeof session>
