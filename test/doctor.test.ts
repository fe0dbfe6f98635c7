import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { patience } from '../lab/pace.ts'
import { DOCTOR_EXIT } from '../src/doctor/report.ts'
import { findingsBeside, isBusyHost } from './busy-host.ts'
import type { Consultation } from './doctor-world.ts'
import { needs } from './needs.ts'

/** First line, evidence, and how long it may take; all other hops keep silent. */
const EXPECTED: Record<string, { says: string; seen?: RegExp; slow?: RegExp; withinMs?: number }> = {
  healthy: { says: 'healthy' },
  'healthy by name': { says: 'healthy' },
  'through a proxy': { says: 'healthy' },
  dropped: { says: 'edge EGRESS_BLOCKED', seen: /no answer in \d/, withinMs: 10_000 },
  reset: { says: 'edge EGRESS_REJECTED', seen: /ECONNREFUSED/ },
  prohibited: { says: 'edge EGRESS_REJECTED', seen: /E(HOSTUNREACH|PERM|ACCES)/ },
  'proxy required': {
    says: 'edge PROXY_REQUIRED',
    seen: /environment http_proxy: CONNECT answered 200/,
    withinMs: 10_000,
  },
  'narrow path': {
    says: 'edge PATH_MTU',
    seen: /records up to 1[01]\d0 bytes are answered, records of 1[12]\d0 bytes and more/,
    withinMs: 10_000,
  },
  inspection: { says: 'edge TLS_INTERCEPTED', seen: /issuer=CN=Acme Web Inspection CA/ },
  portal: { says: 'edge CAPTIVE_PORTAL', seen: /HTTP\/1\.1 302 Found.*login\.hotel\.example/ },
  'slow clock': { says: 'connector CLOCK_SKEW', seen: /31[123] s slow against the edge/ },
  'clock a year ahead': { says: 'connector CLOCK_SKEW', seen: /365 days fast/ },
  'no such edge': { says: 'edge EDGE_NAME_NXDOMAIN', seen: /127\.0\.0\.1 said NXDOMAIN/ },
  'resolver fails': { says: 'edge RESOLVER_UNREACHABLE', seen: /127\.0\.0\.1 said SERVFAIL/ },
  'resolver silent': {
    says: 'edge RESOLVER_UNREACHABLE',
    seen: /127\.0\.0\.1 said timeout/,
    withinMs: 10_000,
  },
  // Slower than the doctor once waited, faster than the daemon gives up: the time that is left is too short for all else.
  'slow edge': { says: 'unknown', slow: /; slow: TLS to the edge, against the pin [23]/, withinMs: 10_000 },
  'slow proxy': { says: 'unknown', slow: /; slow: the outbound proxy [45]/, withinMs: 10_000 },
  'resolver refuses': { says: 'edge RESOLVER_UNREACHABLE', seen: /ECONNREFUSED/, withinMs: 10_000 },
  'own firewall before the resolver': {
    says: 'connector RESOLVER_UNREACHABLE',
    seen: /EPERM/,
    withinMs: 10_000,
  },
  sinkhole: { says: 'edge EDGE_NAME_HIJACKED', seen: /said 127\.0\.0\.66/ },
  'resolver file for root only': {
    says: 'connector RESOLVER_UNREADABLE',
    seen: /EACCES for uid 65534; owner uid 0, mode 0600/,
  },
  'proxy wants a login': { says: 'edge PROXY_AUTH', seen: /407.*Basic realm="corp"/ },
  'proxy refuses': { says: 'edge PROXY_REFUSED', seen: /403 Forbidden.*Ask the helpdesk/ },
  'proxy is not there': { says: 'edge PROXY_UNREACHABLE', seen: /127\.0\.0\.1:1 ECONNREFUSED/ },
  'key of root': { says: 'connector KEY_UNREADABLE', seen: /EACCES for uid 65534; owner uid 0, mode 0600/ },
  'state read-only': { says: 'connector STATE_UNWRITABLE', seen: /mode 0500.*EACCES/ },
}

test('the doctor, over real sockets: right hop, right code, evidence, nobody else blamed', {
  skip: needs('root', 'netns', 'nftables', 'faketime'),
  timeout: patience(240_000),
}, async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-doctor-'))
  t.after(() => rm(dir, { recursive: true }))
  await chmod(dir, 0o755) // the service user has its files below
  const resolvConf = path.join(dir, 'resolv.conf')
  await writeFile(resolvConf, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
  await writeFile(path.join(dir, 'nsswitch.conf'), 'hosts: files dns\n')
  const world = path.join(import.meta.dirname, 'doctor-world.ts')
  const script = `set -e
    ip link set lo up
    # A link and a way out, as every machine has them: else that is what is wrong.
    ip link add eth0 type veth peer name eth1
    ip address add 192.0.2.2/24 dev eth0
    ip link set eth1 up
    ip link set eth0 up
    ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
    ip route add default via 192.0.2.1
    mount --bind ${resolvConf} "$(readlink -f /etc/resolv.conf)"
    mount --bind ${dir}/nsswitch.conf /etc/nsswitch.conf
    exec ${process.execPath} --disable-warning=ExperimentalWarning ${world} ${resolvConf}`
  const child = spawnSync('unshare', ['--net', '--mount', 'sh', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: dir }, // what it leaves goes with it
    timeout: patience(220_000),
    maxBuffer: 16 * 1024 * 1024,
  })
  assert.equal(child.status, 0, child.stderr)
  const consultations = JSON.parse(child.stdout) as Consultation[]
  assert.deepEqual(consultations.map(({ name }) => name).sort(), Object.keys(EXPECTED).sort())
  for (const { name, firstLine, exit, tookMs, report } of consultations) {
    const { says, seen, slow, withinMs = 5000 } = EXPECTED[name]!
    await t.test(`${name}: ${says}`, () => {
      const found = findingsBeside(report)
      const busy = says === 'healthy' && isBusyHost(firstLine)
      const unknown = report.checks.filter(({ verdict }) => verdict === 'unknown')
      assert.ok(busy || firstLine.startsWith(`${says}:`), `${firstLine}\n${JSON.stringify(unknown)}`)
      const exits = new Map([
        ['healthy', DOCTOR_EXIT.healthy],
        ['unknown', DOCTOR_EXIT.unknown],
      ])
      const fine = report.findings.length === found.length ? exits.get(says) : undefined
      assert.equal(exit, fine ?? DOCTOR_EXIT.fault)
      assert.deepEqual(
        found.map(({ hop, code }) => `${hop} ${code}`),
        exits.has(says) ? [] : [says],
      )
      if (slow && !busy) assert.match(firstLine, slow)
      if (seen) assert.match(report.findings[0]!.seen.join('\n').replaceAll('\n', ' '), seen)
      assert.ok(report.durationMs < patience(withinMs), `${report.durationMs} ms, the process ${tookMs} ms`)
    })
  }
})
