import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { z } from 'zod'
import {
  agentMessage,
  certificateReply,
  controlMessage,
  enrolRequest,
  loginRequest,
  MAX_MESSAGE_BYTES,
  MAX_SESSION_REPORTS,
} from './control.ts'

const NOW = 1_790_000_000_000
const HOST = { name: 'host-1', platform: 'linux x64', program: 'backstitch/0.1.0' }
const FAULT = { code: 'POLICY_DENIED', hop: 'control', detail: 'no', seen: { rule: 'r', n: 1, list: ['a'] } }
const PIPE = {
  pipe: 'pip_1',
  edge: { id: 'edg_1', host: '127.0.0.1', port: 443 },
  ticket: 'a.b.c',
  peer: 'backstitch://t/connector/con_1',
  ticketUs: 5,
}
const REPORT = {
  session: 'ses_1',
  grant: 'grt_1',
  side: 'client',
  state: 'closed',
  protocol: 'tcp',
  port: 443,
  startedMs: NOW,
  endedMs: NOW + 1,
  times: { totalUs: 900 },
  bytesUp: 1,
  bytesDown: 2,
  closeReason: 'done',
  closeHop: 'client',
}
const EDGE = {
  ...{ id: 'edg_1', name: 'fra', region: 'eu', host: 'fra.example', port: 443 },
  ...{ addresses: ['192.0.2.1'], controlPort: 8443, out: 'away' },
}

/** One whole example of everything that may come over the wire as JSON. */
const EXAMPLES: { name: string; schema: z.ZodType; value: Record<string, unknown> }[] = [
  {
    name: 'enrol',
    schema: enrolRequest,
    value: { version: 1, secret: 's', csr: 'PEM', host: HOST, fingerprint: { mac: 'ab' }, timeMs: NOW },
  },
  {
    name: 'login',
    schema: loginRequest,
    value: { version: 1, user: 'ada', password: 'pw', csr: 'PEM', device: HOST, timeMs: NOW },
  },
  {
    name: 'certificate',
    schema: certificateReply,
    value: {
      ...{ id: 'con_1', tenant: 't', certificate: 'PEM', root: 'PEM' },
      ...{ notAfterMs: NOW, generation: 1, serverTimeMs: NOW },
    },
  },
  ...[
    {
      type: 'hello',
      version: 1,
      program: 'p',
      role: 'client',
      timeMs: NOW,
      host: 'h',
      run: 'r',
      posture: { a: true },
    },
    {
      ...{ type: 'authorize', id: 'req_1', host: 'wiki', port: 443, protocol: 'tcp' },
      ...{ wantPipe: true, have: ['con_1'] },
    },
    { type: 'want-pipe', id: 'req_1', connector: 'con_1', session: 'ses_1' },
    { type: 'renew', id: 'req_1', csr: 'PEM' },
    { type: 'session', id: 'req_1', reports: [REPORT], shed: 0 },
    { type: 'status', state: 'healthy', sessions: 1, tunnels: 1, cpuPercent: 0.5, rssBytes: 1, rttUs: 9 },
    { type: 'reach', segment: 'seg_1', host: 'wiki', port: 443, ok: false, fault: FAULT },
    {
      type: 'carries',
      ended: [
        {
          ...{ grant: 'grt_1', user: 'usr_1', device: 'dev_1', segment: 'seg_1', rule: 'rul_1' },
          ...{ protocol: 'tcp', host: 'wiki', port: 22 },
        },
      ],
    },
    { type: 'canary', id: 'req_1' },
    {
      type: 'edges',
      seen: [
        { edge: 'edg_1', rttUs: 9 },
        { edge: 'edg_2', fault: FAULT },
      ],
    },
    { type: 'edge-status', state: 'serving', pipes: 1, connections: 2, relayed: 3 },
  ].map((value) => ({ name: `agent ${value.type}`, schema: agentMessage, value })),
  ...[
    {
      ...{ type: 'welcome', agent: 'con_1', tenant: 't', serverTimeMs: NOW, edge: PIPE.edge },
      ...{ keys: 'a.b.c', revoked: ['grt_1'], covers: { hosts: ['*.a'], cidrs: [] } },
      ...{ edges: [EDGE], region: 'eu' },
    },
    {
      ...{ type: 'granted', id: 'req_1', grant: 'a.b.c', grantId: 'grt_1', session: 'ses_1', expiresMs: NOW },
      ...{ segment: 'seg_1', segmentName: 'Wiki', rule: 'rul_1', connector: 'con_1', pipe: PIPE },
      ...{ covers: { hosts: ['wiki'], cidrs: [], tcp: [[443, 443]], udp: [] } },
      ...{ policyUs: 1, selectionUs: 1, because: 'rule r' },
    },
    { type: 'denied', id: 'req_1', denial: 'den_1', fault: FAULT },
    { type: 'pipe', id: 'req_1', pipe: PIPE },
    { type: 'renewed', id: 'req_1', certificate: 'PEM', notAfterMs: NOW, generation: 2 },
    { type: 'ticket', pipe: PIPE, session: 'ses_1' },
    { type: 'revoke', grants: ['grt_1'], detail: 'why' },
    { type: 'keys', keys: 'a.b.c' },
    { type: 'canary-pipe', id: 'req_1', client: PIPE, connector: PIPE },
    { type: 'session-kept', id: 'req_1', refused: 1 },
    { type: 'failed', id: 'req_1', fault: FAULT },
    { type: 'time', serverTimeMs: 1_800_000_000_000 },
    { type: 'goodbye', fault: FAULT },
    { type: 'edges', edges: [EDGE] },
    { type: 'edge-state', whole: true, revoked: ['0a'], ended: ['con_1'] },
  ].map((value) => ({ name: `control ${value.type}`, schema: controlMessage, value })),
]

for (const { name, schema, value } of EXAMPLES) {
  test(`${name}: whole it is taken as it is; a field more, anywhere, is refused`, () => {
    assert.deepEqual(schema.parse(value), value)
    for (const path of objectsIn(value)) {
      const spoiled = structuredClone(value)
      at(spoiled, path).surplus = 1
      // These two hold what names they like.
      const free = ['seen', 'posture'].includes(path.at(-1) ?? '')
      assert.equal(schema.safeParse(spoiled).success, free, path.join('.'))
    }
  })

  test(`${name}: a byte changed in it is refused, or says something of the same form; never more`, () => {
    const bytes = Buffer.from(JSON.stringify(value))
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (where, mask) => {
        const flipped = Buffer.from(bytes)
        flipped[where]! ^= mask
        let parsed: unknown
        try {
          parsed = JSON.parse(flipped.toString('utf8'))
        } catch {
          return
        }
        const read = schema.safeParse(parsed)
        if (read.success) assert.deepEqual(schema.parse(read.data), read.data)
      }),
      { numRuns: 300 },
    )
  })

  test(`${name}: text without end is refused wherever there is text`, () => {
    for (const path of stringsIn(value)) {
      const spoiled = structuredClone(value)
      at(spoiled, path.slice(0, -1))[path.at(-1)!] = 'x'.repeat(MAX_MESSAGE_BYTES)
      // `seen` and names for people are bounded by the message alone.
      if (path.includes('seen') || path.at(-1) === 'segmentName') continue
      assert.equal(schema.safeParse(spoiled).success, false, path.join('.'))
    }
  })
}

test('whatever JSON comes, a schema answers and nothing else changes', () => {
  const anything = fc.jsonValue({ maxDepth: 4 })
  fc.assert(
    fc.property(anything, (value) => {
      for (const { schema } of EXAMPLES) schema.safeParse(value)
    }),
    { numRuns: 200 },
  )
  assert.deepEqual(Object.keys(Object.prototype), [])
})

test('__proto__ in a message reaches no prototype', () => {
  const hello = JSON.stringify(EXAMPLES.find(({ name }) => name === 'agent hello')!.value)
  const spoiled = hello.replace('"posture":{', '"posture":{"__proto__":{"admin":true},')
  const read = agentMessage.safeParse(JSON.parse(spoiled))
  assert.equal(({} as { admin?: unknown }).admin, undefined)
  if (read.success && read.data.type === 'hello') {
    assert.equal((read.data.posture as { admin?: unknown }).admin, undefined)
    assert.equal(Object.getPrototypeOf({ ...read.data.posture }), Object.prototype)
  }
})

test('a batch of session reports has an end, and at its largest it fits in a message', () => {
  const reports = (count: number, report: object) => ({
    ...{ type: 'session', id: 'req_1', shed: 0 },
    reports: Array.from({ length: count }, () => report),
  })
  assert.equal(agentMessage.safeParse(reports(MAX_SESSION_REPORTS + 1, REPORT)).success, false)
  const id = 'x'.repeat(64)
  const largest = {
    ...REPORT,
    ...{ session: id, grant: id, pipe: id, edge: id },
    ...{ address: id, closeDetail: 'x'.repeat(1024) },
  }
  const message = reports(MAX_SESSION_REPORTS, largest)
  assert.equal(agentMessage.safeParse(message).success, true)
  assert.ok(JSON.stringify(message).length < MAX_MESSAGE_BYTES)
})

test('messages of the other direction are refused by the form alone', () => {
  for (const { name, value } of EXAMPLES) {
    if (name.startsWith('agent')) assert.equal(controlMessage.safeParse(value).success, false, name)
    if (name.startsWith('control')) assert.equal(agentMessage.safeParse(value).success, false, name)
  }
})

type Node = Record<string, unknown>

function at(root: Node, path: readonly string[]): Node {
  return path.reduce((node, key) => node[key] as Node, root)
}

function* walk(value: unknown, path: string[] = []): Iterable<{ path: string[]; value: unknown }> {
  yield { path, value }
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) yield* walk(inner, [...path, key])
}

function objectsIn(value: Node): string[][] {
  return [...walk(value)]
    .filter(({ value: one }) => typeof one === 'object' && one !== null && !Array.isArray(one))
    .map(({ path }) => path)
}

function stringsIn(value: Node): string[][] {
  return [...walk(value)].filter(({ value: one }) => typeof one === 'string').map(({ path }) => path)
}
