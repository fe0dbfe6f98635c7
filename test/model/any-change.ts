/** Draws changes: a small world, so that names, networks, ports and rules get into each other's way. */
import type { Change, Kind, Posture, To } from './change.ts'
import type { Random } from './random.ts'

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${prefix}${at + 1}`)

export const NAMES: { readonly [K in Kind]: readonly string[] } = {
  'connector-group': names('cg', 3),
  server: names('srv', 3),
  'server-group': names('sg', 3),
  'segment-group': names('gr', 2),
  segment: names('seg', 6),
  'user-group': names('ug', 2),
  user: names('u', 3),
  'posture-fact': ['disk', 'os'],
  'access-rule': names('r', 7),
  'internet-rule': names('i', 2),
  edge: names('e', 2),
}
export const DEVICES: readonly { readonly name: string; readonly user: string }[] = [
  { name: 'd1', user: 'u1' },
  { name: 'd2', user: 'u1' },
  { name: 'd3', user: 'u2' },
  { name: 'd4', user: 'u3' },
]
export const CONNECTORS: readonly { readonly name: string; readonly group: string }[] = [
  { name: 'c1', group: 'cg1' },
  { name: 'c2', group: 'cg1' },
  { name: 'c3', group: 'cg2' },
  { name: 'c4', group: 'cg3' },
]
const PROCESSES = 3

const HOSTS = [
  'x.example',
  'a.example',
  'b.a.example',
  'c.b.a.example',
  '10.1.2.3',
  '10.1.9.9',
  '10.2.0.1',
  '10.1.2.9',
]
const DOMAINS = ['*.example', '*.a.example', '*.b.a.example', ...HOSTS.slice(0, 4)]
const CIDRS = ['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.3/32', '10.2.0.0/15']
const NETWORKS = ['192.168.0.0/16', '192.168.1.0/24', '192.168.1.7/32', '10.0.0.0/8', '127.0.0.0/8']
const PORTS = ['22', '443', '8443', '8000-8100', '8000-8049', '8050-8100', '1-65535', '440-450']
const ASKED = [22, 53, 443, 8050, 8049, 8443]
const ZONES = [
  'Europe/Berlin',
  'America/New_York',
  'UTC',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Australia/Lord_Howe',
]
const TIMES = ['00:00', '02:00', '02:30', '03:00', '08:00', '09:30', '17:00', '23:59']
const WEEK = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const POSTURES: readonly Posture[] = [
  {},
  { disk: true },
  { disk: false },
  { disk: true, os: 'linux' },
  { os: 'linux' },
  { os: 'other', constructor: true },
]

/** The ground that the rest stands on; all of it may be changed and deleted later. */
export function ground(): Change[] {
  const put = (kind: Kind, spec: object) =>
    NAMES[kind].map((name): Change => ({ do: 'put', kind, name, spec }))
  return [
    ...put('connector-group', {}),
    ...NAMES.server.map(
      (name, at): Change => ({ do: 'put', kind: 'server', name, spec: { address: `192.168.1.${at + 7}` } }),
    ),
    ...put('segment-group', {}),
    ...put('user-group', {}),
    ...put('user', { groups: ['ug1'] }),
    { do: 'put', kind: 'posture-fact', name: 'disk', spec: { valueType: 'boolean' } },
    { do: 'put', kind: 'posture-fact', name: 'os', spec: { valueType: 'string' } },
    ...put('server-group', { connectorGroups: ['cg1', 'cg2'] }),
  ]
}

/** What most sequences begin with: somebody may do something. */
export function beginning(random: Random): Change[] {
  const comes = CONNECTORS.map(({ name }): Change => ({ do: 'connector-comes', connector: name }))
  const clients = DEVICES.map(
    ({ name }): Change => ({ do: 'client-comes', device: name, process: 0, posture: random.one(POSTURES) }),
  )
  const segments = random
    .few(NAMES.segment, 0.7)
    .map((name): Change => ({ do: 'put', kind: 'segment', name, spec: segment(random) }))
  const rules = random
    .few(NAMES['access-rule'], 0.5)
    .map((name): Change => ({ do: 'put', kind: 'access-rule', name, spec: rule(random) }))
  const all: Change = { do: 'put', kind: 'access-rule', name: 'r7', spec: { order: 9, action: 'allow' } }
  return [
    ...comes,
    ...clients,
    ...segments,
    ...rules,
    ...(random.chance(0.6) ? [all] : []),
    ...Array.from({ length: 16 }, () => anyAsk(random)),
  ]
}

/** Something changes, and people go on as before. */
export function anyStep(random: Random): Change[] {
  const change = pickWeighted(random, CHANGES)[1](random)
  const asks = Array.from({ length: 6 }, () => anyAsk(random))
  if (random.chance(0.7)) return [change, ...asks]
  const all = [...asks]
  all.splice(random.below(asks.length), 0, change)
  return [{ do: 'together', all, gaps: all.map(() => random.below(4)) }]
}

function anyAsk(random: Random): Change {
  const process = random.chance(0.7) ? 0 : random.below(PROCESSES)
  return { do: 'ask', device: device(random), process, to: anyTo(random) }
}

type Draw = (random: Random) => Change

const CHANGES: readonly (readonly [weight: number, draw: Draw])[] = [
  [10, (random) => ({ do: 'put', kind: 'segment', name: random.one(NAMES.segment), spec: segment(random) })],
  [
    8,
    (random) => ({
      do: 'put',
      kind: 'access-rule',
      name: random.one(NAMES['access-rule']),
      spec: rule(random),
    }),
  ],
  [6, (random) => patchOf(random, 'segment', segmentFields(random))],
  [6, (random) => patchOf(random, 'access-rule', ruleFields(random))],
  [
    3,
    (random) => ({
      do: 'put',
      kind: 'server-group',
      name: random.one(NAMES['server-group']),
      spec: serverGroup(random),
    }),
  ],
  [5, (random) => switched(random)],
  [
    3,
    (random) =>
      patchOf(
        random,
        'user',
        random.one([{ groups: random.some(NAMES['user-group']) }, { enabled: random.chance(0.6) }]),
      ),
  ],
  [
    2,
    (random) =>
      patchOf(
        random,
        'connector-group',
        random.one([
          { connectorKind: random.one(['app', 'app', 'branch', 'cloud']) },
          { enabled: random.chance(0.6) },
        ]),
      ),
  ],
  [
    2,
    (random) =>
      patchOf(
        random,
        'server',
        random.one([{ enabled: random.chance(0.6) }, { address: `192.168.1.${7 + random.below(3)}` }]),
      ),
  ],
  [3, (random) => renamed(random)],
  [4, (random) => deleted(random)],
  [3, (random) => ({ do: 'apply', documents: documents(random) })],
  [3, (random) => ({ do: 'device', device: device(random), fields: deviceFields(random) })],
  [1, (random) => ({ do: 'delete-device', device: device(random) })],
  [3, (random) => ({ do: 'connector', connector: connector(random), fields: connectorFields(random) })],
  [1, (random) => ({ do: 'delete-connector', connector: connector(random) })],
  [
    1,
    (random) =>
      random.chance(0.5)
        ? { do: 'sign-out', user: random.one(NAMES.user) }
        : { do: 'sign-out', device: device(random) },
  ],
  [3, (random) => ({ do: 'sign-in', device: device(random), hours: random.one([1, 24, 24, 240]) })],
  [
    1,
    (random) => ({
      do: 'password',
      user: random.one(NAMES.user),
      word: `password number ${random.below(9)}`,
    }),
  ],
  [
    6,
    (random) => ({
      do: 'client-comes',
      device: device(random),
      process: random.below(PROCESSES),
      posture: random.one(POSTURES),
    }),
  ],
  [4, (random) => ({ do: 'client-goes', device: device(random), process: random.below(PROCESSES) })],
  [4, (random) => ({ do: 'connector-comes', connector: connector(random) })],
  [3, (random) => ({ do: 'connector-goes', connector: connector(random) })],
  [2, (random) => ({ do: 'close', nth: random.below(20) })],
  [
    6,
    (random) => ({
      do: 'later',
      ms: random.one([
        1,
        999,
        30_000,
        60_000,
        300_000,
        599_999,
        660_000,
        3_600_000,
        5 * 3_600_000,
        86_400_000,
      ]),
    }),
  ],
  [3, (random) => ({ do: 'minute', ms: random.one([-1, 0, 1]) })],
]

function pickWeighted<Item extends readonly [number, unknown]>(random: Random, items: readonly Item[]): Item {
  let at = random.below(items.reduce((sum, [weight]) => sum + weight, 0))
  for (const item of items) {
    at -= item[0]
    if (at < 0) return item
  }
  return items[0]!
}

const device = (random: Random) => random.one(DEVICES).name
const connector = (random: Random) => random.one(CONNECTORS).name

function anyTo(random: Random): To {
  return { host: random.one(HOSTS), port: random.one(ASKED), protocol: random.chance(0.8) ? 'tcp' : 'udp' }
}

function segment(random: Random): object {
  return {
    ...namesOf(random),
    ...ports(random),
    ...segmentFields(random),
    serverGroups: random.few(NAMES['server-group']),
  }
}

function namesOf(random: Random): object {
  const domains = random.some(DOMAINS, 0.25)
  const cidrs = random.some(CIDRS, 0.2)
  return domains.length + cidrs.length > 0
    ? { domains, cidrs }
    : { domains: ['*.example'], cidrs: ['10.0.0.0/8'] }
}

function ports(random: Random): { tcp: string[]; udp: string[] } {
  return { tcp: random.few(PORTS, 0.3), udp: random.chance(0.4) ? random.few(PORTS, 0.3) : [] }
}

function segmentFields(random: Random): object {
  return random.one<() => object>([
    () => ports(random),
    () => namesOf(random),
    () => ({ enabled: random.chance(0.7) }),
    () => ({ serverGroups: random.some(NAMES['server-group'], 0.6) }),
    () => ({ addressCidrs: random.some(NETWORKS, 0.4) }),
    () => ({ segmentGroup: random.one([...NAMES['segment-group'], null]) ?? undefined }),
    () => ({ description: `written ${random.below(1000)} times` }),
  ])()
}

function rule(random: Random): object {
  return {
    order: random.below(8),
    action: random.chance(0.7) ? 'allow' : 'deny',
    enabled: random.chance(0.85),
    conditions: conditions(random),
  }
}

function ruleFields(random: Random): object {
  return random.one<() => object>([
    () => ({ order: random.below(8) }),
    () => ({ action: random.one(['allow', 'deny']) }),
    () => ({ enabled: random.chance(0.5) }),
    () => ({ description: `${random.below(1000)}` }),
  ])()
}

function conditions(random: Random): object {
  const all: Record<string, () => unknown> = {
    users: () => random.few(NAMES.user, 0.5),
    userGroups: () => random.few(NAMES['user-group'], 0.5),
    devices: () =>
      random.few(
        DEVICES.map(({ name }) => name),
        0.5,
      ),
    posture: () =>
      random.few([
        { fact: 'disk', equals: random.chance(0.7) },
        { fact: 'os', equals: random.one(['linux', 'other']) },
      ]),
    clientKinds: () => random.one([['client'], ['client', 'browser'], ['browser']]),
    segments: () => random.few(NAMES.segment, 0.5),
    segmentGroups: () => random.few(NAMES['segment-group'], 0.6),
    time: () => ({
      days: random.few(WEEK, 0.6),
      from: random.one(TIMES),
      to: random.one([...TIMES.slice(1), '24:00']),
      zone: random.one(ZONES),
    }),
  }
  const chosen = random.some(Object.keys(all), 0.2)
  return Object.fromEntries(chosen.map((name) => [name, all[name]!()]))
}

function serverGroup(random: Random): object {
  const groups = {
    connectorGroups: random.some(NAMES['connector-group'], 0.6),
    failoverConnectorGroups: random.some(NAMES['connector-group'], 0.2),
  }
  if (random.chance(0.6)) return groups
  return { ...groups, dynamicDiscovery: false, servers: random.few(NAMES.server) }
}

const SWITCHED: readonly Kind[] = [
  'segment',
  'segment-group',
  'server-group',
  'server',
  'connector-group',
  'access-rule',
  'user',
  'internet-rule',
  'edge',
]

function switched(random: Random): Change {
  return patchOf(random, random.one(SWITCHED), { enabled: random.chance(0.6) })
}

function patchOf(random: Random, kind: Kind, fields: object): Change {
  return { do: 'patch', kind, name: random.one(NAMES[kind]), fields }
}

const KINDS = Object.keys(NAMES) as Kind[]

/** To another name of the same kind, which is free now and then; what refers to it refers to it still. */
function renamed(random: Random): Change {
  const kind = random.one(KINDS)
  return { do: 'patch', kind, name: random.one(NAMES[kind]), fields: { name: random.one(NAMES[kind]) } }
}

function deleted(random: Random): Change {
  const kind = random.one<Kind>(['segment', 'access-rule', 'segment', 'access-rule', ...KINDS])
  return { do: 'delete', kind, name: random.one(NAMES[kind]) }
}

/** At most one of a kind: which of two that come in the same millisecond is the older is left to chance. */
function documents(random: Random) {
  const made: { readonly [K in Kind]?: () => object } = {
    'server-group': () => serverGroup(random),
    segment: () => segment(random),
    'access-rule': () => rule(random),
    'internet-rule': () => ({ domains: [random.one(DOMAINS)] }),
    user: () => ({ groups: random.some(NAMES['user-group']), enabled: random.chance(0.8) }),
  }
  return random.few(Object.keys(made) as Kind[]).map((kind) => {
    return { kind, name: random.one(NAMES[kind]), spec: made[kind]!() }
  })
}

function deviceFields(random: Random): object {
  return random.one<object>([
    { enabled: random.chance(0.6) },
    { assignedPosture: random.one(POSTURES.slice(0, 5)) },
    { name: random.one(DEVICES).name },
  ])
}

function connectorFields(random: Random): object {
  return random.one<object>([
    { enabled: random.chance(0.6) },
    { group: random.one(NAMES['connector-group']) },
    { name: random.one(CONNECTORS).name },
  ])
}
