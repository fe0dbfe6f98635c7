import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLog, renderLogVerdict } from './read-log.ts'

/** What a person has in the terminal, per story; the line that proves it is marked. */
const CASES: { name: string; text: string; expected: string; quote?: RegExp }[] = [
  {
    name: 'systemctl of a daemon that ended',
    text: '● backstitch-connector.service - Backstitch App Connector\n   Active: failed (Result: exit-code) since Sat 2026-05-30 09:12:04 UTC',
    expected: 'client DAEMON_DOWN',
    quote: /Active: failed/,
  },
  {
    name: 'a key that was refused',
    text: 'pa-connector[2102]: enrollment rejected: provisioning key invalid/expired',
    expected: 'control KEY_EXPIRED',
  },
  {
    name: 'a key in smart quotes',
    text: '$ cat /etc/backstitch/provision_key\n\u201c1|edge.example.com|AAAA\u201d',
    expected: 'connector KEY_MALFORMED',
    quote: /1\|edge/,
  },
  {
    name: 'no key',
    text: 'cat: /etc/backstitch/provision_key: No such file or directory',
    expected: 'connector KEY_MISSING',
  },
  {
    name: 'a clone',
    text: 'pa-connector[1980]: ERROR Cannot decrypt data from instance_id.crypt',
    expected: 'connector SEAL_BROKEN',
  },
  {
    name: 'a resolver file for root only, and what follows from it',
    text: '-rw------- 1 root root 88 May 30 09:00 /etc/resolv.conf\n;; connection timed out; no servers could be reached',
    expected: 'edge RESOLVER_UNREADABLE',
    quote: /^-rw-------/,
  },
  {
    name: 'a resolver that is silent',
    text: ';; communications error to 10.20.0.53#53: timed out\n;; no servers could be reached',
    expected: 'edge RESOLVER_UNREACHABLE',
  },
  {
    name: 'nslookup of the edge',
    text: "** server can't find edge.example.com: NXDOMAIN",
    expected: 'edge EDGE_NAME_NXDOMAIN',
  },
  {
    name: 'curl into silence',
    text: '*   Trying 203.0.113.7:443...\n* connect to 203.0.113.7 port 443 failed: Connection timed out',
    expected: 'edge EGRESS_BLOCKED',
  },
  {
    name: 'curl refused',
    text: '* connect to 203.0.113.7 port 443 from 10.20.5.11 port 41000 failed: Connection refused',
    expected: 'edge EGRESS_REJECTED',
  },
  {
    name: '443 out, the other port not',
    text: 'Connection to edge.example.com 443 port [tcp/https] succeeded!\nnc: connect to edge.example.com port 9000 (tcp) failed: Connection timed out',
    expected: 'edge CONTROL_PORT_BLOCKED',
    quote: /9000/,
  },
  {
    name: 'an issuer that inspects',
    text: 'issuer=CN = Corporate-SSL-Inspection-CA, O = TCS-Proxy',
    expected: 'edge TLS_INTERCEPTED',
    quote: /Inspection/,
  },
  {
    name: 'no proxy set where one is needed',
    text: 'no proxy file set\n* connect to 203.0.113.7 port 443 failed: Connection timed out',
    expected: 'edge PROXY_REQUIRED',
    quote: /timed out/,
  },
  {
    name: 'a proxy that wants a login',
    text: 'curl: (56) CONNECT tunnel failed, response 407',
    expected: 'edge PROXY_AUTH',
  },
  {
    name: 'a proxy that refuses',
    text: 'curl: (56) Received HTTP code 403 from proxy after CONNECT',
    expected: 'edge PROXY_REFUSED',
  },
  {
    name: 'a far edge',
    text: 'connected to edge (region: us-west)\ncontrol latency 210 ms',
    expected: 'edge EDGE_FAR',
    quote: /210 ms/,
  },
  {
    name: 'chronyc tracking',
    text: 'Reference ID    : 00000000 ()\nSystem time     : 312.4 seconds slow of NTP time\nLeap status     : Not synchronised',
    expected: 'control CLOCK_SKEW',
    quote: /312\.4 seconds slow/,
  },
  {
    name: 'top',
    text: '%Cpu(s): 96.3 us,  2.1 sy,  0.0 ni,  1.6 id',
    expected: 'connector CONNECTOR_OVERLOADED',
  },
  {
    name: 'top, memory',
    text: 'MiB Mem :   3902.0 total,    110.0 free,   3760.0 used,    32.0 buff/cache',
    expected: 'connector CONNECTOR_OVERLOADED',
  },
  {
    name: 'free',
    text: '               total        used        free      shared  buff/cache   available\nMem:            3902        3760          90           1          52          60',
    expected: 'connector CONNECTOR_OVERLOADED',
  },
  {
    name: 'an upgrade that stopped at a full disk',
    text: 'upgrade failed: package verification error\n/dev/sda1       8.0G  8.0G     0 100% /opt',
    expected: 'connector UPGRADE_FAILED',
  },
  {
    name: 'df alone',
    text: 'Filesystem      Size  Used Avail Use% Mounted on\n/dev/sda1       8.0G  8.0G     0 100% /var',
    expected: 'connector DISK_FULL',
    quote: /\/var/,
  },
  {
    name: 'a connection that comes and goes',
    text: '09:31:02 Control connection state: DISCONNECTED\n09:31:40 Control connection state: CONNECTED\n09:34:11 Control connection state: DISCONNECTED\n09:34:50 Control connection state: CONNECTED\n09:37:15 Control connection state: DISCONNECTED',
    expected: 'connector FLAPPING',
  },
  {
    name: 'nslookup of an application',
    text: "** server can't find hr.corp.internal: NXDOMAIN",
    expected: 'dns APP_NAME_NXDOMAIN',
  },
  {
    name: 'a resolver that fails for an application',
    text: "** server can't find hr.corp.internal: SERVFAIL",
    expected: 'dns APP_RESOLVER_DOWN',
  },
  {
    name: 'nc on another port than the segment lists',
    text: 'Connection to hr.corp.internal 8443 port [tcp/*] succeeded!\n# but the segment only lists 443',
    expected: 'application SEGMENT_PORT_MISMATCH',
    quote: /8443/,
  },
  {
    name: 'nc refused',
    text: 'nc: connect to hr.corp.internal (10.20.9.40) port 8443 (tcp) failed: Connection refused',
    expected: 'application APP_REFUSED',
  },
  {
    name: 'ping over the limit',
    text: 'ping: local error: message too long, mtu=1400',
    expected: 'edge PATH_MTU',
  },
  {
    name: 'nobody left',
    text: 'app request: no healthy connector for segment "HR"',
    expected: 'control NO_HEALTHY_CONNECTOR',
  },
  {
    name: 'SELinux',
    text: 'type=AVC msg=audit(1780000000.1:42): avc:  denied  { name_connect } for  pid=2041 comm="node" dest=9000',
    expected: 'connector MAC_DENIED',
  },
]
for (const { name, text, expected, quote } of CASES) {
  test(`${name}: ${expected} and nothing else`, () => {
    const verdict = readLog(text)
    assert.ok(verdict.is === 'fault', verdict.is)
    assert.deepEqual(
      verdict.findings.map(({ hop, code }) => `${hop} ${code}`),
      [expected],
    )
    const [finding] = verdict.findings
    assert.equal(text.split('\n')[finding!.line - 1]!.trim(), finding!.quote)
    if (quote) assert.match(finding!.quote, quote)
    assert.ok(renderLogVerdict(verdict).startsWith(`${expected}: `))
  })
}

/** Plausible, and no proof of anything. */
const NOTHING: { name: string; text: string }[] = [
  { name: 'empty', text: '\n\n' },
  {
    name: 'a machine at work',
    text: '%Cpu(s): 40.0 us,  2.1 sy\nMem:            3902        1200        2000           1          52          2600',
  },
  {
    name: 'free memory that the cache holds',
    text: 'Mem:            3902        1100          90           1        2700        2700',
  },
  { name: 'a public certificate', text: "issuer=C = US, O = Let's Encrypt, CN = R11" },
  {
    name: 'a small offset',
    text: 'System time     : 0.000412 seconds slow of NTP time\nLeap status     : Normal',
  },
  { name: 'a connection that works', text: 'Connection to hr.corp.internal 443 port [tcp/https] succeeded!' },
  { name: 'disks with room', text: '/dev/sda1       8.0G  5.0G  3.0G  63% /opt' },
  {
    name: 'two drops',
    text: '09:31:02 Control connection state: DISCONNECTED\n09:34:11 Control connection state: DISCONNECTED',
  },
  { name: 'a mail', text: 'Hi, it does not work any more since yesterday. Can you look? Thanks' },
]
for (const { name, text } of NOTHING) {
  test(`${name}: not enough to tell`, () => {
    const verdict = readLog(text)
    assert.equal(verdict.is, 'unknown')
    assert.match(renderLogVerdict(verdict), /^inconclusive/)
  })
}

const line = (fields: object) =>
  JSON.stringify({ level: 'error', time: '2026-05-30T09:12:00.000Z', role: 'connector', ...fields })
const BLOCKED = {
  event: 'bring-up.failed',
  code: 'EGRESS_BLOCKED',
  hop: 'edge',
  msg: 'EGRESS_BLOCKED: no answer',
}
const UP = line({
  level: 'info',
  event: 'control.connected',
  msg: 'Control connection state: CONNECTED to edge:443',
})

test('our log: the fault after the last connection; journald around the line is no matter', () => {
  const text = [
    line({ ...BLOCKED, code: 'CLOCK_SKEW' }),
    UP,
    `May 30 09:13:00 box backstitch[2041]: ${line(BLOCKED)}`,
  ].join('\n')
  const verdict = readLog(text)
  assert.ok(verdict.is === 'fault')
  assert.deepEqual(
    verdict.findings.map(({ code, line: at, hop }) => [code, at, hop]),
    [['EGRESS_BLOCKED', 3, 'edge']],
  )
})

test('our log: faults before the last connection are the past', () => {
  const verdict = readLog([line(BLOCKED), UP].join('\n'))
  assert.ok(verdict.is === 'healthy')
  assert.equal(verdict.line, 2)
})

test('our log: the root of several is named, its echoes are not', () => {
  const codes = ['CONTROL_UNREACHABLE', 'CERT_EXPIRED', 'CLOCK_SKEW', 'CERT_EXPIRED']
  const verdict = readLog(codes.map((code) => line({ ...BLOCKED, code })).join('\n'))
  assert.ok(verdict.is === 'fault')
  assert.deepEqual(
    verdict.findings.map(({ code }) => code),
    ['CLOCK_SKEW'],
  )
})

test('our log: a session that was refused says nothing about the connector', () => {
  assert.equal(
    readLog(line({ event: 'session.refused', code: 'APP_REFUSED', hop: 'application' })).is,
    'unknown',
  )
})

test('an edge is told from an application by its host where that is known', () => {
  const text = "** server can't find access.corp.example: NXDOMAIN"
  const codeOf = (edgeHost?: string) => {
    const verdict = readLog(text, { edgeHost })
    return verdict.is === 'fault' ? verdict.findings[0]!.code : verdict.is
  }
  assert.equal(codeOf(), 'APP_NAME_NXDOMAIN')
  assert.equal(codeOf('access.corp.example'), 'EDGE_NAME_NXDOMAIN')
})

test('a log of a hundred thousand lines is read in a moment, and a hostile line in no more', {
  timeout: 20_000,
}, () => {
  const many = `${line({ ...BLOCKED, level: 'debug' })}\n`.repeat(100_000)
  assert.equal(readLog(many).is, 'unknown')
  assert.equal(readLog(`edge connect ${'failed timeout '.repeat(2000)}`.repeat(20)).is === 'healthy', false)
})
