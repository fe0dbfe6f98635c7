/** Cases that somebody has found, each as the shortest sequence: held to the same as those that are drawn, and to what stands at the end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change, To } from './change.ts'
import { run } from './run.ts'

const put = (kind: Extract<Change, { do: 'put' }>['kind'], name: string, spec: object): Change => {
  return { do: 'put', kind, name, spec }
}
const segment = (name: string, spec: object) => {
  return put('segment', name, { domains: ['app.example'], serverGroups: ['sg1'], ...spec })
}
const patch = (kind: Extract<Change, { do: 'patch' }>['kind'], name: string, fields: object): Change => {
  return { do: 'patch', kind, name, fields }
}
const ask = (port: number, to: Partial<To> = {}): Change => {
  return { do: 'ask', device: 'd1', process: 0, to: { host: 'app.example', port, protocol: 'tcp', ...to } }
}
const comes = (posture: object = {}, process = 0) => {
  return { do: 'client-comes', device: 'd1', process, posture } as Change
}
const later = (ms: number): Change => ({ do: 'later', ms })
const all = put('access-rule', 'all', { order: 9, action: 'allow' })
const rule = (conditions: object) => put('access-rule', 'some', { order: 1, action: 'allow', conditions })
const deny = (name: string) =>
  put('access-rule', 'deny', { order: 0, action: 'deny', conditions: { segments: [name] } })
const up: Change[] = [{ do: 'connector-comes', connector: 'c1' }, comes()]
const ENCRYPTED = [{ fact: 'disk', equals: true }]

const CASES: { name: string; changes: Change[]; stand: number }[] = [
  {
    name: 'the port of another segment of the same name, half a minute later and an hour later',
    changes: [
      ...up,
      all,
      segment('web', { tcp: ['443'] }),
      segment('admin', { tcp: ['443', '8443'] }),
      ask(8443),
      later(30_000),
      later(3_600_000),
    ],
    stand: 1,
  },
  {
    name: 'the same ports written as two ranges',
    changes: [
      ...up,
      all,
      segment('range', { tcp: ['8000-8100'] }),
      ask(8050),
      segment('range', { tcp: ['8050-8100', '8000-8049'] }),
    ],
    stand: 1,
  },
  {
    name: 'a port is taken away that nobody uses',
    changes: [
      ...up,
      all,
      segment('web', { tcp: ['443', '444'] }),
      ask(443),
      segment('web', { tcp: ['443'] }),
    ],
    stand: 1,
  },
  {
    name: 'a segment is split in two that allow the same, and renamed',
    changes: [
      ...[...up, all, segment('web', { tcp: ['443', '8443'] }), ask(443), ask(8443)],
      segment('admin', { tcp: ['8443'] }),
      segment('web', { tcp: ['443'] }),
      patch('segment', 'admin', { name: 'web2' }),
    ],
    stand: 2,
  },
  {
    name: 'a segment is deleted under a wider one that allows the same',
    changes: [
      ...[...up, all, segment('web', { tcp: ['443'] }), ask(443)],
      segment('wide', { domains: ['*.example'], tcp: ['1-65535'] }),
      { do: 'delete', kind: 'segment', name: 'web' },
    ],
    stand: 1,
  },
  {
    name: 'an older segment that is denied takes the port over',
    changes: [
      ...[
        ...up,
        all,
        segment('ssh', { tcp: ['22'], enabled: false }),
        segment('app', { tcp: ['443', '22'] }),
        deny('ssh'),
      ],
      ...[ask(22), ask(443)],
      patch('segment', 'ssh', { enabled: true }),
    ],
    stand: 1,
  },
  {
    name: 'a rule asks for posture, and the control connection of the client drops',
    changes: [
      comes({ disk: true }),
      up[0]!,
      rule({ posture: ENCRYPTED }),
      segment('web', { tcp: ['443'] }),
      ask(443),
      { do: 'client-goes', device: 'd1', process: 0 },
      later(3_600_000),
    ],
    stand: 1,
  },
  {
    name: 'a rule asks for posture, and the client comes back without it',
    changes: [
      comes({ disk: true }),
      up[0]!,
      rule({ posture: ENCRYPTED }),
      segment('web', { tcp: ['443'] }),
      ask(443),
      comes({ disk: false }),
    ],
    stand: 0,
  },
  {
    name: 'the last client of a device speaks for it, and whatever an admin assigned before all',
    changes: [
      ...[
        comes({}),
        comes({ disk: true }, 1),
        up[0]!,
        rule({ posture: ENCRYPTED }),
        segment('web', { tcp: ['443'] }),
        ask(443),
      ],
      { do: 'client-goes', device: 'd1', process: 1 },
      { do: 'device', device: 'd1', fields: { assignedPosture: { disk: true } } },
      comes({ disk: false }),
    ],
    stand: 1,
  },
  {
    name: 'a group of connectors becomes one of another kind',
    changes: [
      ...up,
      all,
      segment('web', { tcp: ['443'] }),
      ask(443),
      patch('connector-group', 'cg1', { connectorKind: 'branch' }),
    ],
    stand: 0,
  },
  {
    name: 'the networks of a name are narrowed, long after the grant has ended',
    changes: [
      ...[
        ...up,
        all,
        segment('web', { tcp: ['443'], addressCidrs: ['192.168.0.0/16'] }),
        ask(443),
        later(3_600_000),
      ],
      segment('web', { tcp: ['443'], addressCidrs: ['192.168.7.0/24'] }),
    ],
    stand: 0,
  },
  {
    name: 'a rule ends with the hour, and opens again the next day: what was open is not',
    changes: [
      ...up,
      rule({ time: { days: ['fri', 'sat', 'sun'], from: '22:00', to: '23:00', zone: 'UTC' } }),
      ...[
        segment('web', { tcp: ['443'] }),
        ask(443),
        { do: 'minute', ms: -1 } as const,
        { do: 'minute', ms: 0 } as const,
      ],
      ...[{ do: 'minute', ms: 0 } as const, later(86_400_000)],
    ],
    stand: 0,
  },
  {
    name: 'it is denied and allowed again while the connector is away: the grant is spent, and the client asks anew',
    changes: [
      ...[
        ...up,
        all,
        segment('web', { tcp: ['443'] }),
        ask(443),
        { do: 'connector-goes', connector: 'c1' } as const,
      ],
      ...[deny('web'), { do: 'delete', kind: 'access-rule', name: 'deny' } as const],
      ...[{ do: 'connector-comes', connector: 'c1' } as const, ask(443)],
    ],
    stand: 1,
  },
  {
    name: 'it is denied while the connector is away, longer than the grant lasts',
    changes: [
      ...[
        ...up,
        all,
        segment('web', { tcp: ['443'] }),
        ask(443),
        { do: 'connector-goes', connector: 'c1' } as const,
      ],
      ...[{ do: 'client-goes', device: 'd1', process: 0 } as const, deny('web'), later(3_600_000)],
      { do: 'connector-comes', connector: 'c1' },
    ],
    stand: 0,
  },
  {
    name: 'it is denied while the connector is away, and the grant has not ended when it is back',
    changes: [
      ...[
        ...up,
        all,
        segment('web', { tcp: ['443'] }),
        ask(443),
        { do: 'connector-goes', connector: 'c1' } as const,
      ],
      ...[{ do: 'client-goes', device: 'd1', process: 0 } as const, deny('web')],
      { do: 'connector-comes', connector: 'c1' },
    ],
    stand: 0,
  },
  {
    name: 'a night belongs to the day on which it begins',
    changes: [
      ...[
        ...up,
        rule({ time: { days: ['fri'], from: '22:00', to: '02:00', zone: 'UTC' } }),
        segment('web', { tcp: ['443'] }),
      ],
      ...[ask(443), later(2 * 3_600_000)],
    ],
    stand: 1,
  },
  {
    name: 'the group of a segment is disabled',
    changes: [
      ...[...up, all, segment('web', { tcp: ['443'], segmentGroup: 'gr1' }), ask(443)],
      patch('segment-group', 'gr1', { enabled: false }),
    ],
    stand: 0,
  },
  {
    name: 'the server that a name is held to is at another address',
    changes: [
      ...[
        ...up,
        all,
        put('server-group', 'listed', {
          connectorGroups: ['cg1'],
          dynamicDiscovery: false,
          servers: ['srv1'],
        }),
      ],
      ...[segment('web', { tcp: ['443'], serverGroups: ['listed'] }), ask(443)],
      patch('server', 'srv1', { address: '192.168.7.7' }),
    ],
    stand: 0,
  },
  {
    name: 'a fact of posture is renamed, and no device reports it under the new name',
    changes: [
      ...[
        comes({ disk: true }),
        up[0]!,
        rule({ posture: ENCRYPTED }),
        segment('web', { tcp: ['443'] }),
        ask(443),
      ],
      patch('posture-fact', 'disk', { name: 'encrypted' }),
    ],
    stand: 0,
  },
  {
    name: 'a denial comes in the middle of questions',
    changes: [
      ...[...up, all, segment('web', { tcp: ['443', '444', '445'] })],
      { do: 'together', all: [ask(443), deny('web'), ask(444), ask(445)], gaps: [0, 1, 1, 1] },
    ],
    stand: 0,
  },
  {
    name: 'the user is disabled',
    changes: [
      ...up,
      all,
      segment('web', { tcp: ['443'] }),
      ask(443),
      later(3_600_000),
      patch('user', 'u1', { enabled: false }),
    ],
    stand: 0,
  },
  {
    name: 'a connector moves to a group that does not serve the segment, and to one that does',
    changes: [
      ...[...up, all, segment('web', { tcp: ['443'] }), ask(443)],
      { do: 'connector', connector: 'c1', fields: { group: 'cg2' } },
      { do: 'connector', connector: 'c1', fields: { group: 'cg3' } },
    ],
    stand: 0,
  },
]

for (const { name, changes, stand } of CASES) {
  test(name, async () => {
    let left = -1
    const wrong = await run(changes, undefined, (world) => {
      left = world.sessions.length
    })
    assert.equal(wrong, undefined)
    assert.equal(left, stand)
  })
}
