/** An installation with something of everything that is refused, and all that is possible in it as lines of text. */
import { randomBytes } from 'node:crypto'
import { hashKeySecret } from '../../pki/provisioning-key.ts'
import { Clients } from '../agents/clients.ts'
import { connected, enrolDevice, enrolledConnector, openControl, put } from '../agents/control.fixture.ts'
import { hashPassword } from '../base/password.ts'
import type { Connected } from '../presence/presence.ts'
import { NOBODY, RestFixture } from './fixture.ts'

const HOUR_MS = 3_600_000
const DESTINATIONS = [
  { host: 'wiki.internal', port: 443 },
  { host: 'payroll.internal', port: 443 },
  { host: 'nowhere.internal', port: 443 },
]

export interface World extends AsyncDisposable {
  readonly rest: RestFixture
  /** All that is possible now. Whoever may only take away never adds a line. */
  yeses(): Promise<Set<string>>
  /** Names and ids of all there is, for whoever tries them. */
  words(): Promise<string[]>
}

export async function openWorld(): Promise<World> {
  const control = await openControl()
  const { parts, store } = control
  const rest = await RestFixture.open({
    control: parts,
    deps: {
      policy: parts.policy,
      presence: {
        ...NOBODY,
        diagnose: async () => ({
          ...{
            run: 'run_1',
            role: 'connector',
            at: '2026-01-01T00:00:00.000Z',
            durationMs: 1,
            outcome: 'healthy',
          },
          ...{ findings: [], checks: [] },
        }),
      },
      trace: async ({ user, host, port, protocol }) => ({
        ...{
          id: 'trc_1',
          at: '2026-01-01T00:00:00.000Z',
          durationMs: 1,
          outcome: 'healthy',
          headline: 'healthy',
        },
        ...{ from: 'facts', user: { id: user, name: user }, host, port, protocol, steps: [] },
      }),
    },
  })
  const dc1 = await put(store, 'connector-group', 'dc1')
  const dc2 = await put(store, 'connector-group', 'dc2')
  await put(store, 'server', 'srv1', { address: '10.0.0.5' })
  await put(store, 'server-group', 'near', { connectorGroups: ['dc1'] })
  await put(store, 'server-group', 'far', {
    connectorGroups: ['dc2'],
    dynamicDiscovery: false,
    servers: ['srv1'],
  })
  await put(store, 'segment-group', 'office', { enabled: false })
  await put(store, 'segment', 'wiki', { domains: ['wiki.internal'], tcp: ['443'], serverGroups: ['near'] })
  const behind = { tcp: ['443'], serverGroups: ['far'] }
  await put(store, 'segment', 'payroll', { domains: ['payroll.internal'], ...behind })
  await put(store, 'segment', 'nowhere', { domains: ['nowhere.internal'], segmentGroup: 'office', ...behind })
  await put(store, 'user-group', 'staff')
  const ada = await put(store, 'user', 'ada', { groups: ['staff'] })
  const eve = await put(store, 'user', 'eve')
  const gone = await put(store, 'user', 'gone', { enabled: false, groups: ['staff'] })
  await store.passwords.put(ada.id, await hashPassword('the password of ada'))
  await put(store, 'posture-fact', 'managed', { valueType: 'boolean' })
  await put(store, 'edge', 'fra', { host: 'fra.example', port: 443 })
  await put(store, 'edge', 'ams', { host: 'ams.example', port: 443, enabled: false })

  const devices = {
    laptop: await enrolDevice(store, ada.id, 'laptop'),
    stolen: await enrolDevice(store, ada.id, 'stolen'),
    byod: await enrolDevice(store, eve.id, 'byod'),
    unused: await enrolDevice(store, gone.id, 'unused'),
  }
  await store.devices.update(devices.stolen.id, { enabled: false })
  await store.devices.update(devices.byod.id, { assignedPosture: { managed: false } })
  const staff = { userGroups: ['staff'], segments: ['wiki'] }
  await put(store, 'access-rule', 'staff-wiki', { order: 2, action: 'allow', conditions: staff })
  const managed = { posture: [{ fact: 'managed', equals: true }], devices: ['byod'] }
  await put(store, 'access-rule', 'managed', { order: 3, action: 'allow', conditions: managed })
  await put(store, 'internet-rule', 'saas', { domains: ['*.saas.example'], enabled: false })

  const connectors = {
    one: await enrolledConnector(store, dc1.id, 'one'),
    two: await enrolledConnector(store, dc1.id, 'two'),
    three: await enrolledConnector(store, dc2.id, 'three'),
  }
  await store.connectors.update(connectors.two.id, { enabled: false })
  const key = { secretHash: '', maxUses: 2, expiresMs: Date.now() + 2 * HOUR_MS, groupId: dc1.id }
  for (const name of ['usable', 'revoked', 'ended']) {
    const secretHash = hashKeySecret(randomBytes(32).toString('base64url'))
    const expiresMs = name === 'ended' ? Date.now() - 1 : key.expiresMs
    const made = await store.keys.create({ ...key, name, secretHash, expiresMs })
    if (name === 'revoked') await store.keys.update(made.id, { revoked: true })
  }

  for (const { id } of [connectors.one, connectors.three])
    parts.presence.addConnector(connected('connector', id))
  // Each says of itself what a rule would want to hear.
  for (const { id } of Object.values(devices)) await store.devices.reported(id, { managed: true })
  const online = Object.values(devices).map(({ id }): Connected => connected('client', id))
  for (const one of online) parts.presence.addClient(one)
  const clients = new Clients(parts)

  async function* reached(): AsyncGenerator<string> {
    for (const client of online) {
      for (const to of DESTINATIONS) {
        const asked = { id: 'req_1', session: 'ses_1', protocol: 'tcp', wantPipe: false, ...to } as const
        const { type } = await clients.authorize(client, { type: 'authorize', ...asked })
        if (type === 'granted') yield `${client.peer.identity.id} reaches ${to.host}`
      }
    }
  }

  async function* standing(): AsyncGenerator<string> {
    const policy = await parts.policy()
    for (const segment of policy.segments)
      for (const { id, enabled } of policy.members(policy.connectorGroupsOf(segment)))
        if (enabled) yield `${id} serves ${segment.name}`
    for (const { publicKeyHash } of Object.values(connectors))
      if ((await store.connectors.byPublicKey(publicKeyHash))?.enabled !== false)
        yield `${publicKeyHash} may enrol`
    for (const { publicKeyHash } of Object.values(devices)) {
      const record = await store.devices.byPublicKey(publicKeyHash)
      if (record?.enabled !== false) yield `${publicKeyHash} may sign in`
      for (const fact of ['managed']) {
        if (record?.assignedPosture[fact] === undefined) yield `${publicKeyHash} is believed about ${fact}`
      }
    }
    for (const { id, name, userId } of await store.devices.all()) yield `device ${name} is ${id} of ${userId}`
    for (const { id, name, groupId } of await store.connectors.all())
      yield `connector ${name} is ${id} in ${groupId}`
    const keys = await store.keys.list({ limit: 1000 })
    for (const { name, uses, maxUses, expiresMs, revoked, groupId, edgeId } of keys.items) {
      if (revoked) continue
      for (let use = uses; use < Math.min(maxUses, 5); use++)
        yield `key ${name} enrols ${use} into ${groupId}${edgeId}`
      for (const hours of [0, 1, 24, 10_000])
        if (expiresMs > Date.now() + hours * HOUR_MS) yield `key ${name} lives ${hours} h`
    }
    for (const { id, role } of (await store.tokens.list({ limit: 1000 })).items)
      yield `token ${id} is ${role}`
    for (const { id } of await store.objects.all('user'))
      yield `password of ${id}: ${await store.passwords.get(id)}`
  }

  return {
    rest,
    async yeses() {
      return new Set([...(await Array.fromAsync(reached())), ...(await Array.fromAsync(standing()))])
    },
    async words() {
      const objects = await Promise.all(
        (['user', 'connector-group', 'segment', 'edge', 'access-rule'] as const).map((kind) =>
          store.objects.all(kind),
        ),
      )
      const records = [...(await store.devices.all()), ...(await store.connectors.all())]
      const keys = (await store.keys.list({ limit: 1000 })).items
      return [...objects.flat(), ...records, ...keys].flatMap(({ id, name }) => [id, name])
    },
    async [Symbol.asyncDispose]() {
      await rest[Symbol.asyncDispose]()
      await control[Symbol.asyncDispose]()
    },
  }
}
