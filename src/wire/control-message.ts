/** What the control plane sends to agents. */
import { z } from 'zod'
import { diagnose } from './diagnosis.ts'
import { edgeState, edgesKnown, knownEdge, MAX_EDGES } from './edges.ts'
import { probe } from './figures.ts'
import { lanes, lanesChanged } from './lanes.ts'
import { MAX_HOST_CHARS } from './limits.ts'
import { outagesKept } from './outages.ts'
import { shard } from './shard.ts'
import { trace } from './trace.ts'
import { faultMessage, host, id, jws, keySet, microseconds, pem, port, unixMs } from './values.ts'

/** Where to bring a half of a pipe, and the permission to. */
export const pipeTicket = z.strictObject({
  pipe: id,
  edge: z.strictObject({ id, host, port }),
  ticket: jws,
  /** Named when the half is brought; none where somebody of the three does not know of shards. */
  shard: shard.optional(),
  /** Identity URI that must be at the other end of the end-to-end TLS session. */
  peer: z.string().max(256),
  ticketUs: microseconds,
})
export type PipeTicket = z.infer<typeof pipeTicket>

export const MAX_REVOKED = 10_000
/** What is said of one application. */
export const MAX_NOTES = 4

const welcome = z.strictObject({
  type: z.literal('welcome'),
  agent: id,
  tenant: id,
  serverTimeMs: unixMs,
  /** The edge that this connection came through. */
  edge: z.strictObject({ id, host, port }),
  /** Edges that can be used now; none where control does not say. */
  edges: z.array(knownEdge).max(MAX_EDGES).optional(),
  /** Of the agent, where it is known: for a connector that of its group. */
  region: z.string().max(64).optional(),
  /** To a connector: the name of its group, for the commands that its machine prints. */
  group: z.string().max(256).optional(),
  /** To connectors what verifies grants, to edges what verifies tickets. */
  keys: keySet.optional(),
  /** Ids of grants revoked and not yet expired. */
  revoked: z.array(id).max(MAX_REVOKED),
  /** To clients: host patterns and networks this user may reach now, for the PAC file. A hint; policy decides per session. */
  covers: z
    .strictObject({
      hosts: z.array(z.string().max(MAX_HOST_CHARS)).max(2000),
      cidrs: z.array(z.string().max(49)).max(2000),
    })
    .optional(),
  /** To clients: names that need no tunnel. */
  lanes: lanes.optional(),
})
const granted = z.strictObject({
  type: z.literal('granted'),
  id,
  grant: jws,
  grantId: id,
  /** Of the session that it was asked for: the first of this grant (base/session-id.ts). */
  session: id,
  expiresMs: unixMs,
  segment: id,
  segmentName: z.string().max(256),
  rule: id,
  connector: id,
  /** For people. */
  connectorName: z.string().max(256).optional(),
  /** Hosts and ports of this grant, so that the client knows what it covers without asking again. */
  covers: z.strictObject({
    hosts: z.array(z.string().max(MAX_HOST_CHARS)).max(256),
    cidrs: z.array(z.string().max(49)).max(256),
    tcp: z.array(z.tuple([port, port])).max(64),
    udp: z.array(z.tuple([port, port])).max(64),
  }),
  /** Present when a pipe was asked for. */
  pipe: pipeTicket.optional(),
  policyUs: microseconds,
  selectionUs: microseconds,
  because: z.string().max(1024),
  /** What connectors have said of the application that a connection alone does not show: nothing where all is well. */
  notes: z.array(faultMessage).max(MAX_NOTES).optional(),
})
const denied = z.strictObject({ type: z.literal('denied'), id, denial: id, fault: faultMessage })
const pipeReady = z.strictObject({ type: z.literal('pipe'), id, pipe: pipeTicket })
/**
 * `well`: every hop was looked at. Neither `found` nor well: not everything could be. Not `fault`: that is what a request was
 * refused with, and this is its answer.
 */
const looked = z.strictObject({
  type: z.literal('looked'),
  id,
  well: z.boolean(),
  found: faultMessage.optional(),
})
const renewed = z.strictObject({
  type: z.literal('renewed'),
  id,
  certificate: pem,
  notAfterMs: unixMs,
  /** To clients: as in the answer to a sign-in. */
  signInEndsMs: unixMs.optional(),
  generation: z.number().int().min(0),
})
const ticket = z.strictObject({ type: z.literal('ticket'), pipe: pipeTicket, session: id })
const revoke = z.strictObject({
  type: z.literal('revoke'),
  grants: z.array(id).max(MAX_REVOKED),
  detail: z.string().max(256),
})
/** To connectors and edges: takes the place of the set of the welcome. */
const keys = z.strictObject({ type: z.literal('keys'), keys: keySet })
/** Both halves of the canary pipe; the connector brings them itself. */
const canaryPipe = z.strictObject({
  type: z.literal('canary-pipe'),
  id,
  client: pipeTicket,
  connector: pipeTicket,
})
/** Reports of the `session` with this id are durable, but for those that were refused: they need not be told again. */
const sessionKept = z.strictObject({
  type: z.literal('session-kept'),
  id,
  refused: z.number().int().min(0),
})
const failed = z.strictObject({ type: z.literal('failed'), id, fault: faultMessage })
/** The clock of the control plane has jumped: what it signs from now on is of this time. */
const time = z.strictObject({ type: z.literal('time'), serverTimeMs: unixMs })
/** The control plane ends the connection and says why. */
const goodbye = z.strictObject({ type: z.literal('goodbye'), fault: faultMessage })

export const controlMessage = z.discriminatedUnion('type', [
  welcome,
  granted,
  denied,
  pipeReady,
  looked,
  renewed,
  ticket,
  revoke,
  keys,
  canaryPipe,
  sessionKept,
  failed,
  time,
  goodbye,
  lanesChanged,
  edgesKnown,
  edgeState,
  diagnose,
  outagesKept,
  probe,
  trace,
])
export type ControlMessage = z.infer<typeof controlMessage>
export type WelcomeMessage = Extract<ControlMessage, { type: 'welcome' }>
export type EdgeStateMessage = Extract<ControlMessage, { type: 'edge-state' }>
