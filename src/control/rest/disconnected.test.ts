import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Parting } from '../../base/parting.ts'
import type { AgentRefusal, Departure } from '../presence/departures.ts'
import { awayBriefly } from './away.ts'
import { type DisconnectedFacts, explainDisconnected } from './disconnected.ts'

const NOW_MS = Date.UTC(2026, 0, 2, 12)
const MINUTE_MS = 60_000
const OFFICE = '203.0.113.7'

const said = {
  state: 'healthy',
  sessions: 3,
  tunnels: 2,
  cpuPercent: 12.4,
  rssBytes: 80e6,
  rttUs: 900,
} as const
const silent: Departure = {
  atMs: NOW_MS - 10 * MINUTE_MS,
  address: OFFICE,
  orderly: false,
  fault: { code: 'CONTROL_UNREACHABLE', hop: 'control', detail: 'no reply to a ping in 5000 ms' },
  said,
}
const cloned: AgentRefusal = {
  atMs: NOW_MS - MINUTE_MS,
  address: '198.51.100.9',
  times: 3,
  fault: { code: 'IDENTITY_CLONED', hop: 'control', detail: 'generation 3 came after 4' },
}

/** A connector that fell silent ten minutes ago, its key and certificate good. */
function facts(
  change: Omit<Partial<DisconnectedFacts>, 'connector'> & { connector?: object } = {},
): DisconnectedFacts {
  return {
    nowMs: NOW_MS,
    key: { name: 'k1', state: 'exhausted' },
    absence: { left: silent },
    peers: [],
    ...change,
    connector: {
      name: 'dc1-a',
      enabled: true,
      notAfterMs: NOW_MS + 86_400_000,
      generation: 4,
      lastSeenMs: silent.atMs,
      lastAddress: OFFICE,
      ...change.connector,
    },
  }
}

/** It said why it goes. */
function goneFor(parting: Parting): DisconnectedFacts {
  return facts({ absence: { left: { ...silent, orderly: true, fault: undefined, parting } } })
}

const there = { name: 'dc1-b', connected: true, address: OFFICE }
const goneWithIt = { name: 'dc1-b', connected: false, address: OFFICE, lastSeenMs: silent.atMs + 20_000 }

const STORIES: [name: string, given: DisconnectedFacts, code: string, cause: RegExp][] = [
  ['nobody near', facts(), 'CONNECTOR_DISCONNECTED', /no member of its group at the same public address/],
  [
    'a neighbour is there',
    facts({ peers: [there] }),
    'CONNECTOR_DISCONNECTED',
    /dc1-b .* this machine is at fault, not the site/,
  ],
  [
    'a neighbour went with it',
    facts({ peers: [goneWithIt] }),
    'CONNECTOR_DISCONNECTED',
    /same time as dc1-b.* the site/,
  ],
  [
    'its connection was closed: a process that was killed is no silence',
    facts({ absence: { left: { ...silent, lost: 'closed' } } }),
    'CONNECTOR_DISCONNECTED',
    /closed at 2026-01-02T11:50:00\.000Z without a goodbye: its process exited/,
  ],
  [
    'those of one site were closed together',
    facts({ absence: { left: { ...silent, lost: 'closed' } }, peers: [goneWithIt] }),
    'CONNECTOR_DISCONNECTED',
    /at the same time as that of dc1-b .*: their processes exited/,
  ],
  [
    'a neighbour went long before',
    facts({ peers: [{ ...goneWithIt, lastSeenMs: NOW_MS - 86_400_000 }] }),
    'CONNECTOR_DISCONNECTED',
    /no member of its group/,
  ],
  [
    'a peer of another site is no neighbour',
    facts({ peers: [{ ...there, address: '198.51.100.1' }] }),
    'CONNECTOR_DISCONNECTED',
    /no member of its group at the same public address/,
  ],
  [
    'control started since',
    facts({ absence: {} }),
    'CONNECTOR_DISCONNECTED',
    /since the control plane started/,
  ],
  [
    'it said goodbye, and not why',
    facts({ absence: { left: { ...silent, orderly: true, fault: undefined } } }),
    'CONNECTOR_DISCONNECTED',
    /^It said goodbye for an unknown reason and did not come back; no member of its group/,
  ],
  [
    'its machine went down',
    goneFor({ why: 'shutdown' }),
    'DAEMON_DOWN',
    /machine was shut down or restarted/,
  ],
  [
    'somebody stopped its service',
    goneFor({ why: 'service-stop', detail: 'backstitch-connector.service' }),
    'DAEMON_DOWN',
    /systemctl stop backstitch-connector\.service/,
  ],
  [
    'its service was to restart',
    goneFor({ why: 'service-restart', detail: 'backstitch-connector.service' }),
    'DAEMON_DOWN',
    /was to restart .* has not come back/,
  ],
  [
    'it was updated',
    goneFor({ why: 'upgrade', detail: '1.0.0 to 1.1.0' }),
    'DAEMON_DOWN',
    /1\.0\.0 to 1\.1\.0/,
  ],
  [
    'a signal ended it',
    goneFor({ why: 'signal', detail: 'SIGTERM, kept by bash' }),
    'DAEMON_DOWN',
    /SIGTERM, kept by bash .*the sender of the signal is unknown/,
  ],
  [
    'its supervisor is gone',
    goneFor({ why: 'parent-gone' }),
    'DAEMON_DOWN',
    /^The process that had started it exited/,
  ],
  [
    'its clock jumped, and it did not come back',
    { ...goneFor({ why: 'clock', detail: '864000 s' }), peers: [there] },
    'CONNECTOR_DISCONNECTED',
    /^It disconnected, to reconnect, as its clock had jumped by 864000 s, and did not come back, while dc1-b .* this machine/,
  ],
  [
    'it moved to another edge, and never got there',
    goneFor({ why: 'edge' }),
    'CONNECTOR_DISCONNECTED',
    /^It disconnected, to go to another edge, and did not come back; no member/,
  ],
  [
    'control itself stood still',
    facts({
      absence: { left: { ...silent, fault: { code: 'STOOD_STILL', hop: 'control', detail: 'for 12 s' } } },
    }),
    'CONNECTOR_DISCONNECTED',
    /^The control plane itself was paused/,
  ],
  ['disabled', facts({ connector: { enabled: false } }), 'IDENTITY_REVOKED', /disabled dc1-a/],
  [
    'its certificate ended, and its key cannot help',
    facts({ connector: { notAfterMs: NOW_MS - 1 } }),
    'CERT_EXPIRED',
    /key it enrolled with is exhausted/,
  ],
  [
    'its certificate ended, and its key was deleted',
    facts({ connector: { notAfterMs: NOW_MS - 1 }, key: undefined }),
    'CERT_EXPIRED',
    /key it enrolled with was deleted/,
  ],
  [
    'a copy of it came',
    facts({ absence: { left: silent, refused: cloned } }),
    'IDENTITY_CLONED',
    /3 times.*generation 3/,
  ],
  // Two at once: what control decided wins over what it guesses.
  [
    'disabled, and its certificate ended, and its neighbour is gone',
    facts({ connector: { enabled: false, notAfterMs: NOW_MS - 1 }, peers: [goneWithIt] }),
    'IDENTITY_REVOKED',
    /disabled/,
  ],
]

for (const [name, given, code, cause] of STORIES) {
  test(`a connector that is gone: ${name}`, () => {
    const verdict = explainDisconnected(given)
    assert.equal(verdict.code, code)
    assert.equal(awayBriefly(given).code, code)
    assert.match(verdict.cause, cause)
    assert.equal(verdict.run, 'sudo backstitch doctor connector')
    assert.equal(verdict.verify.run, 'backstitch get connector dc1-a')
  })
}

test('the evidence says when and from where, its last word, its peers, its certificate and its key', () => {
  assert.deepEqual(
    explainDisconnected(facts({ peers: [there, { ...there, name: 'dc1-c', address: '198.51.100.1' }] })).seen,
    [
      'last connected 2026-01-02T11:50:00.000Z from 203.0.113.7',
      'its connection ended: no reply to a ping in 5000 ms',
      'it last reported: healthy, 3 sessions in 2 tunnels, cpu 12 %, memory 80 MB',
      '2 of 2 others in its group are connected',
      '1 of 1 of those from the same public address are connected',
      'certificate valid until 2026-01-03T12:00:00.000Z, generation 4',
      'the key it enrolled with, k1, is exhausted',
    ],
  )
})

const BRIEFLY: [given: DisconnectedFacts, because: string][] = [
  [facts(), 'not responding since 2026-01-02T11:50:00.000Z'],
  [
    facts({ absence: { left: { ...silent, lost: 'closed' } } }),
    'closed without a goodbye 2026-01-02T11:50:00.000Z',
  ],
  [facts({ absence: {} }), 'not back since the server started, last seen 2026-01-02T11:50:00.000Z'],
  [facts({ absence: {}, connector: { lastSeenMs: undefined } }), 'never connected'],
  [goneFor({ why: 'service-stop', detail: 'x' }), 'was stopped with its service 2026-01-02T11:50:00.000Z'],
  [goneFor({ why: 'edge' }), 'disconnected to reconnect 2026-01-02T11:50:00.000Z'],
  [facts({ connector: { enabled: false } }), 'disabled by an admin'],
  [facts({ connector: { notAfterMs: NOW_MS - 1 } }), 'its certificate expired 2026-01-02T11:59:59.999Z'],
  [
    facts({ absence: { left: silent, refused: cloned } }),
    'keeps trying and is refused, last 2026-01-02T11:59:00.000Z',
  ],
]

test('a list says in a few words why a connector is gone', () => {
  for (const [given, because] of BRIEFLY) assert.equal(awayBriefly(given).because, because)
})
