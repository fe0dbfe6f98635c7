import { z } from 'zod'
import { disconnected } from './diagnosis.ts'
import { name, reference, timestamp } from './fields.ts'
import { warnings } from './lint.ts'
import { base, hostFacts, names } from './record-fields.ts'
import { connectorVitals, liveVitals } from './vitals.ts'

export const CONNECTOR_STATES = [
  'connected',
  'healthy',
  'degraded',
  'draining',
  'disconnected',
  'disabled',
] as const

const edgeName = z.object({ id: z.string(), name: z.string() })

export const connector = z
  .object({
    kind: z.literal('connector'),
    ...base,
    group: z.string(),
    names,
    enabled: z.boolean(),
    state: z.enum(CONNECTOR_STATES),
    /** Why it is not there, in a few words; `disconnected` says more. */
    away: z.object({ code: z.string(), because: z.string() }).optional(),
    host: hostFacts,
    provisioningKey: z.string().optional(),
    enrolledAt: timestamp,
    certificateEndsAt: timestamp,
    serial: z.string(),
    publicKeyHash: z.string(),
    generation: z.number().int().min(0),
    /** Machine factors the identity is sealed to. */
    factors: z.array(z.string()),
    lastAddress: z.string().optional(),
    lastSeenAt: timestamp.optional(),
    /** While it is connected: what it last said of itself. */
    live: z
      .object({
        connectedAt: timestamp,
        address: z.string(),
        sessions: z.number().int().min(0),
        tunnels: z.number().int().min(0),
        cpuPercent: z.number().min(0),
        rssBytes: z.number().int().min(0),
        rttUs: z.number().int().min(0),
        /** The edge that its control connection comes in by. */
        edge: edgeName,
        /** How far it is from each edge: no time means not reached, and the code says why. */
        edges: z.array(
          edgeName.extend({ rttUs: z.number().int().min(0).optional(), code: z.string().optional() }),
        ),
        /** Ahead of the clock of the server when it came; negative is behind. */
        clockSkewMs: z.number().int(),
        /** Why it is degraded: applications that it does not reach, or not as it should; the first few. */
        failing: z.array(
          z.object({
            host: z.string(),
            port: z.number().int(),
            code: z.string(),
            hop: z.string(),
            detail: z.string(),
          }),
        ),
        ...liveVitals,
      })
      .optional(),
    /** While it is not: what the control plane last knew, and what explains it. */
    disconnected: disconnected.optional(),
    /** What the control plane has seen of it, and of its group; not in lists. */
    vitals: connectorVitals.optional(),
  })
  .meta({ id: 'Connector', description: 'An enrolled App Connector' })

export const connectorWritten = connector.safeExtend({ warnings }).meta({ id: 'ConnectorWritten' })

export const connectorPatch = z
  .strictObject({ name: name.optional(), enabled: z.boolean().optional(), group: reference.optional() })
  .meta({ id: 'ConnectorPatch' })
