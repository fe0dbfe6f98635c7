/**
 * Messages between agents (connectors, clients) and the control plane: JSON, one per WebSocket text frame,
 * over mutual TLS with ALPN `backstitch-control/1`; and the bodies of the two requests made before an agent
 * has a certificate. Spec: docs/protocol.md, "Control connection". Every message is validated on arrival;
 * unknown fields are refused.
 *
 * Steady state: agent sends `hello`; control answers `welcome`. A client sends `authorize` and gets `granted`
 * or `denied`, by `id`; the connector chosen gets `ticket`, unasked. Ends send `session` when a session ends.
 *
 * @module
 */
export {
  type AgentMessage,
  agentMessage,
  type CarriedGrant,
  type CarriesMessage,
  type HelloMessage,
  MAX_CARRIED,
  MAX_SESSION_REPORTS,
  type StatusMessage,
} from './agent-message.ts'
export {
  type ControlMessage,
  controlMessage,
  type EdgeStateMessage,
  MAX_NOTES,
  MAX_REVOKED,
  type PipeTicket,
  type WelcomeMessage,
} from './control-message.ts'
export {
  type DiagnosisFinding,
  type DiagnosisMessage,
  type DiagnosisReport,
  type DiagnosisStep,
  type DiagnosisTarget,
  diagnosisReport,
  finding,
  judgement,
  MAX_LINE_CHARS,
  MAX_LINES,
} from './diagnosis.ts'
export { type KnownEdge, knownEdge, MAX_EDGES, MAX_STATE_IDS, type SeenEdge } from './edges.ts'
export { batches, cutText, encodedBytes, MAX_LIST_BYTES, MAX_MESSAGE_BYTES } from './encoded.ts'
export {
  type CertificateReply,
  certificateReply,
  type EnrolRequest,
  enrolRequest,
  type LoginRequest,
  loginRequest,
} from './enrolment.ts'
export { MAX_PROBES, MAX_SAMPLES, MAX_SESSIONS_BY, type WatchedApplication } from './figures.ts'
export { LISTS, type MessageType } from './lists.ts'
export { MAX_NOTE_CHARS, MAX_OWN_NOTES, NOTE_CODES, type Note } from './notes.ts'
export { MAX_OUTAGES, type OutageRecord, outageRecord } from './outages.ts'
export { type SessionReport, type SessionTimes, sessionReport, sessionTimes } from './session-report.ts'
export {
  ECHO_BYTES,
  ECHO_HOST,
  ECHO_PORT,
  MAX_TRACE_TEXT_CHARS,
  TRACE_HOPS,
  type TraceHop,
  type TraceStep,
  type TraceTold,
  type TraceWay,
  traceStep,
} from './trace.ts'
export { type FaultMessage, faultMessage } from './values.ts'

export const PROTOCOL_VERSION = 1
