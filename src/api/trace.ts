/**
 * A trace through the whole path of one user to one application, and refusals that can be asked about.
 *
 * @module
 */
import { z } from 'zod'
import { FAULTS, type FaultCode } from '../base/faults.ts'
import { TRACE_HOPS, traceStep } from '../wire/control.ts'
import { failedLine } from './failed-line.ts'
import { hostOrAddress, portNumber, timestamp } from './fields.ts'

const faultCode = z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]])
const protocol = z.enum(['tcp', 'udp'])
const word = z.string().min(1).max(128)

export const traceInput = z
  .strictObject({
    /** Name or id. */
    user: word,
    host: hostOrAddress,
    port: portNumber,
    protocol: protocol.default('tcp'),
    /** Name or id; by default the one that is online, then the one that was seen last. */
    device: word.optional(),
  })
  .meta({ id: 'TraceInput' })
export type TraceInput = z.output<typeof traceInput>

/** Why the first hop that failed did, and what to do. */
export const traceFinding = z.object({
  hop: z.enum(TRACE_HOPS),
  code: faultCode,
  title: z.string(),
  cause: z.string(),
  seen: z.array(z.string()),
  /** Of a decision: what would make it a yes. */
  wouldPass: z.string().optional(),
  fix: z.array(z.string()),
  verify: z.object({ run: z.string(), expect: z.string() }),
})
export type TraceFinding = z.infer<typeof traceFinding>

export const traceReport = z
  .object({
    id: z.string(),
    at: timestamp,
    durationMs: z.number().int().min(0),
    /** `unknown`: nothing failed, and a hop could not be looked at. */
    outcome: z.enum(['healthy', 'fault', 'unknown']),
    /** One line for people: the hop, the code, the cause. */
    headline: z.string(),
    /** `device`: a canary from the user's device; `facts`: what the control plane knows, without it. */
    from: z.enum(['device', 'facts']),
    user: z.object({ id: z.string(), name: z.string() }),
    device: z
      .object({ id: z.string(), name: z.string(), online: z.boolean(), lastSeen: timestamp.optional() })
      .optional(),
    host: z.string(),
    port: portNumber,
    protocol,
    segment: z.string().optional(),
    rule: z.string().optional(),
    connector: z.string().optional(),
    edge: z.string().optional(),
    /** The session that the canary was. */
    session: z.string().optional(),
    finding: traceFinding.optional(),
    /** What the connectors behind the segment had said before: of the application, and of themselves. */
    known: z
      .array(
        z.object({
          /** Name of the connector. */
          from: z.string(),
          at: timestamp.optional(),
          code: faultCode.optional(),
          text: z.string(),
        }),
      )
      .optional(),
    /** One for every hop, in the order in which a session meets them. */
    steps: z.array(traceStep),
  })
  .meta({ id: 'TraceReport' })
export type TraceReport = z.infer<typeof traceReport>

/** One line of the answer: a step for every hop as it becomes certain, then `report`; or `failed`, which ends it. */
export const traceLine = z
  .union([
    z.object({ step: traceStep }).meta({ id: 'TraceLineStep' }),
    z.object({ report: traceReport }).meta({ id: 'TraceEnd' }),
    failedLine,
  ])
  .meta({ id: 'TraceLine' })
export type TraceLine = z.infer<typeof traceLine>

export const denial = z
  .object({
    kind: z.literal('denial'),
    id: z.string(),
    at: timestamp,
    user: z.string().optional(),
    device: z.string(),
    /** What the ids are called; those of user and device as of then. */
    names: z.record(z.string(), z.string()),
    host: z.string(),
    port: portNumber,
    protocol,
    /** Address that the device asked from. */
    from: z.string(),
    code: faultCode,
    hop: z.string(),
    title: z.string(),
    detail: z.string(),
    segment: z.string().optional(),
    /** The rule that denied, or the one that would have allowed but for the condition. */
    rule: z.string().optional(),
    /** The condition of the rule that did not hold. */
    condition: z
      .object({ name: z.string(), wanted: z.array(z.string()), seen: z.array(z.string()) })
      .optional(),
    wouldPass: z.string().optional(),
    /** How often it was refused within a minute, where more than once, and when for the last time. */
    times: z.number().int().min(2).optional(),
    lastAt: timestamp.optional(),
    /** What tells how it would be decided now. */
    trace: z.string(),
  })
  .meta({ id: 'Denial', description: 'A denial: a device was refused an application' })
export type DenialResource = z.infer<typeof denial>
