import { createHash } from 'node:crypto'
import { OBJECT_KINDS, type ObjectKind, type ObjectSpecs } from '../api/kinds.ts'
import { repositoryCompliance } from './repository-compliance.fixture.ts'
import type { Repositories } from './store.ts'

const held = { thumbprint: 't', serial: '1', notAfterMs: 1, generation: 1 }
const expiresMs = Date.UTC(2100, 0)
const host = (name: string) => ({ name, platform: 'linux', program: 'test' })
const hash = (text: string) => createHash('sha256').update(`${text} ${made++}`).digest('hex')
let made = 0

/** The least that each kind takes. */
const LEAST: { readonly [Kind in ObjectKind]: object } = {
  'connector-group': {},
  server: { address: '192.0.2.1' },
  'server-group': { connectorGroups: ['needed'] },
  'segment-group': {},
  segment: { domains: ['wiki.internal'], tcp: ['443'], serverGroups: ['needed'] },
  'user-group': {},
  user: { groups: ['needed'] },
  'posture-fact': { valueType: 'boolean' },
  'access-rule': { order: 1, action: 'allow', conditions: { users: ['needed'] } },
  'internet-rule': { domains: ['news.example'] },
  edge: { host: 'edge.example', port: 443 },
}

function put<Kind extends ObjectKind>(to: Repositories, kind: Kind, name: string) {
  const spec = OBJECT_KINDS[kind].spec.parse(LEAST[kind]) as ObjectSpecs[Kind]
  return to.objects.put({ kind, name, spec })
}

/** Records of their own for those that refer to something. */
async function needed(store: Repositories, ...kinds: ObjectKind[]): Promise<void> {
  for (const kind of kinds) await put(store, kind, 'needed')
}

const NEEDED: { readonly [Kind in ObjectKind]?: readonly ObjectKind[] } = {
  'server-group': ['connector-group'],
  segment: ['connector-group', 'server-group'],
  user: ['user-group'],
  'access-rule': ['user-group', 'user'],
}

for (const kind of Object.keys(OBJECT_KINDS) as ObjectKind[]) {
  repositoryCompliance({
    title: OBJECT_KINDS[kind].title,
    order: 'name',
    prepare: (store) => needed(store, ...(NEEDED[kind] ?? [])),
    create: (to, name) => put(to, kind, name),
    get: (from, idOrName) => from.objects.get(kind, idOrName),
    list: (from, query) => from.objects.list(kind, query),
    change: (to, { id, name, spec }, o) =>
      to.objects.put({ kind, id, name, spec: { ...spec, description: 'changed' }, ...o }),
    delete: (to, id, o) => to.objects.delete(kind, id, o),
  })
}

repositoryCompliance({
  title: 'connector',
  order: 'name',
  prepare: (store) => needed(store, 'connector-group'),
  async create(to, name) {
    const { id: groupId } = await to.objects.get('connector-group', 'needed')
    return to.connectors.create({
      ...{ ...held, groupId, name, host: host('web1'), publicKeyHash: hash(name) },
      fingerprint: { machine: 'm' },
    })
  },
  get: (from, idOrName) => from.connectors.get(idOrName),
  list: (from, query) => from.connectors.list(query),
  change: (to, { id }, o) => to.connectors.update(id, { enabled: false }, o),
  delete: (to, id, o) => to.connectors.delete(id, o),
})

repositoryCompliance({
  title: 'client device',
  order: 'id',
  prepare: (store) => needed(store, 'user-group', 'user'),
  async create(to, name) {
    const { id: userId } = await to.objects.get('user', 'needed')
    return to.devices.create({ ...held, userId, name, host: host('laptop'), publicKeyHash: hash(name) })
  },
  get: (from, idOrName) => from.devices.get(idOrName),
  list: (from, query) => from.devices.list(query),
  change: (to, { id }, o) => to.devices.update(id, { assignedPosture: { managed: true } }, o),
  delete: (to, id, o) => to.devices.delete(id, o),
})

repositoryCompliance({
  title: 'provisioning key',
  order: 'name',
  prepare: (store) => needed(store, 'connector-group'),
  async create(to, name) {
    const { id: groupId } = await to.objects.get('connector-group', 'needed')
    return to.keys.create({ name, groupId, secretHash: hash(name), maxUses: 3, expiresMs })
  },
  get: (from, idOrName) => from.keys.get(idOrName),
  list: (from, query) => from.keys.list(query),
  change: (to, { id }, o) => to.keys.update(id, { maxUses: 5, revoked: true }, o),
  delete: (to, id, o) => to.keys.delete(id, { by: 'token ada (tok_1)', ...o }),
})

repositoryCompliance({
  title: 'API token',
  order: 'name',
  create: (to, name) => to.tokens.create({ name, role: 'admin', hash: hash(name) }),
  get: (from, idOrName) => from.tokens.get(idOrName),
  list: (from, query) => from.tokens.list(query),
  delete: (to, id, o) => to.tokens.delete(id, o),
})
