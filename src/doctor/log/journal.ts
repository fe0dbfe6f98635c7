/**
 * What connectors of this kind write into the journal, ours and others', and what systemd says about them.
 *
 * @module
 */
import { byLine } from './clue.ts'

export const journal = byLine([
  {
    code: 'DAEMON_DOWN',
    says: /Active: (inactive \(dead\)|failed[^\n]*|activating \(auto-restart\))/,
    why: ([, state]) => `systemd says ${state}.`,
  },
  { code: 'DAEMON_DOWN', says: /Main process exited, code=(?:exited|killed|dumped), status=(\S+)/ },
  {
    code: 'KEY_EXPIRED',
    says: /enrol+ment rejected.*(?:invalid|expired)|provisioning key.*expired/i,
    why: () =>
      "The key was refused: it has expired, has no uses left, or was revoked. Check the key's expiry and use count.",
  },
  { code: 'KEY_EXHAUSTED', says: /provisioning key.*(?:max(?:imum)? |no )uses|enrol+ment count exceeded/i },
  { code: 'SEAL_BROKEN', says: /cannot decrypt data from|fingerprint mismatch|host identity changed/i },
  {
    code: 'EGRESS_BLOCKED',
    says: /(?:broker|edge|control)[^\n]*connect[^\n]*(?:failed|timeout)[^\n]*(?:timeout|timed out|no answer)|tls (?:dial|handshake)[^\n]*time(?:d )?out/i,
  },
  {
    code: 'CONTROL_PORT_BLOCKED',
    says: /control channel handshake time(?:d )?out|(?:tcp\/|port )9000[^\n]*time(?:d )?out/i,
    why: () => 'Sign-in over 443 works, but the second connection gets no answer.',
  },
  {
    code: 'UPGRADE_FAILED',
    says: /upgrade[^\n]*failed[^\n]*|package verification error/i,
    why: ([text]) => `The log says: ${text}.`,
  },
  { code: 'NO_HEALTHY_CONNECTOR', says: /no healthy connector[^\n]*/i },
  {
    code: 'TLS_INTERCEPTED',
    says: /certificate (?:pin|chain)[^\n]*mismatch|pinned cert[^\n]*(?:mismatch|no longer|reject)/i,
  },
  { code: 'CERT_EXPIRED', says: /certificate[^\n]*(?:has expired|expired on)|CERT_HAS_EXPIRED/i },
])
