import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { nameOf } from '../lab/scenario.ts'
import { choose } from '../lab/scenarios/all.ts'
import { FAULTS, type FaultCode } from '../src/base/faults.ts'

/**
 * What the doctor can print was shown at least once: by a variant of the lab, which runs fix and verify, broken and
 * mended; or where no variant can be quick, by a test. `file CODE` is a place of src/doctor/checks that fails with it.
 */
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  'app-session APP_HUNG_UP': ['src/doctor/app-session.test.ts'],
  'app-session code': ['src/doctor/app-session.test.ts'],
  'app-session fault.code': ['src/doctor/app-session.test.ts'],
  'app-silence first.code as FaultCode': ['SCN-14:silent', 'src/doctor/app-silence.test.ts'],
  'application ADDRESS_FORBIDDEN': ['src/doctor/application.test.ts'],
  'application APP_NAME_NXDOMAIN': ['SCN-13:nxdomain', 'SCN-13:search'],
  'application APP_NAME_WRONG_VIEW': ['SCN-13:views', 'SCN-13:hosts', 'SCN-13:moved'],
  'application APP_REFUSED': ['SCN-14:refused'],
  'application APP_RESOLVER_DOWN': ['SCN-13:zone-down'],
  'application APP_TLS_NAME': ['SCN-14:tls-name'],
  'application APP_UNREACHABLE': ['src/doctor/application.test.ts'],
  'application PATH_MTU': ['SCN-15:app-blackhole', 'src/doctor/application.test.ts'],
  'application SEGMENT_PORT_MISMATCH': ['SCN-14:port'],
  'application errno === undefined ? APP_HUNG_UP : APP_RESET': ['SCN-14:hung-up'],
  'application fault': ['src/doctor/application.test.ts'],
  'application forbidden ? APP_UNREACHABLE : APP_TIMEOUT': ['SCN-14:timeout', 'SCN-14:prohibited'],
  'clock CLOCK_SKEW': ['SCN-09:slow', 'SCN-09:fast'],
  'control-port CONTROL_PORT_BLOCKED': ['SCN-05:second-port', 'SCN-07:second-port'],
  'daemon CONTROL_UNREACHABLE': ['SCN-18:control-hung', 'src/doctor/diagnose.test.ts'],
  'daemon DAEMON_DOWN': ['SCN-01:kill', 'SCN-01:hung', 'SCN-01:crash-loop', 'src/doctor/diagnose.test.ts'],
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
  'identity KEY_MISSING': ['SCN-02:missing'],
  'identity KEY_UNREADABLE': ['SCN-02:unreadable'],
  'identity REAUTH_NEEDED': ['SCN-18:reauth'],
  'identity client ? REAUTH_NEEDED : CERT_EXPIRED': ['SCN-09:cert-ended'],
  'identity code': ['SCN-03:clone'],
  'identity fault.code': ['SCN-02:quotes', 'SCN-02:bom', 'SCN-02:spaces'],
  'link LINK_DOWN': ['SCN-05:link'],
  'load CONNECTOR_OVERLOADED': ['SCN-10:processor', 'SCN-10:memory'],
  'load FD_EXHAUSTED': ['SCN-17:descriptors'],
  'load LOOKUPS_BUSY': ['SCN-13:lookups-busy'],
  'load MEMORY_LEAK_SUSPECTED': ['SCN-10:leak'],
  'machine DISK_FULL': ['SCN-17:disk-full'],
  'machine MAC_DENIED': ['SCN-17:apparmor'],
  'machine RESOLVER_UNREADABLE': ['SCN-04:chmod'],
  'machine STATE_UNWRITABLE': ['SCN-17:unwritable'],
  'names EDGE_NAME_HIJACKED': ['SCN-04:sinkhole', 'SCN-04:hosts', 'SCN-04:moved'],
  'names EDGE_NAME_NXDOMAIN': ['SCN-04:nxdomain', 'SCN-04:nsswitch'],
  'names EDGE_UNREACHABLE': ['src/doctor/diagnose.test.ts'],
  'names RESOLVER_UNREACHABLE': ['SCN-04:servfail', 'SCN-04:timeout'],
  'proxy INVALID': ['src/doctor/diagnose.test.ts'],
  'proxy PROXY_AUTH': ['SCN-07:auth', 'SCN-07:squid-auth', 'SCN-07:ntlm'],
  'proxy PROXY_REFUSED': ['SCN-07:refused'],
  'proxy PROXY_UNREACHABLE': ['SCN-07:gone', 'SCN-07:slow'],
  'proxy fault.code': ['src/doctor/diagnose.test.ts'],
  'stability FLAPPING': ['SCN-12:watchdog', 'SCN-12:resets', 'SCN-12:cable'],
  'stability STOOD_STILL': ['SCN-12:frozen'],
  'upgrade-package UPGRADE_FAILED': ['src/doctor/upgrade-package.test.ts'],
}

/** Codes that neither a variant nor a test of their own shows yet. The list may only become shorter. */
const NOT_YET: ReadonlySet<string> = new Set([
  ...['DAEMON_UNASKED', 'CONTROL_STARTING', 'AUDIT_BROKEN', 'PRECONDITION_FAILED'],
  ...['LINT_NAME_IN_TWO_SEGMENTS', 'LINT_RULE_SHADOWED', 'LINT_RULE_NEVER_MATCHES', 'LINT_PROBES_TOO_MANY'],
])

const ROOT = path.resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')
const VARIANTS = choose().map(({ scenario, variant }) => ({
  name: nameOf(scenario, variant),
  code: variant.code,
}))

function places(): Map<string, number> {
  const found = new Map<string, number>()
  for (const file of globSync('src/doctor/checks/*.ts', { cwd: ROOT }).sort()) {
    for (const [, what] of read(file).matchAll(/(?:return|=>) fail\(\s*([^,\n]+?),/g)) {
      const place = `${path.basename(file, '.ts')} ${what!.replaceAll("'", '')}`
      found.set(place, (found.get(place) ?? 0) + 1)
    }
  }
  return found
}

test('every place where the doctor fails is shown by a variant of the lab or a test, each as often as it is there', () => {
  const found = places()
  const lacking = [...found].filter(([place, count]) => (SHOWN[place]?.length ?? 0) < Math.min(count, 2))
  assert.deepEqual(lacking, [], 'name in SHOWN the variant that runs its fix and verify, or the test')
  assert.deepEqual(
    Object.keys(SHOWN).filter((place) => !found.has(place)),
    [],
    'is there no more',
  )
})

test('what is named as showing it is there, and ends in that code', () => {
  for (const [place, by] of Object.entries(SHOWN)) {
    const codes: readonly string[] = place.match(/\b[A-Z][A-Z_]+\b/g) ?? []
    for (const one of by) {
      if (one.endsWith('.ts')) assert.ok(existsSync(path.join(ROOT, one)), `${one} of ${place}`)
      else {
        const variant = VARIANTS.find(({ name }) => name === one)
        assert.ok(variant !== undefined, `there is no ${one}`)
        if (codes.length > 0)
          assert.ok(codes.includes(variant.code), `${one} is ${variant.code}, not ${place}`)
      }
    }
  }
})

test('every code is shown by a variant of the lab, or asserted by a test that brings it about', () => {
  const byVariant = new Set<string>(VARIANTS.map(({ code }) => code))
  const tests = globSync('{src,test}/**/*.test.ts', { cwd: ROOT })
    .filter((file) => !/shown-causes|faults-page|fault-causes|faults\.test|read-log/.test(file))
    .map(read)
    .join('\n')
  const unshown = (Object.keys(FAULTS) as FaultCode[]).filter(
    (code) => !byVariant.has(code) && !new RegExp(`\\b${code}\\b`).test(tests),
  )
  assert.deepEqual(
    unshown.filter((code) => !NOT_YET.has(code)),
    [],
  )
})

/** They show, and change nothing. A fix may begin with one, and must not be that alone. */
const LOOK =
  /^(ss|nc|dig|ip route get|journalctl|ps|ls|stat|cat|du|findmnt|look at|backstitch (get|status|describe)) ?/

test('no fix in the checks is a look alone', () => {
  for (const file of globSync('src/doctor/checks/*.ts', { cwd: ROOT })) {
    for (const [, only] of read(file).matchAll(/fix: \[\s*[`']([^`'\n]*)[`'],?\s*\]/g)) {
      assert.doesNotMatch(only!, LOOK, `${file}: nobody is helped by this alone`)
    }
  }
})
