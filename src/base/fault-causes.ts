/**
 * Which faults are echoes of which: where both were seen, the one that is listed is the root and the other is noise.
 * Used wherever several findings lie side by side: the doctor, and the reading of a log.
 *
 * @module
 */
import type { FaultCode } from './faults.ts'

const DEPENDS_ON: Readonly<Partial<Record<FaultCode, readonly FaultCode[]>>> = {
  DAEMON_DOWN: [
    'STATE_UNWRITABLE',
    'SEAL_BROKEN',
    'IDENTITY_CLONED',
    'DISK_FULL',
    'MAC_DENIED',
    'UPGRADE_FAILED',
  ],
  STATE_UNWRITABLE: ['DISK_FULL', 'MAC_DENIED'],
  KEY_UNREADABLE: ['MAC_DENIED'],
  RESOLVER_UNREADABLE: ['MAC_DENIED'],
  RESOLVER_UNREACHABLE: ['RESOLVER_UNREADABLE'],
  EDGE_NAME_NXDOMAIN: ['RESOLVER_UNREADABLE', 'RESOLVER_UNREACHABLE'],
  APP_RESOLVER_DOWN: ['RESOLVER_UNREADABLE', 'RESOLVER_UNREACHABLE'],
  EGRESS_BLOCKED: ['PROXY_REQUIRED', 'CONTROL_PORT_BLOCKED', 'EDGE_NAME_HIJACKED', 'MAC_DENIED'],
  EGRESS_REJECTED: ['PROXY_REQUIRED', 'CONTROL_PORT_BLOCKED', 'EDGE_NAME_HIJACKED', 'MAC_DENIED'],
  EDGE_UNREACHABLE: [
    'TLS_INTERCEPTED',
    'CAPTIVE_PORTAL',
    'EGRESS_BLOCKED',
    'EGRESS_REJECTED',
    'EDGE_NAME_HIJACKED',
  ],
  TLS_INTERCEPTED: ['CAPTIVE_PORTAL', 'EDGE_NAME_HIJACKED'],
  HANDSHAKE_TIMEOUT: ['PATH_MTU', 'CAPTIVE_PORTAL'],
  CONTROL_UNREACHABLE: [
    'EGRESS_BLOCKED',
    'EGRESS_REJECTED',
    'TLS_INTERCEPTED',
    'PATH_MTU',
    'CLOCK_SKEW',
    'CERT_EXPIRED',
    'MAC_DENIED',
  ],
  PAIR_TIMEOUT: ['RAW_PHASE_BLOCKED'],
  TUNNEL_LOST: ['RAW_PHASE_BLOCKED'],
  CERT_EXPIRED: ['CLOCK_SKEW'],
  FLAPPING: [
    'CLOCK_SKEW',
    'PATH_MTU',
    'CONNECTOR_OVERLOADED',
    'UPGRADE_FAILED',
    'EGRESS_BLOCKED',
    'TLS_INTERCEPTED',
  ],
  DISK_FULL: ['UPGRADE_FAILED'],
  APP_REFUSED: ['SEGMENT_PORT_MISMATCH', 'APP_NAME_WRONG_VIEW'],
  APP_TIMEOUT: ['SEGMENT_PORT_MISMATCH', 'APP_NAME_WRONG_VIEW', 'PATH_MTU'],
  APP_UNREACHABLE: ['APP_NAME_WRONG_VIEW'],
}

/** Can `cause` bring `code` about? Also through others: a full disk stops the daemon by way of its state directory. */
export function isEchoOf(code: FaultCode, cause: FaultCode): boolean {
  const seen = new Set<FaultCode>([code])
  for (const one of seen) {
    const roots = DEPENDS_ON[one] ?? []
    if (roots.includes(cause)) return code !== cause
    for (const root of roots) seen.add(root)
  }
  return false
}

/** Those of `codes` that none of the others explains, in the order given. */
export function rootsAmong(codes: readonly FaultCode[]): FaultCode[] {
  return codes.filter((code) => !codes.some((other) => isEchoOf(code, other) && !isEchoOf(other, code)))
}
