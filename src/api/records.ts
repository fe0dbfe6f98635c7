/**
 * Records as the API gives them: what machines and people brought about, and the little of it that an admin
 * may change.
 *
 * @module
 */
import { z } from 'zod'
import { FAULTS, type FaultCode, HOPS } from '../base/faults.ts'
import { sessionReport, sessionTimes } from '../wire/control.ts'
import { disconnected } from './diagnosis.ts'
import { failedLine } from './failed-line.ts'
import { factValue, moment, name, reference, timestamp } from './fields.ts'
import { warnings } from './lint.ts'
import { ROLES } from './roles.ts'
import { connectorVitals, liveVitals } from './vitals.ts'

export const base = {
  id: z.string(),
  name: z.string(),
  version: z.number().int().min(1),
  createdAt: timestamp,
  updatedAt: timestamp,
}
/** What the ids in this resource are called. */
export const names = z.record(z.string(), z.string())
export const hostFacts = z.object({ name: z.string(), platform: z.string(), program: z.string() })
export const posture = z.record(z.string().min(1).max(64), factValue)

// ── provisioning keys ───────────────────────────────────────────────────────────────────────────────

export const provisioningKey = z
  .object({
    kind: z.literal('provisioning-key'),
    ...base,
    /** Of a key for connectors. */
    group: z.string().optional(),
    /** Of a key for an edge. */
    edge: z.string().optional(),
    names,
    uses: z.number().int().min(0),
    maxUses: z.number().int().min(1),
    expiresAt: timestamp,
    revoked: z.boolean(),
    state: z.enum(['usable', 'exhausted', 'expired', 'revoked']),
    /** Who came with it last and was not let in, since the server started, and has not enrolled since. */
    refused: z
      .object({
        at: timestamp,
        address: z.string(),
        /** As the machine calls itself. */
        host: z.string(),
        times: z.number().int().min(1),
        code: z.string(),
        detail: z.string(),
      })
      .optional(),
  })
  .meta({ id: 'ProvisioningKey', description: 'An enrolment token, without its secret' })

const maxUses = z.number().int().min(1).max(10_000)

export const provisioningKeyInput = z
  .strictObject({
    name,
    /** Connector group that connectors enrolled with it join. */
    group: reference.optional(),
    /** Or the edge that enrols with it. */
    edge: reference.optional(),
    maxUses: maxUses.default(1),
    /** By default 24 hours from now. */
    expiresAt: moment.optional(),
  })
  .refine(({ group, edge }) => (group === undefined) !== (edge === undefined), {
    path: ['group'],
    message: 'a key is for connectors of one group, or for one edge: give exactly one of group and edge',
  })
  .meta({ id: 'ProvisioningKeyInput' })

export const provisioningKeyPatch = z
  .strictObject({
    maxUses: maxUses.optional(),
    expiresAt: moment.optional(),
    revoked: z.boolean().optional(),
  })
  .meta({ id: 'ProvisioningKeyPatch' })

export const provisioningKeyWritten = provisioningKey
  .safeExtend({ warnings })
  .meta({ id: 'ProvisioningKeyWritten' })

export const provisioningKeyCreated = provisioningKey
  .safeExtend({
    /** The key itself. Shown this once; the store keeps only its hash. */
    key: z.string(),
    warnings,
  })
  .meta({ id: 'ProvisioningKeyCreated', description: 'The only answer that contains the key' })

// ── connectors ──────────────────────────────────────────────────────────────────────────────────────

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

// ── sessions ────────────────────────────────────────────────────────────────────────────────────────

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

// ── audit ───────────────────────────────────────────────────────────────────────────────────────────

export const auditRecord = z
  .object({
    kind: z.literal('audit'),
    seq: z.number().int().min(1),
    at: timestamp,
    actor: z.string(),
    action: z.string(),
    object: z.string(),
    detail: z.record(z.string(), z.unknown()),
    prevHash: z.string(),
    hash: z.string(),
  })
  .meta({ id: 'AuditRecord', description: 'One link of the audit chain' })

export const auditVerdict = z
  .union([
    z
      .object({
        intact: z.literal(true),
        /** Number of the last record. */
        records: z.number().int(),
        head: z.string(),
        /** The last record that is in archives: the chain of the server follows from it. */
        archived: z.object({ seq: z.number().int(), hash: z.string() }).optional(),
      })
      .meta({ id: 'AuditIntact' }),
    z
      .object({ intact: z.literal(false), seq: z.number().int(), because: z.string() })
      .meta({ id: 'AuditBroken' }),
  ])
  .meta({ id: 'AuditVerdict' })

// ── tokens ──────────────────────────────────────────────────────────────────────────────────────────

export const token = z
  .object({
    kind: z.literal('token'),
    ...base,
    role: z.enum(ROLES),
    expiresAt: timestamp.optional(),
    lastUsedAt: timestamp.optional(),
  })
  .meta({ id: 'Token', description: 'An API token, without its secret' })

export const tokenInput = z
  .strictObject({ name, role: z.enum(ROLES), expiresAt: moment.optional() })
  .meta({ id: 'TokenInput' })

export const tokenCreated = token
  .safeExtend({
    /** The token itself. Shown this once; the store keeps only its hash. */
    token: z.string(),
  })
  .meta({ id: 'TokenCreated', description: 'The only answer that contains the token' })

export const whoami = z
  .object({ id: z.string(), name: z.string(), role: z.enum(ROLES), expiresAt: timestamp.optional() })
  .meta({ id: 'WhoAmI' })
