import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import type { DiagnosisReport, DiagnosisStep, DiagnosisTarget } from '../../wire/control.ts'
import type { LivePresence } from './deps.ts'
import { NOBODY, RestFixture } from './fixture.ts'

const STEP: DiagnosisStep = {
  check: 'edge-tcp',
  title: 'the way',
  hop: 'edge',
  verdict: 'pass',
  text: '1 ms',
}
const REPORT: DiagnosisReport = {
  ...{ run: 'run_1', role: 'connector', at: '2026-01-01T00:00:00.000Z', durationMs: 5, outcome: 'healthy' },
  findings: [],
  checks: [STEP],
}

/** An API with one connector and one segment; what the connector is asked is noted, and `answer` is what it does. */
async function open(answer: LivePresence['diagnose']) {
  const asked: (DiagnosisTarget | undefined)[] = []
  const presence: LivePresence = {
    ...NOBODY,
    diagnose(id, app, o) {
      asked.push(app)
      return answer(id, app, o)
    },
  }
  const rest = await RestFixture.open({ deps: { presence } })
  const post = async (path: string, body: object) => {
    const answered = await rest.ask('POST', `/api/v1/${path}`, { body })
    assert.equal(answered.status, 201, answered.text)
    return answered.body.id as string
  }
  const group = await post('connector-groups', { name: 'g' })
  await post('segments', {
    name: 'wiki',
    domains: ['wiki.internal'],
    tcp: ['443'],
    udp: ['443', '514'],
    addressCidrs: ['10.1.0.0/16'],
  })
  const held = { thumbprint: 't', serial: '01', notAfterMs: Date.now() + 60_000, generation: 0 }
  const host = { name: 'dc1-a', platform: 'linux', program: 'test' }
  const { id } = await rest.store.connectors.create({
    ...{ ...held, host, groupId: group, publicKeyHash: 'p', fingerprint: {} },
  })
  const diagnose = (body: object, token?: string) =>
    rest.ask('POST', `/api/v1/connectors/${id}/diagnose`, { body, token })
  return { rest, asked, diagnose }
}

test('what the segment says of an application goes with the question', async () => {
  const { rest, asked, diagnose } = await open(async () => REPORT)
  await using _rest = rest
  assert.equal((await diagnose({})).status, 200)
  assert.equal((await diagnose({ app: { host: 'wiki.internal', port: 8443 } })).status, 200)
  const { host, port } = { host: 'wiki.internal', port: 8443 }
  assert.deepEqual(asked, [undefined, { host, port, networks: ['10.1.0.0/16'], ports: [[443, 443]] }])
})

test('a port that its segment has for UDP alone is asked by UDP, unless somebody says otherwise', async () => {
  const { rest, asked, diagnose } = await open(async () => REPORT)
  await using _rest = rest
  const host = 'wiki.internal'
  const apps = [{ port: 514 }, { port: 443 }, { port: 443, protocol: 'udp' }, { port: 514, protocol: 'tcp' }]
  for (const app of apps) assert.equal((await diagnose({ app: { host, ...app } })).status, 200)
  assert.deepEqual(
    asked.map((target) => [target?.protocol, target?.ports]),
    [
      [
        'udp',
        [
          [443, 443],
          [514, 514],
        ],
      ],
      [undefined, [[443, 443]]],
      [
        'udp',
        [
          [443, 443],
          [514, 514],
        ],
      ],
      [undefined, [[443, 443]]],
    ],
  )
})

test('an operator looks at applications only; whoever may configure looks anywhere', async () => {
  const { rest, asked, diagnose } = await open(async () => REPORT)
  await using _rest = rest
  const elsewhere = { app: { host: '10.9.9.9', port: 22 } }
  const operator = await rest.token('operator')
  const refused = await diagnose(elsewhere, operator)
  assert.deepEqual([refused.status, refused.body.code], [403, 'FORBIDDEN'])
  // Nor at other ports of an application, nor where an answer of DNS leads beside its networks.
  const closed = { host: 'wiki.internal', port: 22 }
  assert.equal((await diagnose({ app: closed }, operator)).status, 403)
  const metadata = { host: 'wiki.internal', port: 443, networks: ['169.254.0.0/16'] }
  assert.equal((await diagnose({ app: metadata }, operator)).status, 403)
  assert.equal((await diagnose({ app: { host: 'wiki.internal', port: 443 } }, operator)).status, 200)
  assert.equal((await diagnose(elsewhere, await rest.token('admin'))).status, 200)
  assert.equal((await diagnose({}, await rest.token('read-only'))).status, 403)
  assert.equal(asked.length, 2)
  const { items } = await rest.store.audit.list({ limit: 100 })
  assert.equal(items.filter(({ action }) => action === 'connector.diagnose').length, 2)
})

test('what keeps an examination from beginning is a problem; what ends it later is its last line', async () => {
  const { rest, diagnose } = await open(async (_id, app, { step }) => {
    if (app === undefined) throw new Fault('CONNECTOR_DISCONNECTED', 'it is not connected')
    step?.(STEP)
    throw new Fault('CONTROL_UNREACHABLE', 'no end in 17 s')
  })
  await using _rest = rest
  const before = await diagnose({})
  assert.deepEqual([before.status, before.body.code], [409, 'CONNECTOR_DISCONNECTED'])
  const later = await diagnose({ app: { host: 'wiki.internal', port: 443 } })
  const lines = later.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    [later.status, lines[0], lines[1].failed.code, lines.length],
    [200, { step: STEP }, 'CONTROL_UNREACHABLE', 2],
  )
})
