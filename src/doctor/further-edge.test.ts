import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diagnose } from './diagnose.ts'
import { EDGE_CHECKS } from './examine-host.ts'
import { type Change, changed, factsOf, fixtureFault, NO_WAY, NOW_MS, tcp } from './facts.fixture.ts'
import type { EdgeHostFacts } from './host-look.ts'

const STATE = '/var/lib/backstitch/edge'
const PATIENT: Change['patient'] = {
  ...{ role: 'edge', stateDir: STATE, host: { listen: { host: '0.0.0.0', port: 443 } } },
  edge: { host: 'home.example.com', port: 443, source: 'the provisioning key' },
}
const SERVES: EdgeHostFacts = {
  attempt: tcp('open', { address: '127.0.0.1' }),
  heldBy: 'node (process 2041)',
  certificates: [{ whose: 'tenant', subject: 'CN=edg_2', notAfterMs: NOW_MS + 5 * 86_400_000 }],
  ownAddresses: [],
}
const DARK: EdgeHostFacts = { ...SERVES, attempt: tcp('refused'), heldBy: undefined, certificates: [] }
const NEW = changed('identity', { stored: false, id: undefined, notAfterMs: undefined })
const GONE = changed('tcp', { attempts: [tcp('silent')] })
const saying = (code: 'KEY_EXPIRED' | 'KEY_UNKNOWN', detail: string) =>
  changed('daemon', { state: 'enrolling', fault: { code, hop: 'control', detail } })
const down = changed('daemon', { answers: false, pid: undefined, state: undefined })

const CASES: {
  name: string
  known: NonNullable<Change['known']>
  without?: Change['without']
  roots: string[]
}[] = [
  { name: 'all is well', known: { host: SERVES }, roots: [] },
  { name: 'not enrolled yet, and on its way', known: { host: DARK, identity: NEW }, roots: [] },
  {
    name: 'not enrolled, and there is no key',
    known: {
      host: DARK,
      identity: NEW,
      key: { file: '/k', fault: fixtureFault('KEY_MISSING', 'there is no /k') },
    },
    roots: ['edge KEY_MISSING'],
  },
  {
    name: 'not enrolled, and its key has ended',
    known: { host: DARK, identity: NEW, daemon: saying('KEY_EXPIRED', 'it ended on Tuesday') },
    roots: ['control KEY_EXPIRED'],
  },
  {
    name: 'not enrolled, and home is behind a firewall: the port is no second fault',
    known: {
      host: DARK,
      identity: NEW,
      tcp: GONE,
      dial: { tookMs: 4000, fault: fixtureFault('EGRESS_BLOCKED', '') },
    },
    without: NO_WAY,
    roots: ['edge EGRESS_BLOCKED'],
  },
  {
    name: 'enrolled, serves, and home is behind a firewall',
    known: { host: SERVES, tcp: GONE, dial: { tookMs: 4000, fault: fixtureFault('EGRESS_BLOCKED', '') } },
    without: NO_WAY,
    roots: ['edge EGRESS_BLOCKED'],
  },
  {
    name: 'enrolled and stopped: once, not for its port as well',
    known: { host: DARK, daemon: down },
    roots: ['edge DAEMON_DOWN'],
  },
  {
    name: 'enrolled and up, and something else holds its port',
    known: { host: { ...SERVES, heldBy: 'nginx (process 7)', certificates: [] } },
    roots: ['edge LISTEN_FAILED'],
  },
  {
    name: 'its certificate ended while it was off',
    known: { host: SERVES, identity: changed('identity', { notAfterMs: NOW_MS - 3_600_000 }) },
    roots: ['edge CERT_EXPIRED'],
  },
]

for (const { name, known, without, roots } of CASES) {
  test(`a further edge: ${name}`, () => {
    const facts = factsOf({ known, without, patient: PATIENT })
    const found = diagnose(EDGE_CHECKS, facts).roots
    assert.deepEqual(
      found.map(({ hop, verdict }) => `${hop} ${verdict.fault}`),
      roots,
    )
    for (const { verdict } of found) {
      assert.doesNotMatch(verdict.fix.join('\n'), /--group/, 'a key for an edge is not one of a group')
    }
  })
}
