import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { postEnrol } from '../src/link/control/requests.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { createKeyAndCsr } from '../src/pki/csr.ts'
import { hashKeySecret, parseProvisioningKey } from '../src/pki/provisioning-key.ts'
import {
  type AgentMessage,
  type ControlMessage,
  type EnrolRequest,
  PROTOCOL_VERSION,
} from '../src/wire/control.ts'
import { enrolConnector, placeOf, RogueAgent } from './misuse-agent.ts'
import { openSite, type Site } from './site.ts'

const SPEC = { description: '', enabled: true, host: 'near.example', port: 443, region: '', addresses: [] }

async function edgeKey({ control }: Site): Promise<{ id: string; secret: string }> {
  const { id } = await control.store.objects.put({ kind: 'edge', name: 'near', spec: SPEC })
  return { id, secret: await keyFor(control, id, 'near-key') }
}

async function keyFor({ store }: Site['control'], edgeId: string, name: string): Promise<string> {
  const secret = randomBytes(32).toString('base64url')
  const key = { name, edgeId, maxUses: 1, expiresMs: Date.now() + 60_000 }
  await store.keys.create({ ...key, secretHash: hashKeySecret(secret) })
  return secret
}

async function enrol(
  site: Site,
  secret: string,
  role: EnrolRequest['role'],
  pair = createKeyAndCsr('rogue'),
): Promise<Credentials> {
  const { edge, pin } = placeOf(site)
  const { keyPem, csrPem } = await pair
  const body: EnrolRequest = {
    ...{ version: PROTOCOL_VERSION, role, secret, csr: csrPem, fingerprint: {}, timeMs: Date.now() },
    host: { name: 'rogue', platform: 'test', program: 'test' },
  }
  const reply = await postEnrol(edge, pin, body, { egress: DIRECT, signal: AbortSignal.timeout(20_000) })
  const { id, tenant, certificate, root, notAfterMs, generation } = reply
  const identity = { tenant, role: 'edge', id } as const
  return { identity, keyPem, certificate, rootPem: root, notAfterMs, generation }
}

async function openEdge(site: Site): Promise<{ id: string; credentials: Credentials; agent: RogueAgent }> {
  const { id, secret } = await edgeKey(site)
  const credentials = await enrol(site, secret, 'edge')
  return { id, credentials, agent: await RogueAgent.connect(placeOf(site), credentials, { role: 'edge' }) }
}

test('a key enrols what it was made for; a wrong one costs no use', async () => {
  await using site = await openSite()
  const { secret } = await edgeKey(site)
  await assert.rejects(enrol(site, secret, undefined), { code: 'KEY_WRONG_GROUP' })
  const forConnectors = parseProvisioningKey(await site.key()).secret
  await assert.rejects(enrol(site, forConnectors, 'edge'), { code: 'KEY_WRONG_GROUP' })
  assert.equal((await site.control.store.keys.get('near-key')).uses, 0)
  assert.equal((await enrol(site, secret, 'edge')).identity.role, 'edge')
})

test('no key makes anybody the edge next to the control plane, also one that is in the store already', async () => {
  await using site = await openSite()
  const secret = await keyFor(site.control, site.control.edgeId, 'from-before')
  await assert.rejects(enrol(site, secret, 'edge'), { code: 'KEY_WRONG_GROUP' })
  assert.equal((await site.control.store.keys.get('from-before')).uses, 0)
  await assert.rejects(enrol(site, randomBytes(32).toString('base64url'), 'edge'), { code: 'KEY_UNKNOWN' })
})

for (const message of [
  { type: 'authorize', id: 'r', host: 'h', port: 1, protocol: 'tcp', wantPipe: true },
  { type: 'canary', id: 'r' },
  { type: 'edges', seen: [] },
  { type: 'status', state: 'healthy', sessions: 0, tunnels: 0, cpuPercent: 0, rssBytes: 0 },
  {
    ...{ type: 'session', id: 'r', shed: 0 },
    reports: [
      {
        ...{ session: 'ses_x', side: 'connector', state: 'closed', protocol: 'tcp', host: 'h', port: 1 },
        ...{ startedMs: Date.now(), times: {}, bytesUp: 0, bytesDown: 0 },
      },
    ],
  },
] as unknown as AgentMessage[]) {
  test(`an edge that sends ${message.type} is refused: it speaks for no agent`, async () => {
    await using site = await openSite()
    const { agent } = await openEdge(site)
    agent.channel.send(message)
    if ('id' in message) assert.equal((await agent.hears('failed')).fault.code, 'PROTOCOL_ERROR')
    else assert.equal((await agent.channel.closed)?.code, 'PROTOCOL_ERROR')
    await site.control.store.sessions.flush()
    assert.equal((await site.control.store.sessions.list({ limit: 10 })).items.length, 0)
    await agent[Symbol.asyncDispose]()
  })
}

test('a connector does not pass for an edge', async () => {
  await using site = await openSite()
  const credentials = await enrolConnector(placeOf(site), await site.key())
  await using agent = await RogueAgent.connect(placeOf(site), credentials)
  agent.channel.send({ type: 'edge-status', state: 'serving', pipes: 0, connections: 0, relayed: 0 })
  assert.equal((await agent.channel.closed)?.code, 'PROTOCOL_ERROR')
  await assert.rejects(RogueAgent.connect(placeOf(site), credentials, { role: 'edge' }), {
    code: 'PROTOCOL_ERROR',
  })
})

test('an edge hears who is shut out, as it happens', async () => {
  await using site = await openSite()
  const { agent } = await openEdge(site)
  await using _agent = agent
  const first = await agent.hears('edge-state')
  assert.equal(first.whole, true)
  const { id } = await enrolConnector(placeOf(site), await site.key()).then(({ identity }) => identity)
  agent.heard.length = 0
  await site.control.store.connectors.update(id, { enabled: false })
  assert.deepEqual((await agent.hears('edge-state')).ended, [id])
  agent.heard.length = 0
  const { serial } = (await site.control.store.connectors.byId(id))!
  await site.control.store.revocations.revokeSerials([serial], {
    reason: 'test',
    expiresMs: Date.now() + 60_000,
  })
  assert.deepEqual((await agent.hears('edge-state')).revoked, [serial])
})

test('an edge that is disabled loses its connection and gets no other; deleted, its certificate is revoked', async () => {
  await using site = await openSite()
  const { id, credentials, agent } = await openEdge(site)
  const { objects } = site.control.store
  await objects.put({ kind: 'edge', id, name: 'near', spec: { ...SPEC, enabled: false } })
  assert.equal((await agent.channel.closed)?.code, 'IDENTITY_REVOKED')
  await assert.rejects(RogueAgent.connect(placeOf(site), credentials, { role: 'edge' }), {
    code: 'PEER_REFUSED',
  })
  await site.control.store.keys.delete('near-key', { by: 'test' })
  await objects.delete('edge', id)
  await assert.rejects(RogueAgent.connect(placeOf(site), credentials, { role: 'edge' }), {
    code: 'IDENTITY_REVOKED',
  })
})

test('a second one of the same edge is a clone', async () => {
  await using site = await openSite()
  const { credentials, agent } = await openEdge(site)
  await using _agent = agent
  await assert.rejects(RogueAgent.connect(placeOf(site), credentials, { role: 'edge' }), {
    code: 'IDENTITY_CLONED',
  })
})

test('whoever held an edge before it was enrolled anew is shut out, a certificate renewed in secret included', async () => {
  await using site = await openSite()
  const { id, secret } = await edgeKey(site)
  const pair = await createKeyAndCsr('rogue')
  const before = await enrol(site, secret, 'edge', Promise.resolve(pair))
  const agent = await RogueAgent.connect(placeOf(site), before, { role: 'edge' })
  const reply = await agent.channel.request({ type: 'renew', id: 'r', csr: pair.csrPem }, 5000)
  assert.equal(reply.type, 'renewed')
  const { certificate, notAfterMs, generation } = reply as Extract<ControlMessage, { type: 'renewed' }>
  const now = await enrol(site, await keyFor(site.control, id, 'second-key'), 'edge')
  assert.notEqual(await agent.channel.closed, undefined)
  const renewed = { ...before, certificate, notAfterMs, generation }
  await assert.rejects(RogueAgent.connect(placeOf(site), renewed, { role: 'edge' }), { code: 'PEER_REFUSED' })
  await using _agent = await RogueAgent.connect(placeOf(site), now, { role: 'edge' })
})
