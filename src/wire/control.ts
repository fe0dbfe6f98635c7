/**
 * Messages between agents (connectors, clients) and the control plane: JSON, one per WebSocket text frame,
 * over mutual TLS with ALPN `backstitch-control/1`; and the bodies of the two requests made before an agent
 * has a certificate. Spec: docs/protocol.md, "Control messages". Every message is validated on arrival;
 * unknown fields are refused.
 *
 * Steady state: agent sends `hello`; control answers `welcome`. A client sends `authorize` and gets `granted`
 * or `denied`, by `id`; the connector chosen gets `ticket`, unasked. Ends send `session` when a session ends.
 *
 * @module
 */
import { z } from 'zod'
import { FAULTS, type FaultCode, HOPS } from '../base/faults.ts'

export const PROTOCOL_VERSION = 1
/** A message over this is refused before it is parsed. */
export const MAX_MESSAGE_BYTES = 262_144
/** Session reports in one message: at their largest they stay within MAX_MESSAGE_BYTES. */
export const MAX_SESSION_REPORTS = 64
/** As many entries of `carries` in one message, for the same reason. */
export const MAX_CARRIED = 256

const id = z.string().min(1).max(64)
const faultCode = z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]])
const pem = z.string().max(16_384)
const jws = z.string().max(12_000)
const microseconds = z.number().int().min(0)
const host = z.string().min(1).max(253)
const port = z.number().int().min(1).max(65_535)
const protocol = z.enum(['tcp', 'udp'])
const unixMs = z.number().int().positive()

/** A fault as it travels: the same fields as Fault. */
export const faultMessage = z.strictObject({
  code: faultCode,
  hop: z.enum(HOPS),
  detail: z.string().max(2048),
  seen: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])).optional(),
})
export type FaultMessage = z.infer<typeof faultMessage>

// ── before there is a certificate: HTTP POST, JSON bodies of at most 32 KiB ─────────────────────────

/** POST /enrol, by a connector whose key file holds a provisioning key. */
export const enrolRequest = z.strictObject({
  version: z.number().int(),
  /** Provisioning key secret, base64url. */
  secret: z.string().max(128),
  csr: pem,
  /** What the connector says of itself; evidence, never authority. */
  host: z.strictObject({
    name: z.string().max(253),
    platform: z.string().max(128),
    program: z.string().max(64),
  }),
  /** SHA-256 of each machine factor with a tenant-independent salt, never the factor itself. */
  fingerprint: z.record(z.string().max(32), z.string().max(64)),
  timeMs: unixMs,
})
export type EnrolRequest = z.infer<typeof enrolRequest>

/** POST /login, by a person's client. */
export const loginRequest = z.strictObject({
  version: z.number().int(),
  user: z.string().min(1).max(128),
  password: z.string().min(1).max(1024),
  csr: pem,
  device: z.strictObject({
    name: z.string().max(253),
    platform: z.string().max(128),
    program: z.string().max(64),
  }),
  timeMs: unixMs,
})
export type LoginRequest = z.infer<typeof loginRequest>

/** The answer to both. */
export const certificateReply = z.strictObject({
  id,
  tenant: id,
  /** Leaf, then intermediate. */
  certificate: pem,
  root: pem,
  notAfterMs: unixMs,
  generation: z.number().int().min(0),
  serverTimeMs: unixMs,
})
export type CertificateReply = z.infer<typeof certificateReply>

// ── agent → control ─────────────────────────────────────────────────────────────────────────────────

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
  /** `done` for an orderly end, else the fault. */
  closeReason: z.union([z.literal('done'), faultCode]).optional(),
  closeHop: z.enum(HOPS).optional(),
  closeDetail: z.string().max(1024).optional(),
})
export type SessionReport = z.infer<typeof sessionReport>

const hello = z.strictObject({
  type: z.literal('hello'),
  version: z.number().int(),
  program: z.string().max(64),
  role: z.enum(['connector', 'client']),
  timeMs: unixMs,
  host: z.string().max(253),
  posture: z.record(z.string().max(64), z.union([z.string().max(256), z.number(), z.boolean()])).optional(),
})
const authorize = z.strictObject({
  type: z.literal('authorize'),
  id,
  session: id,
  host,
  port,
  protocol,
  /** Ask for a pipe to the connector chosen, unless it is one of `have`. */
  wantPipe: z.boolean(),
  /** Connectors this client has a tunnel to: a pipe to one of them would be of no use. */
  have: z.array(id).max(64).optional(),
})
/** Another pipe to a connector the client holds a grant for, without asking policy again. */
const wantPipe = z.strictObject({ type: z.literal('want-pipe'), id, connector: id, session: id })
const renew = z.strictObject({ type: z.literal('renew'), id, csr: pem })
/** One record per session end (and per session that lives long enough to be seen open), many to a message. */
const session = z.strictObject({
  type: z.literal('session'),
  reports: z.array(sessionReport).min(1).max(MAX_SESSION_REPORTS),
})
/** What a connector is and does, every 30 s and on change. */
const status = z.strictObject({
  type: z.literal('status'),
  state: z.enum(['connected', 'healthy', 'degraded', 'draining']),
  sessions: z.number().int().min(0),
  tunnels: z.number().int().min(0),
  cpuPercent: z.number().min(0),
  rssBytes: z.number().int().min(0),
  rttUs: microseconds.optional(),
})
/** A connector tells of one application it dialled: eligibility follows the application, not the tunnel. */
const reach = z.strictObject({
  type: z.literal('reach'),
  segment: id,
  host,
  port,
  ok: z.boolean(),
  fault: faultMessage.optional(),
})
/**
 * Sessions of a connector go on when their grant has ended; policy is asked about them as before, so that taking a
 * permission away cuts long sessions, too. One entry for each grant, protocol and port; told every 30 s.
 */
const carries = z.strictObject({
  type: z.literal('carries'),
  ended: z
    .array(z.strictObject({ grant: id, user: id, device: id, segment: id, rule: id, protocol, host, port }))
    .min(1)
    .max(MAX_CARRIED),
})
/** A connector asks for tickets to a pipe with itself: the canary through the data path. */
const canary = z.strictObject({ type: z.literal('canary'), id })

export const agentMessage = z.discriminatedUnion('type', [
  hello,
  authorize,
  wantPipe,
  renew,
  session,
  status,
  reach,
  carries,
  canary,
])
export type AgentMessage = z.infer<typeof agentMessage>
export type CarriedGrant = z.infer<typeof carries>['ended'][number]

// ── control → agent ─────────────────────────────────────────────────────────────────────────────────

const signingKey = z.strictObject({
  kid: id,
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().max(64),
})

/** Where to bring a half of a pipe, and the permission to. */
export const pipeTicket = z.strictObject({
  pipe: id,
  edge: z.strictObject({ id, host, port }),
  ticket: jws,
  /** Identity URI that must be at the other end of the end-to-end TLS session. */
  peer: z.string().max(256),
  ticketUs: microseconds,
})
export type PipeTicket = z.infer<typeof pipeTicket>

const welcome = z.strictObject({
  type: z.literal('welcome'),
  agent: id,
  tenant: id,
  serverTimeMs: unixMs,
  edge: z.strictObject({ id, host, port }),
  /** Keys that grants are signed with, newest first. */
  grantKeys: z.array(signingKey).max(8),
  /** Ids of grants revoked and not yet expired. */
  revoked: z.array(id).max(10_000),
  /** To clients: host patterns and networks this user may reach now, for the PAC file. A hint; policy decides per session. */
  covers: z
    .strictObject({
      hosts: z.array(z.string().max(253)).max(2000),
      cidrs: z.array(z.string().max(49)).max(2000),
    })
    .optional(),
})
const granted = z.strictObject({
  type: z.literal('granted'),
  id,
  grant: jws,
  grantId: id,
  expiresMs: unixMs,
  segment: id,
  segmentName: z.string(),
  rule: id,
  connector: id,
  /** Hosts and ports of this grant, so that the client knows what it covers without asking again. */
  covers: z.strictObject({
    hosts: z.array(z.string().max(253)).max(256),
    cidrs: z.array(z.string().max(49)).max(256),
    tcp: z.array(z.tuple([port, port])).max(64),
    udp: z.array(z.tuple([port, port])).max(64),
  }),
  /** Present when a pipe was asked for. */
  pipe: pipeTicket.optional(),
  policyUs: microseconds,
  selectionUs: microseconds,
  because: z.string().max(1024),
})
const denied = z.strictObject({ type: z.literal('denied'), id, denial: id, fault: faultMessage })
const pipeReady = z.strictObject({ type: z.literal('pipe'), id, pipe: pipeTicket })
const renewed = z.strictObject({
  type: z.literal('renewed'),
  id,
  certificate: pem,
  notAfterMs: unixMs,
  generation: z.number().int().min(0),
})
const ticket = z.strictObject({ type: z.literal('ticket'), pipe: pipeTicket, session: id })
const revoke = z.strictObject({
  type: z.literal('revoke'),
  grants: z.array(id).max(10_000),
  detail: z.string().max(256),
})
const grantKeys = z.strictObject({ type: z.literal('grant-keys'), keys: z.array(signingKey).max(8) })
/** Both halves of the canary pipe; the connector brings them itself. */
const canaryPipe = z.strictObject({
  type: z.literal('canary-pipe'),
  id,
  client: pipeTicket,
  connector: pipeTicket,
})
const failed = z.strictObject({ type: z.literal('failed'), id, fault: faultMessage })
/** The control plane ends the connection and says why. */
const goodbye = z.strictObject({ type: z.literal('goodbye'), fault: faultMessage })

export const controlMessage = z.discriminatedUnion('type', [
  welcome,
  granted,
  denied,
  pipeReady,
  renewed,
  ticket,
  revoke,
  grantKeys,
  canaryPipe,
  failed,
  goodbye,
])
export type ControlMessage = z.infer<typeof controlMessage>
