/** What agents send to the control plane. */
import { z } from 'zod'
import { diagnosis } from './diagnosis.ts'
import { edgeStatus, edgesSeen } from './edges.ts'
import { agedSample, figures, MAX_SAMPLES, sessionsBy } from './figures.ts'
import { MAX_HOST_CHARS } from './limits.ts'
import { MAX_OWN_NOTES, note } from './notes.ts'
import { outages } from './outages.ts'
import { reportedPosture } from './posture.ts'
import { run, sessionReport } from './session-report.ts'
import { traceTold } from './trace.ts'
import { faultMessage, host, id, microseconds, pem, port, protocol, unixMs } from './values.ts'

/** Session reports in one message. */
export const MAX_SESSION_REPORTS = 64
/** Entries of `carries` in one message. */
export const MAX_CARRIED = 256

const hello = z.strictObject({
  type: z.literal('hello'),
  version: z.number().int(),
  program: z.string().max(64),
  role: z.enum(['connector', 'client', 'edge']),
  /** Of an agent with sessions: this process, as in its reports. */
  run: run.optional(),
  timeMs: unixMs,
  host: z.string().max(MAX_HOST_CHARS),
  posture: reportedPosture.optional(),
  /** What it takes beyond the first version of this protocol. A name that control does not know means nothing to it. */
  knows: z.array(z.string().max(32)).max(32).optional(),
})
const authorize = z.strictObject({
  type: z.literal('authorize'),
  id,
  /** Of no meaning: control makes the id of the session. */
  session: id.optional(),
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
/** A client asks what is wrong with the way from its device to an application, beyond what a session shows. */
const look = z.strictObject({ type: z.literal('look'), id, host, port })
const renew = z.strictObject({ type: z.literal('renew'), id, csr: pem })
/**
 * One record per session end (and per session that lives long enough to be seen open), many to a message. Told until
 * `session-kept` says that they are durable.
 */
const session = z.strictObject({
  type: z.literal('session'),
  id,
  reports: z.array(sessionReport).max(MAX_SESSION_REPORTS),
  /** Records that this process has given up since its start. */
  shed: z.number().int().min(0),
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
  figures: figures.optional(),
  /** Those that were not told yet, oldest first. */
  samples: z.array(agedSample).max(MAX_SAMPLES).optional(),
  /** Sessions open now by segment, most first. */
  sessionsBy: sessionsBy.optional(),
  /** CONNECTOR_OVERLOADED, while it is. */
  overload: faultMessage.optional(),
  /** MEMORY_LEAK_SUSPECTED, while it looks so. */
  leak: faultMessage.optional(),
  /** What else it serves in spite of; none where it says none. */
  notes: z.array(note).max(MAX_OWN_NOTES).optional(),
})
/** A connector tells of one application it dialled: eligibility follows the application, not the tunnel. */
const reach = z.strictObject({
  type: z.literal('reach'),
  segment: id,
  host,
  port,
  /** TCP, unless it says so. */
  protocol: z.literal('udp').optional(),
  ok: z.boolean(),
  /** Of one that is reached, too: APP_SILENT, APP_TLS_NAME, APP_CERT_EXPIRED, PATH_MTU. */
  fault: faultMessage.optional(),
  /** It tried by itself: no session asked. */
  probe: z.boolean().optional(),
  /** Sessions that have waited for their first byte for long, and nobody was answered since. */
  waits: z.number().int().min(1).optional(),
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
  look,
  renew,
  session,
  status,
  reach,
  carries,
  canary,
  edgesSeen,
  edgeStatus,
  diagnosis,
  outages,
  traceTold,
])
export type AgentMessage = z.infer<typeof agentMessage>
export type HelloMessage = z.infer<typeof hello>
export type StatusMessage = z.infer<typeof status>
export type CarriesMessage = z.infer<typeof carries>
export type CarriedGrant = z.infer<typeof carries>['ended'][number]
