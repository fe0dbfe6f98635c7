import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../base/faults.ts'
import type { LinkFacts } from '../probe/network-link.ts'
import type { TcpFacts } from '../probe/tcp.ts'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { type Change, changed, factsOf, NO_WAY } from './facts.fixture.ts'
import type { DaemonFacts, FactTable } from './facts.ts'
import { ILL, type Illness } from './illnesses.fixture.ts'

const SINGLE: Record<Illness, string> = {
  denied: 'connector MAC_DENIED',
  diskFull: 'connector DISK_FULL',
  stateUnwritable: 'connector STATE_UNWRITABLE',
  stateBelowStranger: 'connector STATE_UNWRITABLE',
  keyMissing: 'connector KEY_MISSING',
  keyMalformed: 'connector KEY_MALFORMED',
  keyUnreadable: 'connector KEY_UNREADABLE',
  sealBroken: 'connector SEAL_BROKEN',
  resolverUnreadable: 'connector RESOLVER_UNREADABLE',
  resolverSilent: 'edge RESOLVER_UNREACHABLE',
  resolverServfail: 'edge RESOLVER_UNREACHABLE',
  questionsHeldHere: 'connector RESOLVER_UNREACHABLE',
  nobodyNamed: 'connector RESOLVER_UNREACHABLE',
  noPortsLeft: 'connector CONNECTOR_OVERLOADED',
  nxdomain: 'edge EDGE_NAME_NXDOMAIN',
  sinkhole: 'edge EDGE_NAME_HIJACKED',
  blocked: 'edge EGRESS_BLOCKED',
  answersFiltered: 'edge RETURN_PATH_ASYMMETRIC',
  answersDroppedHere: 'connector EGRESS_BLOCKED',
  answersFromElsewhere: 'edge EGRESS_BLOCKED',
  rejected: 'edge EGRESS_REJECTED',
  prohibited: 'edge EGRESS_REJECTED',
  linkDown: 'connector LINK_DOWN',
  noRoute: 'edge EDGE_UNREACHABLE',
  only443: 'edge CONTROL_PORT_BLOCKED',
  proxyRequired: 'edge PROXY_REQUIRED',
  proxyAuth: 'edge PROXY_AUTH',
  intercepted: 'edge TLS_INTERCEPTED',
  otherTenant: 'edge PIN_MISMATCH',
  controlAway: 'control CONTROL_UNREACHABLE',
  portal: 'edge CAPTIVE_PORTAL',
  handshakeStalls: 'edge HANDSHAKE_TIMEOUT',
  edgeStands: 'edge HANDSHAKE_TIMEOUT',
  protocolHeld: 'edge HANDSHAKE_TIMEOUT',
  nameHeld: 'edge EDGE_UNREACHABLE',
  edgeDrops: 'edge EDGE_UNREACHABLE',
  edgeResets: 'edge EDGE_UNREACHABLE',
  helloDropped: 'edge EDGE_UNREACHABLE',
  otherServerDeclines: 'edge TLS_INTERCEPTED',
  longAnswersLost: 'edge PATH_MTU',
  narrowHandshake: 'edge PATH_MTU',
  narrowRecords: 'edge PATH_MTU',
  upgradeStripped: 'edge CONTROL_UNREACHABLE',
  edgeGoesSilent: 'edge CONTROL_UNREACHABLE',
  otherEdgeAnswers: 'edge PROTOCOL_ERROR',
  proxyMalformed: 'connector INVALID',
  clockSlow: 'connector CLOCK_SKEW',
  clockFastPastTheCertificate: 'connector CLOCK_SKEW',
  certificateEnded: 'connector CERT_EXPIRED',
  edgeCertificateEnded: 'edge EDGE_CERT_EXPIRED',
  keyExpiredAtControl: 'control KEY_EXPIRED',
  cloned: 'control IDENTITY_CLONED',
  descriptors: 'connector FD_EXHAUSTED',
  overloaded: 'connector CONNECTOR_OVERLOADED',
  farEdge: 'edge EDGE_FAR',
  overloadedByItsOwnAccount: 'connector CONNECTOR_OVERLOADED',
  flapping: 'connector FLAPPING',
  stoodStill: 'connector STOOD_STILL',
  workerKilled: 'connector WORKER_ENDED',
  leaking: 'connector MEMORY_LEAK_SUSPECTED',
  appSilent: 'application APP_SILENT',
  lookupsBusy: 'connector LOOKUPS_BUSY',
  down: 'connector DAEMON_DOWN',
  downAndDeleted: 'control IDENTITY_REVOKED',
  downAndKeyRefused: 'control KEY_EXHAUSTED',
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

test('a narrow path is verified by what does not pass while it lasts', () => {
  for (const illness of [ILL.narrowHandshake, ILL.narrowRecords]) {
    const [root] = diagnose(CHECKS, factsOf(illness)).roots
    assert.equal(root!.verdict.verify.expect, 'healthy: every hop')
  }
})

test('what this machine holds back or lacks is mended here, and nobody that was not asked is named', () => {
  const verdictOf = (illness: Illness) => diagnose(CHECKS, factsOf(ILL[illness])).roots[0]!.verdict
  const held = verdictOf('questionsHeldHere')
  assert.match(held.cause, /^This machine's firewall blocks queries to 10\.20\.0\.53 \(EPERM\)/)
  assert.match(
    held.fix[0]!,
    /^in this machine's firewall, allow outbound UDP and TCP to 10\.20\.0\.53 port 53/,
  )
  const nobody = verdictOf('nobodyNamed')
  assert.match(nobody.cause, /^\/etc\/resolv\.conf names no resolver/)
  assert.doesNotMatch(nobody.fix.join(), /10\.20\.0\.53/)
  const ports = verdictOf('noPortsLeft')
  assert.equal(ports.fix[0], "sysctl -w net.ipv4.ip_local_port_range='1024 65535'")
  assert.ok(ports.seen.includes('32 of 32 local ports in use'))
})

/** Several at once: what explains the others wins, and what it explains is not said at all. */
const TOGETHER: { ill: Illness[]; roots: string[] }[] = [
  {
    ill: ['resolverUnreadable', 'clockSlow'],
    roots: ['connector RESOLVER_UNREADABLE', 'connector CLOCK_SKEW'],
  },
  { ill: ['descriptors', 'overloadedByItsOwnAccount'], roots: ['connector FD_EXHAUSTED'] },
  { ill: ['diskFull', 'down'], roots: ['connector DISK_FULL'] },
  { ill: ['diskFull', 'stateUnwritable', 'down'], roots: ['connector DISK_FULL'] },
  { ill: ['denied', 'stateUnwritable', 'blocked'], roots: ['connector MAC_DENIED'] },
  { ill: ['sealBroken', 'down'], roots: ['connector SEAL_BROKEN'] },
  { ill: ['clockSlow', 'certificateEnded', 'edgeCertificateEnded'], roots: ['connector CLOCK_SKEW'] },
  { ill: ['intercepted', 'keyExpiredAtControl'], roots: ['edge TLS_INTERCEPTED'] },
  { ill: ['blocked', 'cloned'], roots: ['edge EGRESS_BLOCKED'] },
  { ill: ['nxdomain', 'down'], roots: ['edge EDGE_NAME_NXDOMAIN', 'connector DAEMON_DOWN'] },
  { ill: ['keyMissing', 'blocked'], roots: ['connector KEY_MISSING', 'edge EGRESS_BLOCKED'] },
  {
    ill: ['overloaded', 'leaking'],
    roots: ['connector CONNECTOR_OVERLOADED', 'connector MEMORY_LEAK_SUSPECTED'],
  },
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
    'app-reach',
    'edge-choice',
  ]
  assert.deepEqual(
    skipped,
    wanted.map((check) => [check, 'resolver-file']),
  )
})

test('a verdict is certain only when no fact still missing can come before it', () => {
  const blocked: Change = ILL.blocked
  assert.ok(diagnose(CHECKS, factsOf({ ...blocked, pending: ['load', 'sync'] })).certain)
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

test('a second port that is stopped comes last, as the port that every edge has serves', () => {
  const fault = new Fault('EGRESS_BLOCKED', 'edge.example.com:8443 gave no answer')
  const second = { at: { host: 'edge.example.com', port: 8443 }, distance: { fault } }
  const stopped = { edges: { region: '', edges: [], second } }
  assert.deepEqual(rootsOf({ known: stopped }), ['edge CONTROL_PORT_BLOCKED'])
  assert.deepEqual(rootsOf({ known: { ...ILL.blocked.known, ...stopped } }), ['edge EGRESS_BLOCKED'])
  const [root] = diagnose(CHECKS, factsOf({ known: stopped })).roots
  assert.match(root!.verdict.seen[0]!, /^edge\.example\.com:8443 was dropped: no answer \(EGRESS_BLOCKED/)
})

test('a link that is down is no cause where somebody answered all the same, or where the first hop is here', () => {
  const { known, without } = ILL.linkDown
  const codes = (more: object) => rootsOf({ known: { ...known, ...more }, without })
  assert.deepEqual(codes({}), ['connector LINK_DOWN'])
  assert.deepEqual(codes({ link: { running: [], cards: [] } }), ['connector LINK_DOWN'])
  const besideBridges = { running: ['docker0', 'tailscale0'], cards: ['eth0'] }
  assert.deepEqual(codes({ link: besideBridges }), ['connector LINK_DOWN'])
  assert.deepEqual(codes({ link: { ...besideBridges, cards: [] } }), ['edge EDGE_UNREACHABLE'], 'a container')
  const tunnel = { name: 'wg0', state: 'unknown', running: [], cards: [] }
  assert.deepEqual(codes({ link: tunnel }), ['edge EDGE_UNREACHABLE'])
  const attempts = [{ ...known.tcp.attempts[0]!, via: 'eth1' }]
  assert.deepEqual(codes({ tcp: { ...known.tcp, attempts } }), ['edge EDGE_UNREACHABLE'], 'another route')
  const refused = { fault: new Fault('EGRESS_REJECTED', 'x'), tookMs: 1 }
  assert.deepEqual(codes({ dial: refused }), ['edge EDGE_UNREACHABLE'], 'by another interface')
  const proxy = { host: '127.0.0.1', port: 3128 }
  const egress = { egress: { proxy, source: 'flag', noProxy: [] } }
  const dial = { fault: new Fault('PROXY_UNREACHABLE', 'ECONNREFUSED'), tookMs: 1 }
  assert.deepEqual(codes({ egress, dial }), ['edge PROXY_UNREACHABLE'])
})

test('resolvers that are asked by a router that is not there, or by no route, are not to blame', () => {
  const asked = (said: string, deadRouter?: string, of = ['9.9.9.9', '8.8.8.8'], link?: LinkFacts) => {
    const servers = of.map((server) => ({ server, said, addresses: [], deadRouter }))
    const edgeName = { name: 'edge.example.com', addresses: [], errno: 'EAI_AGAIN', tookMs: 2000, servers }
    const facts = factsOf({ known: { edgeName, ...(link && { link }) }, without: ['tcp', 'dial', ...NO_WAY] })
    const [root] = diagnose(CHECKS, facts).roots
    return `${root!.hop} ${root!.verdict.fault}: ${root!.verdict.cause} ${root!.verdict.seen[0]}`
  }
  assert.match(
    asked('timeout', '10.0.0.254'),
    /^edge EDGE_UNREACHABLE: The router 10\.0\.0\.254.* does not answer$/,
  )
  assert.match(asked('ENETUNREACH'), /^edge EDGE_UNREACHABLE: This machine has no route to its resolvers/)
  assert.match(asked('timeout'), /^edge RESOLVER_UNREACHABLE: /)
  const [v4, v6, own] = [['9.9.9.9', '8.8.8.8'], ['2620:fe::fe'], ['127.0.0.53']]
  assert.match(asked('ENETUNREACH', undefined, v6), /^edge RESOLVER_UNREACHABLE: /, 'a machine without IPv6')
  const alone = { running: ['eth0'], cards: ['eth0'] }
  assert.match(asked('SERVFAIL', undefined, own, alone), /^edge EDGE_UNREACHABLE: This machine has no route/)
  assert.match(asked('SERVFAIL', undefined, v4, alone), /^edge RESOLVER_UNREACHABLE: /, 'they answer')
  assert.match(asked('SERVFAIL', undefined, own), /^edge RESOLVER_UNREACHABLE: /)
})

test('no route: the machine itself, a router on the way, or nobody at the end', () => {
  const causeOf = (facts: Partial<TcpFacts>) => {
    const attempts = [{ ...ILL.noRoute.known.tcp.attempts[0]!, ...facts }]
    const known = { tcp: { ...ILL.noRoute.known.tcp, attempts } }
    return diagnose(CHECKS, factsOf({ ...ILL.noRoute, known })).roots[0]!.verdict.cause
  }
  assert.match(causeOf({ errno: 'ENETUNREACH' }), /^This machine has no route/)
  assert.match(causeOf({ errno: 'ENETUNREACH', nextHop: '10.0.0.1 answers' }), /^A router on the path/)
  assert.match(causeOf({ errno: 'EHOSTUNREACH', nextHop: '10.0.0.1 answers' }), /no machine has it/)
  const router = causeOf({ errno: 'EHOSTUNREACH', nextHop: '10.0.0.254 does not answer' })
  assert.match(router, /^The router 10\.0\.0\.254, .* is down/)
})

test('a clock that is off says what certificates make of it', () => {
  const causeOf = (slowMs: number) => {
    const answer = { ...factsOf().known.answer!, slowMs }
    const sync = { by: 'none', saw: 'nothing keeps this clock' } as const
    return diagnose(CHECKS, factsOf({ known: { answer, sync } })).roots[0]!.verdict.cause
  }
  assert.match(causeOf(312_000), /312 s slow; certificates tolerate that/)
  assert.match(causeOf(3_600_000), /60 min slow, so certificates appear not yet valid/)
  assert.match(causeOf(-360_000), /360 s fast; certificates tolerate that/)
  assert.match(causeOf(-10 * 86_400_000), /10 days fast, so certificates appear expired/)
})

test('whose clock is off, the time source of this machine tells: of two that differ it is the one that follows none', () => {
  const rootOf = (slowMs: number, sync: Partial<FactTable['sync']>) => {
    const { answer, sync: kept } = factsOf().known
    const known = { answer: { ...answer!, slowMs }, sync: { ...kept!, ...sync } }
    const [root] = diagnose(CHECKS, factsOf({ known })).roots
    return [root!.hop, root!.verdict.fault, root!.verdict.cause].join(' ')
  }
  assert.match(rootOf(3_600_000, { slowMs: 3 }), /^edge CLOCK_SKEW The edge's clock is 60 min fast/)
  assert.match(rootOf(-3_600_000, { slowMs: 3 }), /^edge CLOCK_SKEW The edge's clock is 60 min slow/)
  assert.match(rootOf(3_600_000, { slowMs: 3_600_000 }), /^connector CLOCK_SKEW This clock is 60 min slow/)
  assert.match(rootOf(3_600_000, { slowMs: 3, synchronised: false }), /^connector CLOCK_SKEW/)
})

test('who was deleted is told how to enrol anew, in commands; who is disabled, to be enabled', () => {
  const revoked = (detail: string, role: 'connector' | 'client' = 'connector') => {
    const fault = { code: 'IDENTITY_REVOKED', hop: 'control', detail }
    const known = { daemon: changed('daemon', { state: 'disconnected', fault }) }
    return diagnose(CHECKS, factsOf({ known, patient: { role } })).roots[0]!.verdict.fix
  }
  const gone = 'dc1-a (con_1) was deleted at 2026-05-30T09:00:00Z by ann'
  assert.deepEqual(revoked(`connector ${gone}`), [
    'backstitch key create --group GROUP > /etc/backstitch/provision_key',
  ])
  assert.deepEqual(revoked('client laptop (dev_1) was deleted', 'client'), ['backstitch client login'])
  const unknown =
    'is not known here: the server was restored at 2026-05-30T09:00:00Z to a copy from before it enrolled'
  assert.deepEqual(revoked(`client dev_1 ${unknown}`, 'client'), ['backstitch client login'])
  assert.match(revoked('connector con_1 (dc1-a) is disabled')[0]!, /^Enable it/)
})

test('a daemon that has ended as a copy is no daemon to start again', () => {
  const detail = 'con_1 from 10.0.0.5 and from 10.0.0.9: both are connected at the same time'
  const ended = { socket: '/s', answers: false, lastFault: { code: 'IDENTITY_CLONED', detail } }
  const [root, ...others] = diagnose(CHECKS, factsOf({ known: { daemon: ended } })).roots
  assert.deepEqual([root!.hop, root!.verdict.fault, others], ['control', 'IDENTITY_CLONED', []])
  assert.equal(root!.verdict.seen[0], detail)
  const lastFault = {
    code: 'IDENTITY_CLONED',
    detail: 'a certificate from before generation 2 was presented: 0A',
  }
  const [restored] = diagnose(CHECKS, factsOf({ known: { daemon: { ...ended, lastFault } } })).roots
  assert.match(restored!.verdict.cause, /^An older copy/)
  const enrolledAnew = { daemon: ended, identity: { stored: false, drifted: [] } }
  assert.deepEqual(rootsOf({ known: enrolledAnew }), [])
})

test('a daemon that was killed for memory is not just to be started again', () => {
  const socket = { socket: '/s', answers: false }
  const verdictOf = (more: Partial<DaemonFacts>) =>
    diagnose(CHECKS, factsOf({ known: { daemon: { ...socket, ...more } } })).roots[0]!.verdict
  const oomKill = { at: '2026-11-21T09:05:53+00:00', line: 'Memory cgroup out of memory: Killed process 7' }
  const group = { path: '/system.slice/x', usedKB: 204_800, limitKB: 204_800 }
  const inGroup = verdictOf({ oomKill: { ...oomKill, group } })
  assert.match(inGroup.cause, /^The kernel killed it: its control group/)
  assert.ok(inGroup.seen.includes('control group /system.slice/x: 200 MB of 200 MB used'))
  assert.match(inGroup.fix[1]!, /^raise the memory limit of control group \/system\.slice\/x, over 200 MB/)
  assert.equal(inGroup.fix.at(-1), 'start the daemon as it was installed')
  assert.match(verdictOf({ oomKill }).cause, /this machine was out of memory/)
  const unit = { name: 'x', load: 'loaded', active: 'failed', enabled: 'enabled', restarts: 0, exitStatus: 9 }
  assert.match(verdictOf({ unit: { ...unit, result: 'oom-kill' } }).cause, /^The kernel killed it/)
})

test('a worker that the kernel killed, one that somebody killed, one that hung and one that crashed are told apart, by the last one', () => {
  const verdictOf = (how: string, oomKill?: DaemonFacts['oomKill']) => {
    const notes = [
      { code: 'WORKER_ENDED', detail: `client worker 1 exited: ${how}; 2 ends of workers in 10 min` },
    ]
    const known = { daemon: changed('daemon', { notes, oomKill }) }
    return diagnose(CHECKS, factsOf({ known, patient: { role: 'client' } })).roots[0]!
  }
  const killed = verdictOf('SIGKILL')
  const forMemory = verdictOf('SIGKILL', {
    ...{ at: '2026-11-21T09:05:53+00:00', line: 'Memory cgroup out of memory: Killed process 7' },
    group: { path: '/system.slice/x', usedKB: 204_800, limitKB: 204_800 },
  }).verdict
  assert.match(
    forMemory.cause,
    /^A worker of this client has ended\. The kernel killed it: its control group/,
  )
  assert.match(forMemory.seen[1]!, /^the kernel at 2026-11-21T09:05:53\+00:00: Memory cgroup out of memory/)
  assert.match(forMemory.fix[1]!, /^raise the memory limit of control group \/system\.slice\/x, over 200 MB/)
  assert.equal(killed.hop, 'client')
  assert.match(
    killed.verdict.cause,
    /^A worker of this client was killed by the kernel, .* when memory runs out/,
  )
  assert.equal(killed.verdict.fix[0], 'journalctl -k | grep -i "killed process"')
  const hung = verdictOf('killed by its main process: it has said nothing for 10 s').verdict
  assert.match(hung.cause, /no longer did what it was told, so the client killed it/)
  for (const how of ['exit 1', 'SIGSEGV']) {
    const { cause, fix } = verdictOf(how).verdict
    assert.match(cause, /^A worker of this client crashed\. What the worker carried ended with it/)
    assert.match(fix[0]!, /^backstitch support-bundle client: report/)
  }
})

test('a unit that was never enabled, one that is masked and one that cannot be read are told apart', () => {
  const unit = { name: 'backstitch-connector', active: 'inactive', restarts: 0, exitStatus: 0 }
  const verdictOf = (load: string, enabled: string) => {
    const daemon = { socket: '/s', answers: false, unit: { ...unit, load, enabled } }
    return diagnose(CHECKS, factsOf({ known: { daemon } })).roots[0]!.verdict
  }
  const never = verdictOf('loaded', 'disabled')
  assert.match(never.cause, /^It is not enabled/)
  assert.deepEqual(never.fix, ['systemctl enable --now backstitch-connector'])
  const masked = verdictOf('masked', 'masked')
  assert.ok(masked.seen.some((line) => line.startsWith('backstitch-connector: masked, inactive, masked, ')))
  assert.match(masked.cause, /^The unit is masked/)
  assert.deepEqual(masked.fix, [
    'systemctl unmask backstitch-connector',
    'systemctl enable --now backstitch-connector',
  ])
  const [untilBoot] = verdictOf('masked', 'masked-runtime').fix
  assert.equal(untilBoot, 'systemctl unmask --runtime backstitch-connector')
  const broken = verdictOf('bad-setting', 'disabled')
  assert.match(broken.cause, /^systemd cannot read its unit/)
  assert.equal(broken.fix[0], 'systemd-analyze verify backstitch-connector.service')
})

test('a seal that the daemon has healed is told, and no fault', () => {
  const notes = [{ code: 'SEAL_DRIFTED', detail: 'mac 35f7cbcc→cc148fc8' }]
  const { daemon } = factsOf().known
  const { roots, judgements } = diagnose(CHECKS, factsOf({ known: { daemon: { ...daemon!, notes } } }))
  const said = judgements.find(({ check }) => check === 'daemon')!.verdict
  assert.deepEqual(roots, [])
  assert.match(said.is === 'pass' ? said.saw : '', /changed harmlessly: mac 35f7cbcc→cc148fc8$/)
})

test('a proxy whose answers arrive here and go to no program is not called absent', () => {
  const rootOf = (lost: { filtered: number; dropped: number }) => {
    const fault = new Fault('PROXY_UNREACHABLE', 'proxy 10.9.9.9:3128: ETIMEDOUT')
    const returnPath = { asked: 10, refused: 0, ...lost }
    const dial = { fault, tookMs: 8000, stood: false, address: '10.9.9.9', returnPath }
    const egress = { egress: { proxy: { host: '10.9.9.9', port: 3128 }, noProxy: [], source: 'the test' } }
    const known = { dial, egress } as unknown as Partial<FactTable>
    const [root] = diagnose(CHECKS, factsOf({ known })).roots
    return [root!.hop, root!.verdict.fault, root!.verdict.cause].join(' ')
  }
  assert.match(
    rootOf({ filtered: 10, dropped: 0 }),
    /^edge RETURN_PATH_ASYMMETRIC Replies from the proxy arrive/,
  )
  assert.match(
    rootOf({ filtered: 0, dropped: 10 }),
    /^connector PROXY_UNREACHABLE Replies from the proxy reach/,
  )
})
