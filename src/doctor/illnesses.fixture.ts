/**
 * One way each for a machine to be ill, as changes to the facts of a healthy one.
 *
 * @module
 */
import { type Change, changed, factsOf, fixtureFault, NO_WAY, NOW_MS, PATIENT, tcp } from './facts.fixture.ts'
import type { SecondLook } from './second-look.ts'

const HOUR_MS = 3_600_000
const NO_ANSWERS_LOST = { asked: 6, filtered: 0, dropped: 0, refused: 0 }

const again = (asked: SecondLook['asked'], is: SecondLook['is']): SecondLook => ({ asked, is, chain: [] })

export const ILL = {
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
  stateBelowStranger: {
    known: {
      stateDir: changed('stateDir', {
        stranger: {
          ...{
            path: '/var/lib/backstitch',
            owner: 1000,
            mode: '0755',
            fix: 'chown root /var/lib/backstitch',
          },
          why: 'it belongs to user 1000, not to user 990 or root',
        },
      }),
    },
  },
  keyMissing: {
    known: {
      identity: { stored: false, drifted: [] },
      key: { file: PATIENT.keyFile!, fault: fixtureFault('KEY_MISSING', `there is no ${PATIENT.keyFile}`) },
    },
  },
  keyMalformed: {
    known: {
      identity: { stored: false, drifted: [] },
      key: {
        file: PATIENT.keyFile!,
        fault: fixtureFault('KEY_MALFORMED', 'foreign character: U+201C', {
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
        fault: fixtureFault('KEY_UNREADABLE', 'EACCES', {
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
        fault: fixtureFault('SEAL_BROKEN', '2 factors match, 3 are needed', {
          seen: { changed: ['mac aa→bb'] },
        }),
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
  questionsHeldHere: {
    known: {
      edgeName: changed('edgeName', {
        addresses: [],
        errno: 'EAI_AGAIN',
        servers: [{ server: '10.20.0.53', said: 'EPERM', addresses: [] }],
      }),
    },
    without: ['tcp', 'dial', ...NO_WAY],
  },
  nobodyNamed: {
    known: {
      resolvers: changed('resolvers', { servers: [] }),
      edgeName: changed('edgeName', {
        addresses: [],
        errno: 'EAI_AGAIN',
        servers: [{ server: '127.0.0.1', said: 'ECONNREFUSED', addresses: [] }],
      }),
    },
    without: ['tcp', 'dial', ...NO_WAY],
  },
  noPortsLeft: {
    known: {
      tcp: { host: 'edge.example.com', attempts: [tcp('unasked')], proxies: [] },
      load: changed('load', { localPorts: { used: 32, range: 32 } }),
      daemon: changed('daemon', {
        state: 'disconnected',
        fault: {
          ...{ code: 'CONNECTOR_OVERLOADED', hop: 'connector' },
          detail: 'edge.example.com:443: no local port left here (EADDRNOTAVAIL)',
        },
      }),
    },
    without: NO_WAY,
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
      dial: { fault: fixtureFault('EGRESS_BLOCKED', 'x'), tookMs: 4000 },
    },
    without: NO_WAY,
  },
  answersFiltered: {
    known: {
      tcp: {
        ...{ host: 'edge.example.com', attempts: [tcp('silent')], proxies: [] },
        returnPath: { ...NO_ANSWERS_LOST, filtered: 6 },
      },
    },
    without: NO_WAY,
  },
  answersDroppedHere: {
    known: {
      tcp: {
        ...{ host: 'edge.example.com', attempts: [tcp('silent')], proxies: [] },
        returnPath: { ...NO_ANSWERS_LOST, dropped: 6 },
      },
    },
    without: NO_WAY,
  },
  answersFromElsewhere: {
    known: {
      tcp: {
        ...{ host: 'edge.example.com', attempts: [tcp('silent')], proxies: [] },
        returnPath: { ...NO_ANSWERS_LOST, refused: 6 },
      },
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
  linkDown: {
    known: {
      link: { name: 'eth0', state: 'down', running: [], cards: ['eth0'] },
      tcp: { host: 'edge.example.com', attempts: [tcp('unreachable')], proxies: [] },
      dial: { fault: fixtureFault('EDGE_UNREACHABLE', 'x'), tookMs: 3000 },
    },
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
        fault: fixtureFault('PROXY_AUTH', 'asks', {
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
        fault: fixtureFault('TLS_INTERCEPTED', 'the chain does not end in the pinned tenant CA'),
      }),
    },
    without: ['answer'],
  },
  otherTenant: {
    known: {
      tls: changed('tls', {
        fault: fixtureFault(
          'PIN_MISMATCH',
          'the server that answers is a Backstitch server, but not the pinned one',
          {
            seen: { identity: 'backstitch://tnt_other/control/ctl_1' },
          },
        ),
      }),
    },
    without: ['answer'],
  },
  controlAway: {
    known: {
      tls: changed('tls', {
        fault: fixtureFault(
          'CONTROL_UNREACHABLE',
          'edge edg_1 answers, and the control plane behind it does not',
        ),
      }),
    },
    without: ['answer'],
  },
  portal: {
    known: {
      tls: changed('tls', {
        chain: [],
        broken: fixtureFault('EDGE_UNREACHABLE', 'EPROTO'),
        plain: { firstLine: 'HTTP/1.1 302 Found', location: 'http://login.hotel.example/' },
      }),
    },
    without: ['answer'],
  },
  handshakeStalls: {
    known: {
      tls: changed('tls', { chain: [], tookMs: 10_000, broken: fixtureFault('HANDSHAKE_TIMEOUT', 'x') }),
    },
    without: ['answer'],
  },
  edgeStands: {
    known: {
      tls: changed('tls', {
        chain: [],
        tookMs: 10_000,
        broken: fixtureFault('HANDSHAKE_TIMEOUT', 'x'),
        second: [again('plain', 'silent'), again('nameless', 'silent'), again('short', 'silent')],
      }),
    },
    without: ['answer'],
  },
  edgeDrops: {
    known: {
      tls: changed('tls', {
        chain: [],
        broken: fixtureFault('EDGE_UNREACHABLE', 'the TLS handshake broke: ECONNRESET'),
        second: (['plain', 'nameless', 'short', 'mute'] as const).map((asked) => again(asked, 'ended')),
      }),
    },
    without: ['answer'],
  },
  edgeResets: {
    known: {
      tcp: { host: 'edge.example.com', attempts: [tcp('refused', { errno: 'ECONNRESET' })], proxies: [] },
    },
    without: ['tls', 'answer'],
  },
  helloDropped: {
    known: {
      tls: changed('tls', {
        chain: [],
        broken: fixtureFault('EDGE_UNREACHABLE', 'the TLS handshake broke: ECONNRESET'),
        second: [
          ...(['plain', 'nameless', 'short'] as const).map((asked) => again(asked, 'ended')),
          again('mute', 'silent'),
        ],
      }),
    },
    without: ['answer'],
  },
  protocolHeld: {
    known: {
      tls: changed('tls', {
        chain: [],
        tookMs: 10_000,
        broken: fixtureFault('HANDSHAKE_TIMEOUT', 'x'),
        second: [
          { ...again('plain', 'answered'), chain: factsOf().known.tls!.chain, pinned: true, believed: false },
          again('nameless', 'silent'),
          again('short', 'silent'),
        ],
      }),
    },
    without: ['answer'],
  },
  nameHeld: {
    known: {
      tls: changed('tls', {
        chain: [],
        broken: fixtureFault('EDGE_UNREACHABLE', 'the TLS handshake broke: ECONNRESET'),
        second: [
          again('plain', 'ended'),
          { ...again('nameless', 'answered'), chain: factsOf().known.tls!.chain, pinned: true },
          again('short', 'ended'),
        ],
      }),
    },
    without: ['answer'],
  },
  otherServerDeclines: {
    known: {
      tls: changed('tls', {
        chain: [],
        broken: fixtureFault('EDGE_UNREACHABLE', 'the TLS handshake broke', {
          seen: { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' },
        }),
        second: [
          {
            ...again('plain', 'answered'),
            chain: [{ ...factsOf().known.tls!.chain[0]!, issuer: 'CN=Corporate-SSL-Inspection-CA' }],
            ...{ pinned: false, believed: false },
          },
          again('nameless', 'alert'),
          again('short', 'alert'),
        ],
      }),
    },
    without: ['answer'],
  },
  longAnswersLost: {
    known: {
      tls: changed('tls', {
        chain: [],
        tookMs: 10_000,
        broken: fixtureFault('HANDSHAKE_TIMEOUT', 'x'),
        second: [again('plain', 'answered'), again('nameless', 'silent'), again('short', 'alert')],
      }),
      ping: { address: '203.0.113.7', via: 'eth0', saw: 'no ping reply at any size' },
    },
    without: ['answer'],
  },
  narrowHandshake: {
    known: {
      tls: changed('tls', { chain: [], tookMs: 10_000, broken: fixtureFault('HANDSHAKE_TIMEOUT', 'x') }),
      ping: {
        address: '203.0.113.7',
        via: 'eth0',
        throughBytes: 1400,
        lostBytes: 1420,
        saw: 'echoes up to 1400 bytes',
      },
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
  edgeGoesSilent: {
    known: {
      answer: {
        ...{ records: [], tookMs: 10_000 },
        fault: fixtureFault('CONTROL_UNREACHABLE', 'no answer from edge.example.com:443'),
      },
    },
  },
  otherEdgeAnswers: {
    known: {
      tls: changed('tls', {
        fault: fixtureFault('PROTOCOL_ERROR', 'the server does not speak backstitch-control/1'),
      }),
    },
    without: ['answer'],
  },
  proxyMalformed: {
    known: {
      egress: {
        fault: fixtureFault('INVALID', '/etc/backstitch/proxy: no port behind "proxy.example.com"', {
          seen: { file: '/etc/backstitch/proxy' },
        }),
      },
    },
    without: ['edgeName', 'tcp', 'dial', ...NO_WAY],
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
      sync: { by: 'none', saw: 'neither chronyc nor timedatectl answers on this machine' },
      identity: { stored: true, drifted: [], notAfterMs: NOW_MS - 360 * 24 * HOUR_MS },
    },
  },
  certificateEnded: { known: { identity: { stored: true, drifted: [], notAfterMs: NOW_MS - HOUR_MS } } },
  edgeCertificateEnded: {
    known: {
      tls: changed('tls', {
        chain: factsOf().known.tls!.chain.map((one) => ({ ...one, notAfterMs: NOW_MS - HOUR_MS })),
      }),
    },
  },
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
  overloadedByItsOwnAccount: {
    known: {
      daemon: changed('daemon', {
        notes: [{ code: 'CONNECTOR_OVERLOADED', detail: 'cpu 97 %; 40 sessions' }],
      }),
    },
  },
  flapping: {
    known: {
      daemon: changed('daemon', {
        notes: [{ code: 'FLAPPING', detail: '5 drops in 10 min, one every 60 s' }],
      }),
    },
  },
  stoodStill: {
    known: {
      daemon: changed('daemon', {
        notes: [{ code: 'STOOD_STILL', detail: 'the machine of this process was suspended for 3600.0 s' }],
      }),
    },
  },
  workerKilled: {
    known: {
      daemon: changed('daemon', {
        notes: [
          {
            code: 'WORKER_ENDED',
            detail:
              'connector worker 2 exited: SIGKILL; 3 ends of workers in 10 min, the last at 2026-05-30T09:00:00.000Z',
          },
        ],
      }),
    },
  },
  leaking: {
    known: {
      daemon: changed('daemon', {
        notes: [
          { code: 'MEMORY_LEAK_SUSPECTED', detail: 'resident memory grew from 100 MB to 160 MB in 5 min' },
        ],
      }),
    },
  },
  appSilent: {
    known: {
      daemon: changed('daemon', {
        notes: [
          {
            code: 'APP_SILENT',
            detail:
              'hr.example.com:8080: silent since 2026-05-30T09:00:00.000Z: 4 sessions of 2 users asked it and no byte came back',
            seen: { saw: ['the last sent 117 B and gave up after 6 s'], fix: ['restart the application'] },
          },
        ],
      }),
    },
  },
  lookupsBusy: {
    known: {
      daemon: changed('daemon', {
        notes: [
          {
            code: 'LOOKUPS_BUSY',
            detail:
              'every thread for look-ups is held by a name without an answer (24): a.example, b.example',
          },
        ],
      }),
    },
  },
  farEdge: {
    known: {
      edges: {
        region: '',
        inUse: 'edg_far',
        edges: [
          { id: 'edg_far', name: 'far', region: 'us', host: 'far.example.com', port: 443, rttUs: 61_000 },
          {
            ...{ id: 'edg_near', name: 'near', region: 'eu', host: 'near.example.com', port: 443 },
            knownRttUs: 2100,
            code: 'EGRESS_BLOCKED: near.example.com:443 gave no answer',
          },
        ],
      },
    },
  },
  down: { known: { daemon: { socket: '/x/status.sock', answers: false } } },
  downAndDeleted: {
    known: {
      daemon: {
        ...{
          socket: '/x/status.sock',
          answers: false,
          lastOutage: 'control IDENTITY_REVOKED since yesterday',
        },
        lastFault: { code: 'IDENTITY_REVOKED', detail: 'connector a (con_1) was deleted at noon by ada' },
      },
    },
  },
  downAndKeyRefused: {
    known: {
      identity: { stored: false, drifted: [] },
      key: { file: '/x/key', changedMs: NOW_MS - 2 * HOUR_MS },
      daemon: {
        ...{ socket: '/x/status.sock', answers: false, lastOutage: 'control KEY_EXHAUSTED since yesterday' },
        lastFault: {
          ...{ code: 'KEY_EXHAUSTED', detail: 'key k (key_1): 1 of 1 uses taken' },
          writtenMs: NOW_MS - HOUR_MS,
        },
      },
    },
  },
} as const satisfies Record<string, Change>
export type Illness = keyof typeof ILL
