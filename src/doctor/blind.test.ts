import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../base/faults.ts'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { EDGE_CHECKS, SERVER_CHECKS } from './examine-host.ts'
import { type Change, changed, factsOf, PATIENT, tcp } from './facts.fixture.ts'
import type { AppFacts, FactName, Facts, FactTable } from './facts.ts'
import { Gathering } from './gathering.ts'
import { headline, reportOf } from './report.ts'

const AT = '10.20.9.40'
const APP: AppFacts = {
  target: { host: 'hr.internal', port: 443, networks: [] },
  name: {
    name: 'hr.internal',
    addresses: [AT],
    tookMs: 3,
    servers: [{ server: '10.20.0.53', said: 'NOERROR', addresses: [AT] }],
  },
  refused: [],
  attempts: [tcp('open', { address: AT })],
  neighbours: [],
  keeps: true,
  tls: { names: 'DNS:hr.internal', subject: 'CN=hr', fits: true },
  ping: { address: AT, throughBytes: 1500, saw: 'echoes up to 1500 bytes' },
}
const SESSION: FactTable['session'] = {
  target: APP.target,
  by: 'daemon',
  tookMs: 20,
  said: { is: 'silent' },
}
const WITH_APP: Change = { known: { app: APP }, patient: { app: APP.target } }

function judged(facts: Facts) {
  const diagnosis = diagnose(CHECKS, facts)
  return {
    ...reportOf(diagnosis, { run: 'run_1', role: facts.patient.role, startedMs: 0, durationMs: 0 }),
    unknown: diagnosis.judgements.flatMap(({ check, verdict }) =>
      verdict.is === 'unknown' ? [`${check}: ${verdict.why}`] : [],
    ),
  }
}

test('all is looked at and all is well: healthy, and nothing unknown', () => {
  const { outcome, unknown } = judged(factsOf(WITH_APP))
  assert.deepEqual([outcome, unknown], ['healthy', []])
})

/** What only explains a failure of others, and is measured in another way where nothing failed. */
const EXPLAINS: ReadonlySet<FactName> = new Set(['ping', 'dial', 'egress', 'key', 'package', 'host'])
const LOOKED_FOR = [...new Set(CHECKS.flatMap(({ needs, uses = [] }) => [...needs, ...uses]))]

for (const name of LOOKED_FOR.filter((one) => !EXPLAINS.has(one))) {
  test(`the look at ${name} throws, or has no end: its checks are unknown and say why, and the whole is not healthy`, () => {
    // A device looks at an application by a session, and nobody else does.
    const whole: Change =
      name === 'session'
        ? { known: { session: SESSION }, patient: { role: 'client', app: APP.target } }
        : WITH_APP
    const facts = factsOf({ ...whole, without: [name] })
    const { outcome, unknown, checks } = judged({ ...facts, failed: new Set([name]) })
    assert.equal(outcome, 'unknown', unknown.join('\n'))
    assert.ok(
      unknown.some((line) => line.endsWith(': could not look')),
      unknown.join('\n'),
    )
    const before = judged(factsOf(whole)).checks.map(({ check }) => check)
    assert.deepEqual(
      before.filter((check) => !checks.some((one) => one.check === check)),
      [],
      'no check vanishes',
    )
  })
}

test('what throws has failed, what is given up has failed, and what does not apply has not', async () => {
  const g = new Gathering(PATIENT, ['disk', 'link', 'ping', 'sync'], () => {})
  await g.look('disk', Promise.reject(new Error('EIO')))
  await g.look('ping', Promise.resolve(undefined), 'ping is not installed')
  g.miss('a proxy is in use', 'link')
  g.giveUp('no answer within 9.5 s')
  const { failed, unknown } = g.facts()
  assert.deepEqual([...failed!].sort(), ['disk', 'sync'])
  assert.deepEqual(unknown, {
    disk: 'EIO',
    ping: 'ping is not installed',
    link: 'a proxy is in use',
    sync: 'no answer within 9.5 s',
  })
})

/** Looks that fail without a throw: the fact is there, and says nothing. */
const SILENT: Readonly<Record<string, { change: Partial<FactTable>; says: RegExp }>> = {
  'no second connection to the application': {
    change: { app: { ...APP, keeps: undefined } },
    says: /^app-answer: a second connection failed/,
  },
  'a list of edges that is damaged': {
    change: { edges: { region: '', edges: [], unread: { file: '/s/edges.json', why: 'it is damaged' } } },
    says: /^edge-choice: \/s\/edges\.json cannot be read \(it is damaged\)/,
  },
  'no ping on this machine': {
    change: { app: { ...APP, ping: undefined } },
    says: /^app-mtu: ping is not installed/,
  },
  'an upgrade without an answer': {
    change: { answer: changed('answer', { upgrade: undefined }) },
    says: /^upgrade: the upgrade was tried/,
  },
  'records of no size': {
    change: { answer: changed('answer', { records: [{ bytes: 500, answered: false }] }) },
    says: /^edge-records: no request of any size was answered/,
  },
  'descriptors that may not be seen': {
    change: { load: changed('load', { descriptors: undefined }) },
    says: /^descriptors: this user cannot see the descriptors of process 2041/,
  },
  'no figure of memory': {
    change: { load: changed('load', { memoryTotalBytes: 0, memoryAvailableBytes: 0 }) },
    says: /^load: \/proc\/meminfo cannot be read/,
  },
  'a resolver file that cannot be read for another reason than its mode': {
    change: { resolvers: changed('resolvers', { is: 'failed', errno: 'EIO', servers: [] }) },
    says: /^resolver-file: \/etc\/resolv\.conf could not be read: EIO/,
  },
  'a state directory that could not be asked': {
    change: { stateDir: changed('stateDir', { writable: false, errno: 'EIO' }) },
    says: /^state-directory: .* could not be examined: EIO/,
  },
  'a daemon that may not be asked': {
    change: { daemon: { socket: '/s', answers: false, unasked: 'EACCES' } },
    says: /^daemon: the daemon could not be queried at \/s: EACCES/,
  },
  'a daemon that takes nobody more': {
    change: { daemon: { socket: '/s', answers: false, pid: 7, silence: 'ECONNRESET' } },
    says: /^daemon: process 7 is running but accepts no more queries/,
  },
  'a look-up for which there was no memory': {
    change: { edgeName: changed('edgeName', { addresses: [], errno: 'EAI_MEMORY' }) },
    says: /^resolver: edge\.example\.com was not looked up: no memory left here/,
  },
}
for (const [what, { change, says }] of Object.entries(SILENT)) {
  test(`${what}: unknown, with its reason, and not healthy`, () => {
    const { outcome, findings, unknown } = judged(
      factsOf({ ...WITH_APP, known: { ...WITH_APP.known, ...change } }),
    )
    assert.deepEqual(findings, [])
    assert.equal(outcome, 'unknown')
    assert.ok(
      unknown.some((line) => says.test(line)),
      unknown.join('\n'),
    )
  })
}

test('nobody was asked: no resolver is said to answer', () => {
  const sources = {
    order: { line: 'hosts: files', services: ['files'] },
    ...{ hosts: [], caches: [], ordering: [], unread: [] },
  }
  const servers = [{ server: '127.0.0.1', said: 'ECONNREFUSED', addresses: [] }]
  const edgeName = {
    name: 'edge.example.com',
    addresses: [],
    errno: 'ENOTFOUND',
    tookMs: 1,
    servers,
    sources,
  }
  const { checks } = judged(factsOf({ known: { edgeName }, without: ['tcp', 'dial', 'tls', 'answer'] }))
  assert.equal(checks.find(({ check }) => check === 'resolver')!.verdict, 'unknown')
  assert.doesNotMatch(JSON.stringify(checks), /resolver answers/)
})

test('every check of every role says what it needs: none can be asked for a fact that nobody looks for', () => {
  for (const one of [...CHECKS, ...EDGE_CHECKS, ...SERVER_CHECKS]) assert.ok(one.needs.length > 0, one.name)
})

test('whoever may not look into the directory of a daemon that serves is told to ask as root, and blames nobody', () => {
  const dir = { ...factsOf().known.stateDir!, uid: 1000, user: 'ada', owner: 990 }
  const refused = { ...dir, is: 'denied', writable: false, errno: 'EACCES' } as const
  const identity = { stored: true, drifted: [], fault: new Fault('STATE_UNWRITABLE', 'state: EACCES') }
  const served = judged(factsOf({ known: { stateDir: { ...refused, served: true }, identity } }))
  assert.equal(served.outcome, 'unknown')
  assert.match(headline(served), /belongs to uid 990, which runs the connector, and ada \(uid 1000\) may not/)
  const alone = judged(factsOf({ known: { stateDir: { ...refused, served: false }, identity } }))
  assert.equal(alone.findings[0]?.code, 'STATE_UNWRITABLE')
})

test('a server whose own file says nothing does not know by which name agents come', () => {
  const unread = { file: '/var/lib/backstitch/server/context.json', why: 'it is damaged' }
  const host = { listen: { host: '0.0.0.0', port: 443 }, unread }
  const facts = factsOf({ patient: { role: 'server', host } })
  const name = diagnose(SERVER_CHECKS, {
    ...facts,
    known: {
      ...facts.known,
      host: {
        ...{ attempt: tcp('open', { address: '127.0.0.1' }), ownAddresses: [] },
        certificates: [],
      },
    },
  }).judgements.find(({ check }) => check === 'host-name')
  assert.ok(name?.verdict.is === 'unknown' && name.verdict.blind)
})
