import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { lookAtApplication } from './application-look.ts'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { factsOf, NOW_MS, tcp } from './facts.fixture.ts'
import type { AppFacts } from './facts.ts'
import type { AppTarget } from './patient.ts'

const TARGET: AppTarget = { host: 'hr.tcs.internal', port: 443, networks: ['10.20.9.0/24'] }
const AT = { address: '10.20.9.40' }
const HEALTHY: AppFacts = {
  target: TARGET,
  name: {
    name: TARGET.host,
    addresses: [AT.address],
    tookMs: 3,
    servers: [{ server: '10.20.0.53', said: 'NOERROR', addresses: [AT.address], ttlSeconds: 60 }],
  },
  refused: [],
  attempts: [tcp('open', AT)],
  neighbours: [],
  tls: { names: 'DNS:hr.tcs.internal', subject: 'CN=hr', fits: true },
  ping: { ...AT, throughBytes: 1500, saw: 'echoes up to 1500 bytes' },
}
const unresolved = (errno: string, said: string) => ({
  name: {
    name: TARGET.host,
    addresses: [],
    errno,
    tookMs: 3,
    servers: [{ server: '10.20.0.53', said, addresses: [] }],
  },
  attempts: [],
})
const named = (address: string, servers = HEALTHY.name.servers) => ({
  name: { ...HEALTHY.name, addresses: [address], servers },
})
const outside = { server: '10.20.0.53', said: 'NOERROR', addresses: ['198.18.4.4'] }

const CASES: { name: string; app: Partial<AppFacts>; expected: string[]; evidence?: RegExp }[] = [
  { name: 'all is well', app: {}, expected: [] },
  {
    name: 'answers thrown away since they come by another interface',
    app: {
      attempts: [tcp('silent', AT)],
      returnPath: {
        ...{ asked: 6, filtered: 4, dropped: 0, refused: 0 },
        route: '10.20.9.40 via 10.20.0.1 dev eth0 src 10.20.0.9',
      },
    },
    expected: ['application RETURN_PATH_ASYMMETRIC'],
    evidence: /4 answers dropped.*src 10\.20\.0\.9/s,
  },
  {
    name: 'answers that the firewall of the connector itself drops: nobody else has to allow anything',
    app: { attempts: [tcp('silent', AT)], returnPath: { asked: 6, filtered: 0, dropped: 6, refused: 0 } },
    expected: ['connector APP_TIMEOUT'],
    evidence: /6 answers reached this machine but no program/,
  },
  {
    name: 'answers from another address',
    app: { attempts: [tcp('silent', AT)], returnPath: { asked: 6, filtered: 0, dropped: 0, refused: 6 } },
    expected: ['application APP_TIMEOUT'],
    evidence: /6 answers from another address or port/,
  },
  {
    name: 'answers thrown away, and the application stands on another port: the port is what people can see',
    app: {
      attempts: [tcp('silent', AT)],
      neighbours: [tcp('open', { ...AT, port: 8443 })],
      returnPath: { asked: 6, filtered: 4, dropped: 0, refused: 0 },
    },
    expected: ['application SEGMENT_PORT_MISMATCH'],
  },
  {
    name: 'closed on this port, open on another one that the segment has too',
    app: {
      target: {
        ...TARGET,
        ports: [
          [443, 443],
          [8443, 8450],
        ],
      },
      attempts: [tcp('refused', AT)],
      neighbours: [tcp('open', { ...AT, port: 8443 })],
    },
    expected: ['application APP_REFUSED'],
    evidence: /10\.20\.9\.40:8443 connected/,
  },
  {
    name: 'NXDOMAIN',
    app: unresolved('ENOTFOUND', 'NXDOMAIN'),
    expected: ['dns APP_NAME_NXDOMAIN'],
    evidence: /10\.20\.0\.53 said NXDOMAIN/,
  },
  {
    name: 'SERVFAIL',
    app: unresolved('EAI_AGAIN', 'SERVFAIL'),
    expected: ['dns APP_RESOLVER_DOWN'],
    evidence: /SERVFAIL/,
  },
  {
    name: 'silence',
    app: unresolved('timeout', 'timeout'),
    expected: ['dns APP_RESOLVER_DOWN'],
    evidence: /timeout/,
  },
  {
    name: 'the outside view',
    app: named('198.18.4.4', [outside]),
    expected: ['dns APP_NAME_WRONG_VIEW'],
    evidence: /198\.18\.4\.4/,
  },
  {
    name: 'resolvers that disagree',
    app: named('198.18.4.4', [outside, { server: '10.20.0.54', said: 'NOERROR', addresses: [AT.address] }]),
    expected: ['dns APP_NAME_WRONG_VIEW'],
    evidence: /put 10\.20\.0\.54 first/,
  },
  {
    name: 'a sinkhole',
    app: {
      ...named('0.0.0.0'),
      refused: [{ address: '0.0.0.0', why: '(this host)' }],
      target: { ...TARGET, networks: [] },
    },
    expected: ['dns ADDRESS_FORBIDDEN'],
    evidence: /0\.0\.0\.0/,
  },
  {
    name: 'nothing listens',
    app: { attempts: [tcp('refused', AT)] },
    expected: ['application APP_REFUSED'],
    evidence: /ECONNREFUSED/,
  },
  {
    name: 'another port',
    app: { attempts: [tcp('refused', AT)], neighbours: [tcp('open', { ...AT, port: 8443 })] },
    expected: ['application SEGMENT_PORT_MISMATCH'],
    evidence: /10\.20\.9\.40:8443 connected/,
  },
  {
    name: 'dropped, and another port is open',
    app: {
      attempts: [tcp('silent', AT)],
      neighbours: [tcp('refused', AT), tcp('open', { ...AT, port: 8443 })],
    },
    expected: ['application SEGMENT_PORT_MISMATCH'],
  },
  {
    name: 'dropped',
    app: { attempts: [tcp('silent', AT)] },
    expected: ['application APP_TIMEOUT'],
    evidence: /no answer in 10 s/,
  },
  {
    name: 'forbidden',
    app: { attempts: [tcp('prohibited', AT)] },
    expected: ['application APP_UNREACHABLE'],
    evidence: /EHOSTUNREACH/,
  },
  {
    name: 'no route',
    app: { attempts: [tcp('unreachable', AT)] },
    expected: ['application APP_UNREACHABLE'],
    evidence: /ENETUNREACH/,
  },
  {
    name: 'it hangs up on everybody, so that no certificate is shown either',
    app: { tls: undefined, hungUp: { ...AT, port: 443, afterMs: 2 } },
    expected: ['application APP_HUNG_UP'],
    evidence: /10\.20\.9\.40:443 connected, closed cleanly by it after 2 ms, no byte received/,
  },
  {
    name: 'it resets everybody',
    app: { tls: undefined, hungUp: { ...AT, port: 443, afterMs: 2, errno: 'ECONNRESET' } },
    expected: ['application APP_RESET'],
    evidence: /ECONNRESET after 2 ms/,
  },
  {
    name: 'a certificate of another name',
    app: { tls: { names: 'DNS:old.tcs.internal', subject: 'CN=old.tcs.internal', fits: false } },
    expected: ['application APP_TLS_NAME'],
    evidence: /DNS:old\.tcs\.internal/,
  },
  {
    name: 'a certificate that has ended',
    app: {
      tls: {
        ...{ names: 'DNS:hr.tcs.internal', subject: 'CN=hr.tcs.internal', fits: true },
        validMs: [NOW_MS - 2 * 86_400_000, NOW_MS - 86_400_000],
      },
    },
    expected: ['application APP_CERT_EXPIRED'],
    evidence: /valid from \S+ to \S+; the time here is /,
  },
  {
    name: 'large packets lost in silence',
    app: { ping: { ...AT, throughBytes: 1400, lostBytes: 1420, saw: 'echoes up to 1400 bytes' } },
    expected: ['application PATH_MTU'],
    evidence: /1400 bytes pass, 1420 are silently dropped/,
  },
  {
    name: 'large packets lost, and echoes are not let through at any size',
    app: {
      ping: { ...AT, saw: 'no ping reply at any size' },
      stalls: [
        {
          peer: '10.20.0.9:443',
          packetBytes: 1500,
          saw: '10.20.0.9:443 70952 bytes wait, backoff:4 pmtu:1500',
        },
      ],
    },
    expected: ['application PATH_MTU'],
    evidence: /70952 bytes wait, backoff:4 pmtu:1500/,
  },
  {
    name: 'a narrow path that says so harms nobody',
    app: {
      ping: { ...AT, throughBytes: 1400, lostBytes: 1420, toldMtu: 1400, saw: 'message too long, mtu=1400' },
    },
    expected: [],
  },
]
for (const { name, app, expected, evidence } of CASES) {
  test(`application, ${name}: ${expected.join(', ') || 'healthy'}`, () => {
    const facts = factsOf({ known: { app: { ...HEALTHY, ...app } }, patient: { app: app.target ?? TARGET } })
    const { roots } = diagnose(CHECKS, facts)
    assert.deepEqual(
      roots.map(({ hop, verdict }) => `${hop} ${verdict.fault}`),
      expected,
    )
    if (evidence) assert.match(JSON.stringify(roots[0]!.verdict), evidence)
  })
}

test('the application is not looked at behind a resolver that this user cannot read', () => {
  const facts = factsOf({
    known: { app: { ...HEALTHY, ...unresolved('EAI_AGAIN', 'timeout') } },
    patient: { app: TARGET },
  })
  const resolvers = { ...facts.known.resolvers!, is: 'denied' as const, errno: 'EACCES' }
  const { roots } = diagnose(CHECKS, { ...facts, known: { ...facts.known, resolvers } })
  assert.deepEqual(
    roots.map(({ verdict }) => verdict.fault),
    ['RESOLVER_UNREADABLE'],
  )
})

test('lookAtApplication: the other ports of the segment are tried when the one asked for is closed', async (t) => {
  const [closed, open] = await Promise.all([listen(), listen()])
  t.after(() => open.close())
  const at = ({ port }: net.AddressInfo): [number, number] => [port, port]
  const [from, other] = [closed, open].map((one) => at(one.address() as net.AddressInfo)) as [
    [number, number],
    [number, number],
  ]
  await new Promise((resolve) => closed.close(resolve))
  const target: AppTarget = {
    ...{ host: '127.0.0.1', port: from[0], ports: [from, other] },
    networks: ['127.0.0.1/32'],
  }
  const resolvers = { servers: [] } as unknown as Parameters<typeof lookAtApplication>[1]
  const seen = await lookAtApplication(target, resolvers, {
    before: Promise.resolve([]),
    signal: new AbortController().signal,
  })
  assert.deepEqual(
    seen.attempts.map(({ is }) => is),
    ['refused'],
  )
  assert.deepEqual(
    seen.neighbours.map(({ port, is }) => [port, is]),
    [[other[0], 'open']],
  )
})

for (const [what, answer, expected] of [
  ['hangs up', (socket: net.Socket) => socket.end(), { errno: undefined }],
  ['greets and hangs up', (socket: net.Socket) => socket.end('220 ready\r\n'), undefined],
  ['waits', () => {}, undefined],
] as const) {
  test(`lookAtApplication: one that ${what}`, async (t) => {
    const open = new Set<net.Socket>()
    const server = net.createServer((socket) => answer(open.add(socket) && socket.on('error', () => {})))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      for (const socket of open) socket.destroy()
      server.close()
    })
    const { port } = server.address() as net.AddressInfo
    const target: AppTarget = { host: '127.0.0.1', port, networks: ['127.0.0.1/32'] }
    const resolvers = { servers: [] } as unknown as Parameters<typeof lookAtApplication>[1]
    const { hungUp } = await lookAtApplication(target, resolvers, {
      before: Promise.resolve([]),
      signal: new AbortController().signal,
    })
    assert.deepEqual(hungUp && { errno: hungUp.errno }, expected)
  })
}

test('lookAtApplication: a special address that nobody named is not dialled, whoever asks', async (t) => {
  let dialled = 0
  const server = (await listen()).on('connection', () => dialled++)
  t.after(() => server.close())
  const { port } = server.address() as net.AddressInfo
  const resolvers = { servers: [] } as unknown as Parameters<typeof lookAtApplication>[1]
  for (const networks of [[], ['0.0.0.0/0']]) {
    const target: AppTarget = { host: '127.0.0.1', port, networks }
    const seen = await lookAtApplication(target, resolvers, {
      before: Promise.resolve([]),
      signal: new AbortController().signal,
    })
    assert.deepEqual([seen.attempts, seen.neighbours, dialled], [[], [], 0])
  }
})

async function listen(): Promise<net.Server> {
  const server = net.createServer((socket) => socket.on('error', () => {}).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

test('a TLS handshake of an application that ends well and late is said as slow, with its time', () => {
  const slowOf = (tookMs: number) => {
    const app = { ...HEALTHY, tls: { ...HEALTHY.tls!, tookMs } }
    const { judgements } = diagnose(CHECKS, factsOf({ known: { app }, patient: { app: TARGET } }))
    const verdict = judgements.find(({ check }) => check === 'app-tls')?.verdict
    assert.equal(verdict?.is, 'pass')
    return verdict.is === 'pass' ? verdict.slow : undefined
  }
  assert.equal(slowOf(5300), '5.3 s, the daemon waits 8 s')
  assert.equal(slowOf(30), undefined)
})
