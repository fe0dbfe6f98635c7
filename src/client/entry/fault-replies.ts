/**
 * What a local program is told when a session cannot be had: one table from fault codes to SOCKS5 reply codes
 * (RFC 1928), HTTP status codes and Proxy-Status error types (RFC 9209). Codes without a row of their own are
 * answered by what their hop suggests.
 *
 * @module
 */
import { denialOf } from '../../base/ask-admin.ts'
import { wordsOf } from '../../base/fault-words.ts'
import type { Fault, FaultCode } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { visibleText } from '../../base/visible-text.ts'
import { type AskedDestination, askAbout } from '../address/ask-about.ts'
import { faultPage, PAGE_HEADERS } from './fault-page.ts'
import { SocksReply } from './socks5-wire.ts'

/** So that what comes behind it in a header has room. */
const MAX_DETAIL_CHARS = 380

interface ReplyRow {
  readonly socks: SocksReply
  readonly status: 400 | 403 | 404 | 502 | 503 | 504
  /** RFC 9209, section 2.3. */
  readonly error: string
}

const NOT_ALLOWED: ReplyRow = { socks: SocksReply.NOT_ALLOWED, status: 403, error: 'http_request_denied' }
const NO_HOST: ReplyRow = {
  socks: SocksReply.HOST_UNREACHABLE,
  status: 502,
  error: 'destination_unavailable',
}
const NO_NETWORK: ReplyRow = {
  socks: SocksReply.NETWORK_UNREACHABLE,
  status: 502,
  error: 'destination_unavailable',
}
const TIMED_OUT: ReplyRow = { socks: SocksReply.TTL_EXPIRED, status: 504, error: 'connection_timeout' }
const FAILED: ReplyRow = { socks: SocksReply.GENERAL_FAILURE, status: 502, error: 'proxy_internal_error' }

const ROWS: { readonly [code in FaultCode]?: ReplyRow } = {
  CLIENT_NOT_COVERED: { ...NOT_ALLOWED, error: 'destination_not_found' },
  CLIENT_WRONG_PORT: { ...NOT_ALLOWED, error: 'destination_not_found' },
  POLICY_DENIED: NOT_ALLOWED,
  POSTURE_FAILED: NOT_ALLOWED,
  REAUTH_NEEDED: NOT_ALLOWED,
  IDENTITY_REVOKED: NOT_ALLOWED,
  GRANT_REVOKED: NOT_ALLOWED,
  DESTINATION_OUTSIDE_GRANT: NOT_ALLOWED,
  ADDRESS_FORBIDDEN: { ...NOT_ALLOWED, status: 502, error: 'destination_ip_prohibited' },
  BAD_DESTINATION: { socks: SocksReply.ADDRESS_TYPE_NOT_SUPPORTED, status: 400, error: 'http_request_error' },
  LOCAL_REQUEST_REFUSED: { socks: SocksReply.GENERAL_FAILURE, status: 403, error: 'http_request_denied' },
  LOCAL_USER_REFUSED: NOT_ALLOWED,
  NOT_FOUND: { socks: SocksReply.HOST_UNREACHABLE, status: 404, error: 'destination_not_found' },
  CONTROL_UNREACHABLE: { ...NO_NETWORK, status: 504 },
  CONTROL_STARTING: { ...NO_NETWORK, status: 503 },
  NO_HEALTHY_CONNECTOR: { ...NO_HOST, status: 503 },
  SEGMENT_UNMAPPED: NO_HOST,
  TUNNEL_LOST: { ...NO_NETWORK, error: 'connection_terminated' },
  CONNECTOR_DRAINING: { ...NO_NETWORK, status: 503 },
  TOO_MANY_STREAMS: { ...FAILED, status: 503, error: 'connection_limit_reached' },
  EDGE_BUSY: { ...NO_NETWORK, status: 503, error: 'connection_limit_reached' },
  RATE_LIMITED: { ...NO_NETWORK, status: 503, error: 'connection_limit_reached' },
  EGRESS_BLOCKED: { ...NO_NETWORK, status: 504, error: 'connection_timeout' },
  HANDSHAKE_TIMEOUT: { ...NO_NETWORK, status: 504, error: 'connection_timeout' },
  PAIR_TIMEOUT: { ...NO_NETWORK, status: 504, error: 'connection_timeout' },
  TLS_INTERCEPTED: { ...NO_NETWORK, error: 'tls_certificate_error' },
  PIN_MISMATCH: { ...NO_NETWORK, error: 'tls_certificate_error' },
  APP_NAME_NXDOMAIN: { ...NO_HOST, error: 'dns_error' },
  APP_RESOLVER_DOWN: { ...NO_HOST, status: 504, error: 'dns_timeout' },
  LOOKUPS_BUSY: { ...NO_HOST, status: 503, error: 'dns_timeout' },
  APP_REFUSED: { socks: SocksReply.CONNECTION_REFUSED, status: 502, error: 'connection_refused' },
  APP_TIMEOUT: TIMED_OUT,
  APP_UNREACHABLE: { ...NO_HOST, error: 'destination_ip_unroutable' },
  APP_HUNG_UP: { ...NO_HOST, error: 'http_response_incomplete' },
  APP_RESET: { socks: SocksReply.CONNECTION_REFUSED, status: 502, error: 'connection_terminated' },
}

function rowOf(fault: Fault): ReplyRow {
  const row = ROWS[fault.code]
  if (row !== undefined) return row
  if (fault.hop === 'edge') return NO_NETWORK
  if (fault.hop === 'dns' || fault.hop === 'application') return NO_HOST
  return FAILED
}

export function socksReplyOf(fault: Fault): SocksReply {
  return rowOf(fault).socks
}

export interface HttpFaultReply {
  readonly status: number
  /** Behind the status in the first line: of many programs all that is shown. */
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface AboutReply {
  readonly session?: string
  readonly to?: AskedDestination
  /** The command by which an admin sees more. */
  readonly ask?: string
  /** A browser asked: a person reads it. */
  readonly html?: boolean
}

/** An RFC 9457 problem document with the fault's own fields, or a page of the same, and a Proxy-Status header. */
export function httpReplyOf(fault: Fault, { session, to, ask, html }: AboutReply = {}): HttpFaultReply {
  const { status, error } = rowOf(fault)
  const { title, cause, fix, verify } = wordsOf(fault, { APP: to?.host, PORT: to?.port })
  const { code, hop, detail, retry, seen } = fault
  const more = askAbout(to)
  const id = denialOf(fault)
  const problem = {
    ...{
      type: `urn:backstitch:fault:${code}`,
      title,
      status,
      detail,
      code,
      hop,
      cause,
      fix,
      verify,
      more,
      ask,
    },
    ...{ retry, session, denial: id, seen: Object.keys(seen).length > 0 ? seen : undefined },
  }
  // Whoever sees it, sees it in a terminal or a browser; it is JSON all the same.
  const text = html ? faultPage(problem, to && hostPort(to)) : `${JSON.stringify(problem, undefined, 2)}\n`
  const body = visibleText(text)
  const details = printable(
    `${fault.code} at ${fault.hop}${id === undefined ? '' : ` (${id})`}: ${fault.detail.slice(0, MAX_DETAIL_CHARS)}; more: ${more}`,
  )
  return {
    status,
    reason: `${fault.code} at ${fault.hop}; more: ${more}`.replaceAll(/[^\x20-\x7e]/g, '?'),
    headers: {
      ...(html ? PAGE_HEADERS : { 'Content-Type': 'application/problem+json' }),
      'Content-Length': String(Buffer.byteLength(body)),
      'Cache-Control': 'no-store',
      'Proxy-Status': `backstitch; error=${error}; details="${details}"`,
    },
    body,
  }
}

/** As a Structured Field string allows (RFC 8941, 3.3.3): printable ASCII, quote and backslash escaped. */
function printable(text: string): string {
  return text
    .slice(0, 500)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/["\\]/g, '\\$&')
}
