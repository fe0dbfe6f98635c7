import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { type Change, changed, factsOf, faultOf, NO_WAY, NOW_MS, PATIENT, tcp } from './facts.fixture.ts'

const HOUR_MS = 3_600_000

/** One way each for this machine to be ill. */
const ILL = {
  denied: {
    known: {
      denials: { enforcing: 'selinux', lines: ['avc:  denied { name_connect } comm="node" dest=443'] },
    },
  },
  diskFull: {
    known: {
      disk: { path: '/var', freeBytes: 0, totalBytes: 9e9 },
      stateDir: changed('stateDir', { writable: false, errno: 'ENOSPC' }),
    },
  },
  stateUnwritable: {
    known: { stateDir: changed('stateDir', { writable: false, errno: 'EACCES', owner: 0 }) },
  },
  keyMissing: {
    known: {
      identity: { stored: false, drifted: [] },
      key: { file: PATIENT.keyFile!, fault: faultOf('KEY_MISSING', `there is no ${PATIENT.keyFile}`) },
    },
  },
  keyMalformed: {
    known: {
      identity: { stored: false, drifted: [] },
      key: {
        file: PATIENT.keyFile!,
        fault: faultOf('KEY_MALFORMED', 'foreign character: U+201C', {
          seen: { position: 1, character: 'U+201C' },
        }),
      },
    },
  },
  keyUnreadable: {
    known: {
      identity: { stored: false, drifted: [] },
      key: {
        file: PATIENT.keyFile!,
        fault: faultOf('KEY_UNREADABLE', 'EACCES', {
          seen: { errno: 'EACCES', uid: 990, owner: 0, mode: '0600' },
        }),
      },
    },
  },
  sealBroken: {
    known: {
      identity: {
        stored: true,
        drifted: [],
        fault: faultOf('SEAL_BROKEN', '2 factors match, 3 are needed', { seen: { changed: ['mac aa→bb'] } }),
      },
    },
  },
  resolverUnreadable: {
    known: {
      resolvers: changed('resolvers', { is: 'denied', errno: 'EACCES', mode: '0600', servers: [] }),
      edgeName: changed('edgeName', { addresses: [], errno: 'EAI_AGAIN', servers: [] }),
    },
    without: ['tcp', 'dial', ...NO_WAY],
  },
  resolverSilent: {
    known: {
      edgeName: changed('edgeName', {
        addresses: [],
        errno: 'timeout',
        servers: [{ server: '10.20.0.53', said: 'timeout', addresses: [] }],
      }),
    },
    without: ['tcp', 'dial', ...NO_WAY],
  },
  resolverServfail: {
    known: {
      edgeName: changed('edgeName', {
        addresses: [],
        errno: 'EAI_AGAIN',
        servers: [{ server: '10.20.0.53', said: 'SERVFAIL', addresses: [] }],
      }),
    },
    without: ['tcp', 'dial', ...NO_WAY],
  },
  nxdomain: {
    known: {
      edgeName: changed('edgeName', {
        addresses: [],
        errno: 'ENOTFOUND',
        servers: [{ server: '10.20.0.53', said: 'NXDOMAIN', addresses: [] }],
      }),
    },
    without: ['tcp', 'dial', ...NO_WAY],
  },
  sinkhole: {
    known: {
      edgeName: changed('edgeName', { addresses: ['0.0.0.0'] }),
      tcp: { host: 'edge.example.com', attempts: [tcp('refused', { address: '0.0.0.0' })], proxies: [] },
    },
    without: NO_WAY,
  },
  blocked: {
    known: {
      tcp: { host: 'edge.example.com', attempts: [tcp('silent')], proxies: [] },
      dial: { fault: faultOf('EGRESS_BLOCKED', 'x'), tookMs: 4000 },
    },
    without: NO_WAY,
  },
  rejected: {
    known: { tcp: { host: 'edge.example.com', attempts: [tcp('refused')], proxies: [] } },
    without: NO_WAY,
  },
  prohibited: {
    known: { tcp: { host: 'edge.example.com', attempts: [tcp('prohibited')], proxies: [] } },
    without: NO_WAY,
  },
  noRoute: {
    known: { tcp: { host: 'edge.example.com', attempts: [tcp('unreachable')], proxies: [] } },
    without: NO_WAY,
  },
  only443: {
    known: {
      tcp: {
        host: 'edge.example.com',
        attempts: [tcp('silent', { port: 9000 })],
        port443: [tcp('open')],
        proxies: [],
      },
    },
    without: NO_WAY,
    patient: { edge: { host: 'edge.example.com', port: 9000, source: 'the configuration' } },
  },
  proxyRequired: {
    known: {
      tcp: {
        host: 'edge.example.com',
        attempts: [tcp('silent')],
        proxies: [
          {
            host: '10.20.1.8',
            port: 8080,
            source: 'file /etc/environment',
            takesUs: true,
            saw: 'CONNECT answered 200',
          },
        ],
      },
    },
    without: NO_WAY,
  },
  proxyAuth: {
    known: {
      egress: {
        egress: {
          proxy: { host: '10.20.1.8', port: 8080 },
          source: 'file /etc/backstitch/proxy',
          noProxy: [],
        },
      },
      dial: {
        fault: faultOf('PROXY_AUTH', 'asks', {
          seen: {
            status: '407 Authentication Required',
            asksFor: ['Basic realm="x"'],
            credentialsSent: false,
          },
        }),
        tookMs: 9,
      },
    },
    without: ['tcp', 'edgeName', ...NO_WAY],
  },
  intercepted: {
    known: {
      tls: changed('tls', {
        chain: [
          {
            ...changed('tls', {}).chain[0]!,
            issuer: 'CN=Corporate-SSL-Inspection-CA, O=TCS-Proxy',
            subject: 'CN=edge.example.com',
          },
        ],
        trustedBySystem: true,
        fault: faultOf('TLS_INTERCEPTED', 'the chain does not end in the pinned tenant CA'),
      }),
    },
    without: ['answer'],
  },
  portal: {
    known: {
      tls: changed('tls', {
        chain: [],
        broken: faultOf('EDGE_UNREACHABLE', 'EPROTO'),
        plain: { firstLine: 'HTTP/1.1 302 Found', location: 'http://login.hotel.example/' },
      }),
    },
    without: ['answer'],
  },
  handshakeStalls: {
    known: { tls: changed('tls', { chain: [], broken: faultOf('HANDSHAKE_TIMEOUT', 'x') }) },
    without: ['answer'],
  },
  narrowHandshake: {
    known: {
      tls: changed('tls', { chain: [], broken: faultOf('HANDSHAKE_TIMEOUT', 'x') }),
      ping: { address: '203.0.113.7', throughBytes: 1400, lostBytes: 1420, saw: 'echoes up to 1400 bytes' },
    },
    without: ['answer'],
  },
  narrowRecords: {
    known: {
      answer: changed('answer', {
        records: [
          { bytes: 1200, answered: true },
          { bytes: 1400, answered: false },
        ],
      }),
    },
  },
  upgradeStripped: {
    known: { answer: changed('answer', { upgrade: { status: 400, ours: false, body: 'Bad Request' } }) },
  },
  clockSlow: {
    known: {
      answer: changed('answer', { slowMs: 312_000 }),
      sync: { by: 'chronyc', synchronised: false, slowMs: 312_400, saw: 'Leap status : Not synchronised' },
    },
  },
  clockFastPastTheCertificate: {
    // This clock runs a year ahead: by itself the certificate has ended, by the edge's clock it has not.
    known: {
      answer: changed('answer', { slowMs: -365 * 24 * HOUR_MS }),
      identity: { stored: true, drifted: [], notAfterMs: NOW_MS - 360 * 24 * HOUR_MS },
    },
  },
  certificateEnded: { known: { identity: { stored: true, drifted: [], notAfterMs: NOW_MS - HOUR_MS } } },
  keyExpiredAtControl: {
    known: {
      daemon: changed('daemon', {
        state: 'enrolling',
        fault: { code: 'KEY_EXPIRED', hop: 'control', detail: 'ended yesterday' },
      }),
    },
  },
  cloned: {
    known: {
      daemon: changed('daemon', {
        state: 'disconnected',
        fault: { code: 'IDENTITY_CLONED', hop: 'control', detail: 'generation 3, 10.0.0.5 and 10.0.0.9' },
      }),
    },
  },
  descriptors: { known: { load: changed('load', { descriptors: { pid: 2041, open: 1020, limit: 1024 } }) } },
  overloaded: { known: { load: changed('load', { thread: { ran: 0.98, waited: 0.01 }, load1: 7.8 }) } },
  down: { known: { daemon: { socket: '/x/status.sock', answers: false } } },
} as const satisfies Record<string, Change>
type Illness = keyof typeof ILL

const SINGLE: Record<Illness, string> = {
  denied: 'connector MAC_DENIED',
  diskFull: 'connector DISK_FULL',
  stateUnwritable: 'connector STATE_UNWRITABLE',
  keyMissing: 'connector KEY_MISSING',
  keyMalformed: 'connector KEY_MALFORMED',
  keyUnreadable: 'connector KEY_UNREADABLE',
  sealBroken: 'connector SEAL_BROKEN',
  resolverUnreadable: 'connector RESOLVER_UNREADABLE',
  resolverSilent: 'edge RESOLVER_UNREACHABLE',
  resolverServfail: 'edge RESOLVER_UNREACHABLE',
  nxdomain: 'edge EDGE_NAME_NXDOMAIN',
  sinkhole: 'edge EDGE_NAME_HIJACKED',
  blocked: 'edge EGRESS_BLOCKED',
  rejected: 'edge EGRESS_REJECTED',
  prohibited: 'edge EGRESS_REJECTED',
  noRoute: 'edge EDGE_UNREACHABLE',
  only443: 'edge CONTROL_PORT_BLOCKED',
  proxyRequired: 'edge PROXY_REQUIRED',
  proxyAuth: 'edge PROXY_AUTH',
  intercepted: 'edge TLS_INTERCEPTED',
  portal: 'edge CAPTIVE_PORTAL',
  handshakeStalls: 'edge HANDSHAKE_TIMEOUT',
  narrowHandshake: 'edge PATH_MTU',
  narrowRecords: 'edge PATH_MTU',
  upgradeStripped: 'edge CONTROL_UNREACHABLE',
  clockSlow: 'connector CLOCK_SKEW',
  clockFastPastTheCertificate: 'connector CLOCK_SKEW',
  certificateEnded: 'connector CERT_EXPIRED',
  keyExpiredAtControl: 'control KEY_EXPIRED',
  cloned: 'control IDENTITY_CLONED',
  descriptors: 'connector FD_EXHAUSTED',
  overloaded: 'connector CONNECTOR_OVERLOADED',
  down: 'connector DAEMON_DOWN',
}

function rootsOf(change: Change): string[] {
  return diagnose(CHECKS, factsOf(change)).roots.map(({ hop, verdict }) => `${hop} ${verdict.fault}`)
}

test('nothing wrong: no root, nothing skipped, nothing left open', () => {
  const { roots, judgements, certain } = diagnose(CHECKS, factsOf())
  assert.deepEqual(roots, [])
  assert.deepEqual(
    judgements.filter(({ verdict }) => verdict.is !== 'pass'),
    [],
  )
  assert.ok(certain)
})

for (const [illness, expected] of Object.entries(SINGLE)) {
  test(`${illness}: ${expected} and nobody else`, () => {
    assert.deepEqual(rootsOf(ILL[illness as Illness]), [expected])
  })
}

/** Several at once: what explains the others wins, and what it explains is not said at all. */
const TOGETHER: { ill: Illness[]; roots: string[] }[] = [
  {
    ill: ['resolverUnreadable', 'clockSlow'],
    roots: ['connector RESOLVER_UNREADABLE', 'connector CLOCK_SKEW'],
  },
  { ill: ['diskFull', 'down'], roots: ['connector DISK_FULL'] },
  { ill: ['diskFull', 'stateUnwritable', 'down'], roots: ['connector DISK_FULL'] },
  { ill: ['denied', 'stateUnwritable', 'blocked'], roots: ['connector MAC_DENIED'] },
  { ill: ['sealBroken', 'down'], roots: ['connector SEAL_BROKEN'] },
  { ill: ['clockSlow', 'certificateEnded'], roots: ['connector CLOCK_SKEW'] },
  { ill: ['intercepted', 'keyExpiredAtControl'], roots: ['edge TLS_INTERCEPTED'] },
  { ill: ['blocked', 'cloned'], roots: ['edge EGRESS_BLOCKED'] },
  { ill: ['nxdomain', 'down'], roots: ['edge EDGE_NAME_NXDOMAIN', 'connector DAEMON_DOWN'] },
  { ill: ['keyMissing', 'blocked'], roots: ['connector KEY_MISSING', 'edge EGRESS_BLOCKED'] },
  { ill: ['intercepted', 'overloaded'], roots: ['edge TLS_INTERCEPTED', 'connector CONNECTOR_OVERLOADED'] },
  {
    ill: ['keyMissing', 'intercepted', 'clockSlow'],
    roots: ['connector KEY_MISSING', 'edge TLS_INTERCEPTED', 'connector CLOCK_SKEW'],
  },
]
for (const { ill, roots } of TOGETHER) {
  test(`${ill.join(' + ')}: ${roots.join(', ')}`, () => {
    const changes: Change[] = ill.map((name) => ILL[name])
    assert.deepEqual(
      rootsOf({
        known: Object.assign({}, ...changes.map(({ known }) => known)),
        without: changes.flatMap(({ without = [] }) => without),
      }),
      roots,
    )
  })
}

test('what comes after a failure is skipped and names it, up to the end of the chain', () => {
  const { judgements } = diagnose(CHECKS, factsOf(ILL.resolverUnreadable))
  const skipped = judgements.flatMap(({ check, verdict }) =>
    verdict.is === 'skip' ? [[check, verdict.after]] : [],
  )
  const wanted = [
    'resolver',
    'edge-name',
    'edge-tcp',
    'edge-tls',
    'edge-records',
    'upgrade',
    'edge-certificate',
    'control',
  ]
  assert.deepEqual(
    skipped,
    wanted.map((check) => [check, 'resolver-file']),
  )
})

test('a verdict is certain only when no fact still missing can come before it', () => {
  const blocked: Change = ILL.blocked
  assert.ok(diagnose(CHECKS, factsOf({ ...blocked, pending: ['load', 'daemon'] })).certain)
  assert.ok(!diagnose(CHECKS, factsOf({ ...blocked, pending: ['identity'] })).certain)
  const waiting = diagnose(CHECKS, factsOf({ pending: ['edgeName', 'tcp', 'dial', ...NO_WAY] }))
  assert.deepEqual([waiting.roots, waiting.certain], [[], false])
})

test('every failure has evidence, a fix and a verify line, and no placeholder of the table', () => {
  for (const [name, change] of Object.entries(ILL)) {
    for (const { verdict } of diagnose(CHECKS, factsOf(change)).roots) {
      assert.ok(verdict.seen.length > 0, name)
      assert.ok(verdict.fix.length > 0 && verdict.verify.run !== '' && verdict.verify.expect !== '', name)
      assert.doesNotMatch(JSON.stringify(verdict), /undefined|\[object|NaN/, name)
    }
  }
})
