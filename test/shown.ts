import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..')

/**
 * What the doctor can print was shown at least once: by a variant of the lab, which runs fix and verify, broken and
 * mended; or where no variant can be quick, by a test that reaches that very place (shown-places.test.ts). `file CODE`
 * is a place of src/doctor/checks that fails with it.
 */
export const SHOWN: Readonly<Record<string, readonly string[]>> = {
  'app-reach code': ['SCN-16:one-refused'],
  'app-session APP_HUNG_UP': ['src/doctor/app-session.test.ts'],
  'app-session code': ['src/doctor/app-session.test.ts'],
  'app-session fault.code': ['src/doctor/app-session.test.ts'],
  'app-silence first.code as FaultCode': ['SCN-14:silent', 'src/doctor/app-silence.test.ts'],
  'app-udp APP_REFUSED': ['src/doctor/app-udp.test.ts'],
  'app-udp APP_UNREACHABLE': ['src/doctor/app-udp.test.ts'],
  'app-name ADDRESS_FORBIDDEN': ['src/doctor/application-look.test.ts'],
  'app-tls APP_CERT_EXPIRED': ['SCN-14:tls-expired', 'SCN-14:tls-early'],
  'app-name APP_NAME_NXDOMAIN': ['SCN-13:nxdomain', 'SCN-13:search'],
  'app-name APP_NAME_WRONG_VIEW': ['SCN-13:views', 'SCN-13:hosts', 'SCN-13:moved'],
  'application APP_REFUSED': ['SCN-14:refused'],
  'app-name APP_RESOLVER_DOWN': ['SCN-13:zone-down'],
  'app-tls APP_TLS_NAME': ['SCN-14:tls-name'],
  'application APP_UNREACHABLE': ['src/doctor/application-look.test.ts'],
  'application PATH_MTU': ['SCN-15:app-blackhole', 'src/doctor/application-look.test.ts'],
  'application SEGMENT_PORT_MISMATCH': ['SCN-14:port'],
  'application errno === undefined ? APP_HUNG_UP : APP_RESET': ['SCN-14:hung-up'],
  'application fault': ['src/doctor/application-look.test.ts'],
  'application forbidden ? APP_UNREACHABLE : APP_TIMEOUT': ['SCN-14:timeout', 'SCN-14:prohibited'],
  'clock CLOCK_SKEW': ['SCN-09:slow', 'SCN-09:fast'],
  'control-port CONTROL_PORT_BLOCKED': ['SCN-05:second-port', 'SCN-07:second-port'],
  'daemon CONTROL_UNREACHABLE': ['SCN-18:control-hung', 'src/doctor/diagnose.test.ts'],
  'daemon-down DAEMON_DOWN': [
    'SCN-01:kill',
    'SCN-01:hung',
    'SCN-01:crash-loop',
    'src/doctor/diagnose.test.ts',
  ],
  'daemon IDENTITY_REVOKED': ['src/doctor/diagnose.test.ts'],
  'daemon IDENTITY_CLONED': ['SCN-03:twin', 'SCN-03:replay'],
  'daemon code': ['SCN-02:expired', 'SCN-02:exhausted', 'SCN-02:unknown'],
  'edge-choice EDGE_FAR': ['SCN-08:near-blocked'],
  'edge-records CONTROL_UNREACHABLE': ['src/doctor/diagnose.test.ts'],
  'edge-records PATH_MTU': ['SCN-15:blackhole'],
  'edge-records answer.fault.code': ['src/doctor/diagnose.test.ts'],
  'edge-tcp CONTROL_PORT_BLOCKED': ['src/doctor/diagnose.test.ts'],
  'edge-tcp EDGE_UNREACHABLE': ['SCN-05:unreachable', 'SCN-05:gateway', 'SCN-05:net-unreachable'],
  'edge-tcp EGRESS_BLOCKED': ['SCN-05:drop'],
  'edge-tcp EGRESS_REJECTED': ['SCN-05:prohibited', 'SCN-05:reset'],
  'edge-tcp PROXY_REQUIRED': ['SCN-07:required'],
  'edge-tcp fault': ['src/doctor/diagnose.test.ts'],
  'edge-tls CAPTIVE_PORTAL': ['SCN-06:portal'],
  'edge-tls EDGE_CERT_EXPIRED': ['src/doctor/diagnose.test.ts'],
  'edge-tls PATH_MTU': ['SCN-15:blackhole', 'SCN-15:no-echo'],
  'edge-tls PIN_MISMATCH': ['SCN-02:other-tenant'],
  'edge-tls TLS_INTERCEPTED': ['SCN-06:resigned', 'SCN-06:bumped'],
  'edge-tls stalls ? HANDSHAKE_TIMEOUT : EDGE_UNREACHABLE': [
    'SCN-06:edge-hangs',
    'src/doctor/declined.test.ts',
  ],
  'edge-tls code': ['src/doctor/diagnose.test.ts'],
  'host CERT_EXPIRED': ['src/doctor/host.test.ts'],
  'host CONNTRACK_FULL': ['src/doctor/host.test.ts'],
  'host CONTROL_UNREACHABLE': ['src/doctor/host.test.ts'],
  'host DAEMON_DOWN': ['SCN-08:near-down', 'src/doctor/host.test.ts'],
  'host EDGE_NAME_NXDOMAIN': ['src/doctor/host.test.ts'],
  'host LISTEN_FAILED': ['src/doctor/host.test.ts'],
  'host RETURN_PATH_ASYMMETRIC': ['src/doctor/host.test.ts'],
  'identity KEY_MISSING': ['SCN-02:missing'],
  'identity KEY_UNREADABLE': ['SCN-02:unreadable'],
  'identity REAUTH_NEEDED': ['SCN-18:reauth'],
  'identity client ? REAUTH_NEEDED : CERT_EXPIRED': ['SCN-09:cert-ended'],
  'identity code': ['SCN-03:clone'],
  'identity fault.code': ['SCN-02:quotes', 'SCN-02:bom', 'SCN-02:spaces'],
  'link LINK_DOWN': ['SCN-05:link'],
  'load CONNECTOR_OVERLOADED': ['SCN-10:processor', 'SCN-10:memory', 'src/doctor/host.test.ts'],
  'load FD_EXHAUSTED': ['SCN-17:descriptors'],
  'daemon-note LOOKUPS_BUSY': ['SCN-13:lookups-busy'],
  'daemon-note MEMORY_LEAK_SUSPECTED': ['SCN-10:leak'],
  'machine DISK_FULL': ['SCN-17:disk-full'],
  'machine MAC_DENIED': ['SCN-17:apparmor'],
  'machine RESOLVER_UNREADABLE': ['SCN-04:chmod'],
  'machine STATE_UNWRITABLE': ['SCN-17:unwritable'],
  'edge-name EDGE_NAME_HIJACKED': ['SCN-04:sinkhole', 'SCN-04:hosts', 'SCN-04:moved'],
  'edge-name EDGE_NAME_NXDOMAIN': ['SCN-04:nxdomain', 'SCN-04:nsswitch'],
  'resolver EDGE_UNREACHABLE': ['src/doctor/diagnose.test.ts'],
  'resolver RESOLVER_UNREACHABLE': ['SCN-04:servfail', 'SCN-04:timeout'],
  'proxy INVALID': ['src/doctor/diagnose.test.ts'],
  'proxy code': ['src/doctor/diagnose.test.ts'],
  'proxy PROXY_AUTH': ['SCN-07:auth', 'SCN-07:squid-auth', 'SCN-07:ntlm'],
  'proxy PROXY_REFUSED': ['SCN-07:refused'],
  'proxy PROXY_UNREACHABLE': ['SCN-07:gone', 'SCN-07:slow'],
  'stability FLAPPING': ['SCN-12:watchdog', 'SCN-12:resets', 'SCN-12:cable'],
  'stability STOOD_STILL': ['SCN-12:frozen'],
  'workers WORKER_ENDED': ['SCN-12:edge-worker', 'SCN-12:connector-worker'],
  'upgrade-package UPGRADE_FAILED': ['src/doctor/upgrade-package.test.ts'],
}

/** Where a check fails: how it is named in SHOWN, and where in the text of its file. */
export interface Place {
  readonly file: string
  readonly name: string
  readonly offset: number
}

/** All of them. */
export function places(): Place[] {
  return globSync('src/doctor/checks/*.ts', { cwd: ROOT })
    .sort()
    .flatMap((file) =>
      [...readFileSync(path.join(ROOT, file), 'utf8').matchAll(/(?:return|=>)\s+fail\(\s*([^,\n]+?),/g)].map(
        ({ index, 1: what = '' }) => ({
          file,
          name: `${path.basename(file, '.ts')} ${what.replaceAll("'", '')}`,
          offset: index,
        }),
      ),
    )
}
