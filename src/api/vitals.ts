/** How connectors are doing, as the API gives it: figures, what is wrong with them, and the health of segments. */
import { z } from 'zod'
import { figures } from '../wire/figures.ts'
import { faultMessage } from '../wire/values.ts'
import { timestamp } from './fields.ts'

const count = z.number().int().min(0)

/** What of a connected connector is told beside its counts. */
export const liveVitals = {
  figures: figures.optional(),
  /** What its work takes of its machine: the fullest of processor, descriptors and ports, 0 to 1. */
  load: z.number().min(0).optional(),
  /** Open sessions by segment, most first. */
  sessionsBy: z.array(z.object({ segment: z.string(), sessions: count })).optional(),
  /** CONNECTOR_OVERLOADED, while it says so. */
  overload: faultMessage.optional(),
  /** MEMORY_LEAK_SUSPECTED, while it says so. */
  leak: faultMessage.optional(),
  /** What else it says it serves in spite of: STOOD_STILL, FLAPPING, EDGE_FAR… */
  notes: z.array(faultMessage).optional(),
}

const passage = z.object({
  at: timestamp,
  is: z.enum(['connected', 'disconnected']),
  address: z.string(),
  code: z.string().optional(),
  hop: z.string().optional(),
})

/** What a control plane that runs has seen of a connector, and of its group. */
export const connectorVitals = z.object({
  /** When it came and went, oldest first, 20 at most. */
  timeline: z.array(passage),
  /** FLAPPING, with period and causes. */
  flapping: faultMessage.optional(),
  /** What remains of its group when one is lost. */
  spare: z.object({ enough: z.boolean(), text: z.string() }),
})

export const connectorHistory = z
  .object({
    connector: z.string(),
    /** One every five seconds of the last five minutes, oldest first. */
    samples: z.array(figures.extend({ at: timestamp, sessions: count })),
  })
  .meta({ id: 'ConnectorHistory', description: 'Metrics of a connector over the last five minutes' })

const applicationHealth = z.object({
  host: z.string(),
  port: z.number().int(),
  /** TCP, unless it says so. */
  protocol: z.literal('udp').optional(),
  /** `degraded`: it can be connected to, and is not as it should be. */
  state: z.enum(['healthy', 'degraded', 'unhealthy']),
  at: timestamp,
  /** The connector tried by itself: no session asked. */
  probe: z.boolean(),
  /** Sessions that have waited for their first byte for long. */
  waits: z.number().int().optional(),
  code: z.string().optional(),
  hop: z.string().optional(),
  detail: z.string().optional(),
})

export const segmentHealth = z
  .object({
    segment: z.string(),
    mode: z.enum(['continuous', 'onAccess', 'none']),
    state: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
    /** HEALTH_UNKNOWN where nobody has asked: no fault. */
    code: z.string().optional(),
    because: z.string(),
    lastUsedAt: timestamp.optional(),
    groups: z.array(
      z.object({
        id: z.string(),
        tier: z.enum(['native', 'failover']),
        spare: z.object({ enough: z.boolean(), text: z.string() }),
      }),
    ),
    connectors: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        group: z.string(),
        state: z.enum(['healthy', 'degraded', 'unhealthy', 'unknown']),
        /** Why it would get no session now. */
        out: z.string().optional(),
        applications: z.array(applicationHealth),
      }),
    ),
  })
  .meta({
    // Not SegmentHealth: generators call the field health of a segment so.
    id: 'SegmentHealthReport',
    description: 'What connectors have recently seen of the applications of a segment',
  })
