/**
 * What a connector says of itself when it is asked, and what is known of one that cannot be asked.
 *
 * @module
 */
import { z } from 'zod'
import { FAULTS, type FaultCode, HOPS } from '../base/faults.ts'
import { diagnosisReport, finding, judgement, outageRecord } from '../wire/control.ts'
import { failedLine } from './failed-line.ts'
import { cidr, hostOrAddress, portNumber, timestamp } from './fields.ts'

export const diagnoseInput = z
  .strictObject({
    /** An application to look at the way to, too. What its segment says of it is added. */
    app: z
      .strictObject({
        host: hostOrAddress,
        port: portNumber,
        /** By default TCP, or UDP where its segment has the port for nothing else. */
        protocol: z.enum(['tcp', 'udp']).optional(),
        /** Where its address is expected; by default as its segment says. */
        networks: z.array(cidr).max(256).optional(),
      })
      .optional(),
  })
  .meta({ id: 'DiagnoseInput' })

/** One line of the answer. The last one is `report` or `failed`. */
export const diagnoseLine = z
  .union([
    z.object({ step: judgement }).meta({ id: 'DiagnoseStep' }),
    /** The headline, as soon as nothing can come before it. */
    z.object({ first: finding }).meta({ id: 'DiagnoseFirst' }),
    z.object({ report: diagnosisReport }).meta({ id: 'DiagnoseEnd' }),
    failedLine,
  ])
  .meta({ id: 'DiagnoseLine', description: 'Progress or end of an examination' })
export type DiagnoseLine = z.infer<typeof diagnoseLine>

const faultCode = z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]])

/** What the control plane can say of a connector that is not connected. */
export const disconnected = z.object({
  /** When it was last there. */
  since: timestamp.optional(),
  lastAddress: z.string().optional(),
  left: z.enum(['orderly', 'closed', 'silent', 'unknown']),
  /** Its last word. */
  lastState: z.enum(['connected', 'healthy', 'degraded', 'draining']).optional(),
  code: faultCode,
  hop: z.enum(HOPS),
  cause: z.string(),
  seen: z.array(z.string()),
  fix: z.string(),
  /** What to run on its machine. */
  run: z.string(),
  verify: z.object({ run: z.string(), expect: z.string() }),
})

/** The same of a person's device. A code only where control or the device itself has found one: to be switched off is none. */
export const deviceDisconnected = disconnected
  .omit({ lastState: true })
  .extend({ code: faultCode.optional(), hop: z.enum(HOPS).optional() })

export const outage = z
  .object({
    kind: z.literal('outage'),
    ...outageRecord.omit({ sinceMs: true, endedMs: true }).shape,
    since: timestamp,
    ended: timestamp,
  })
  .meta({ id: 'Outage', description: 'A time when a connector was disconnected, as it reported afterwards' })
export type OutageResource = z.infer<typeof outage>

export const outageList = z.object({ items: z.array(outage) }).meta({ id: 'OutageList' })
