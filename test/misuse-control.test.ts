import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../src/base/faults.ts'
import { newId } from '../src/base/ids.ts'
import { hashPassword } from '../src/control/base/password.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import type { AgentMessage } from '../src/wire/control.ts'
import { openClientSite, PASSWORD, USER } from './client-site.ts'
import { enrolConnector, placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

async function open(t: { after(work: () => unknown): void }) {
  const { site, ...rest } = await openClientSite()
  t.after(() => rest[Symbol.asyncDispose]())
  const place = placeOf(site)
  const connect = async (who: Credentials, hello = {}) => {
    const agent = await RogueAgent.connect(place, who, hello)
    t.after(() => agent[Symbol.asyncDispose]())
    return agent
  }
  return {
    site,
    place,
    connect,
    enrol: async () => enrolConnector(place, await site.key()),
    signIn: (user = USER) => signInDevice(place, { user, password: PASSWORD }),
  }
}

type Authorize = Extract<AgentMessage, { type: 'authorize' }>
const ask = (over: Partial<Authorize> = {}): Authorize => ({
  type: 'authorize',
  id: newId('req'),
  ...{ host: 'localhost', port: 22, protocol: 'tcp', wantPipe: false },
  ...over,
})

const CANARY = () => ({ type: 'canary', id: newId('req') }) as const
const WANT_PIPE = (connector: string) =>
  ({ type: 'want-pipe', id: newId('req'), connector, session: newId('ses') }) as const
const TOLD_BY_CONNECTORS: AgentMessage[] = [
  { type: 'status', state: 'healthy', sessions: 0, tunnels: 0, cpuPercent: 0, rssBytes: 0 },
  { type: 'reach', segment: newId('seg'), host: 'localhost', port: 22, ok: false },
  {
    type: 'carries',
    ended: [
      {
        ...{ grant: newId('grt'), user: newId('usr'), device: newId('dev'), segment: newId('seg') },
        ...{ rule: newId('rul'), protocol: 'tcp', host: 'localhost', port: 22 },
      },
    ],
  },
]

test('a connector that asks as a client does, and the reverse, is refused and gets nothing', async (t) => {
  const { connect, enrol, signIn } = await open(t)
  const own = await enrol()
  const connector = await connect(own)
  const device = await signIn()
  const client = await connect(device)
  for (const message of [ask(), WANT_PIPE(own.identity.id)]) {
    await assert.rejects(connector.channel.request(message, 5000), { code: 'PROTOCOL_ERROR' })
  }
  await assert.rejects(client.channel.request(CANARY(), 5000), { code: 'PROTOCOL_ERROR' })
  for (const message of TOLD_BY_CONNECTORS) {
    const liar = await connect(device)
    liar.channel.send(message)
    assert.equal((await liar.channel.closed)?.code, 'PROTOCOL_ERROR', message.type)
  }
  assert.equal(client.channel.isOpen, true, 'other connections of the device go on')
})

const HELLOS: { name: string; hello: object; code: string }[] = [
  { name: 'another role than its certificate', hello: { role: 'connector' }, code: 'PROTOCOL_ERROR' },
  { name: 'a version that is not spoken', hello: { version: 99 }, code: 'VERSION_UNSUPPORTED' },
  // Each of its grants would be judged with all of them, whenever policy changes.
  { name: 'more facts than are looked at', hello: { posture: facts(65) }, code: 'CONTROL_UNREACHABLE' },
]
function facts(count: number): Record<string, boolean> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`fact${at}`, true]))
}
for (const { name, hello, code } of HELLOS) {
  test(`a hello that claims ${name} is ${code}`, async (t) => {
    const { place, signIn } = await open(t)
    await assert.rejects(RogueAgent.connect(place, await signIn(), hello), { code })
  })
}

test('hello twice ends the connection; posture claimed in it does not outweigh what the operator has set', async (t) => {
  const { site, connect, signIn } = await open(t)
  const { objects, devices } = site.control.store
  const fact = await objects.put({
    ...{ kind: 'posture-fact', name: 'managed' },
    spec: { description: '', valueType: 'boolean' },
  })
  await objects.put({
    ...{ kind: 'access-rule', name: 'unmanaged may not' },
    spec: {
      ...{ description: '', enabled: true, order: 0, action: 'deny' },
      conditions: { posture: [{ fact: fact.id, equals: false }] },
    },
  })
  const who = await signIn()
  const device = await devices.byId(who.identity.id)
  await devices.update(device!.id, { assignedPosture: { managed: false } })
  const liar = await connect(who, { posture: { managed: true, __proto__: { managed: true } } })
  const answer = await liar.channel.request(ask(), 5000).catch((fault: unknown) => fault)
  assert.ok(answer instanceof Fault && answer.code === 'POLICY_DENIED', String(answer))
  liar.channel.send({
    ...{ type: 'hello', version: 1, program: 'p', role: 'client', timeMs: Date.now(), host: 'again' },
  })
  assert.equal((await liar.channel.closed)?.code, 'PROTOCOL_ERROR')
})

test('want-pipe leads only where a grant of this very device leads', async (t) => {
  const { site, connect, enrol, signIn } = await open(t)
  const connector = await connect(await enrol())
  const granted = await connect(await signIn())
  const answer = await granted.channel.request(ask(), 5000)
  assert.ok(answer.type === 'granted')
  const pipe = await granted.channel.request(WANT_PIPE(answer.connector), 5000)
  assert.equal(pipe.type, 'pipe')
  await connector.hears('ticket')
  const stranger = await connect(await signIn())
  await assert.rejects(stranger.channel.request(WANT_PIPE(answer.connector), 5000), { code: 'GRANT_EXPIRED' })
  await assert.rejects(granted.channel.request(WANT_PIPE(newId('con')), 5000), { code: 'GRANT_EXPIRED' })
  assert.equal(site.control.presence.clients(newId('dev')).size, 0)
})

test('a stranger who asks host after host hears one answer, and the denials hold the truth', async (t) => {
  const { site, connect, signIn } = await open(t)
  const { objects, denials, passwords } = site.control.store
  const base = { description: '', enabled: true }
  const rest = (await objects.find('access-rule', 'the rest'))!
  await objects.put({ ...rest, spec: { ...rest.spec, enabled: false } } as Parameters<typeof objects.put>[0])
  const someone = { ...base, displayName: '', email: '', groups: [] }
  const chief = await objects.put({ kind: 'user', name: 'chief', spec: someone })
  const stranger = await objects.put({ kind: 'user', name: 'stranger', spec: someone })
  await passwords.put(stranger.id, await hashPassword(PASSWORD))
  const merger = await objects.put({
    ...{ kind: 'segment', name: 'merger' },
    spec: {
      ...{ ...base, domains: ['dr.test'], cidrs: ['10.66.0.0/24'], tcp: ['8443'], udp: [] },
      ...{ serverGroups: ['apps'], health: 'none', addressCidrs: [] },
    },
  })
  await objects.put({
    ...{ kind: 'access-rule', name: 'board only' },
    spec: {
      ...{ ...base, order: 5, action: 'allow' },
      conditions: { segments: [merger.id], users: [chief.id] },
    },
  })
  const client = await connect(await signIn('stranger'))
  const heard = async (host: string, port: number) => {
    const answer = await client.channel.request(ask({ host, port }), 5000).catch((fault: Fault) => fault)
    assert.ok(answer instanceof Fault, `${host} was granted`)
    const { denial, ...seen } = answer.seen
    const kept = await denials.get(String(denial))
    assert.ok(kept !== undefined, 'the id that is told leads to the denial')
    const { code, hop, detail, message } = answer
    const words = JSON.stringify({ code, hop, detail, message, seen })
    return { kept, words: words.replaceAll(host, 'HOST').replaceAll(` ${port}`, ' PORT') }
  }
  const { words } = await heard('none.test', 80)
  for (const [host, port, code] of [
    ['dr.test', 8443, 'POLICY_DENIED'],
    ['dr.test', 1, 'CLIENT_WRONG_PORT'],
    ['10.66.0.9', 8443, 'POLICY_DENIED'],
    ['10.66.0.9', 1, 'CLIENT_WRONG_PORT'],
    ['secret.test', 443, 'POLICY_DENIED'],
  ] as const) {
    const { kept, ...told } = await heard(host, port)
    assert.equal(told.words, words, host)
    assert.equal(kept.fault.code, code)
    assert.match(kept.fault.detail, /merger|secret/)
  }
})

const SPELLINGS = ['SECRET.test', 'secret.test.', 'ｓecret.test', 'Secret。test', 'secret.TEST.']
const UNREADABLE = [
  'secret.test\0',
  'secret.test\n',
  ' secret.test',
  'secret.test..',
  '0x7f.1',
  '127.1',
  '0177.0.0.1',
]
test('no spelling of a denied destination is granted, and each denial is in the audit log', async (t) => {
  const { site, connect, enrol, signIn } = await open(t)
  await connect(await enrol())
  const client = await connect(await signIn())
  for (const host of [...SPELLINGS, ...UNREADABLE]) {
    const answer = await client.channel.request(ask({ host, port: 443 }), 5000).catch((fault: Fault) => fault)
    assert.ok(answer instanceof Fault, `${JSON.stringify(host)} was granted`)
    const code = SPELLINGS.includes(host) ? 'POLICY_DENIED' : 'BAD_DESTINATION'
    assert.equal(answer.code, code, JSON.stringify(host))
  }
  const { items } = await site.control.store.audit.list({ limit: 100 })
  const denied = items.filter(({ action }) => action === 'access.denied')
  assert.equal(denied.length, SPELLINGS.length + UNREADABLE.length)
})

test('a flood of questions from one device delays others by milliseconds', async (t) => {
  const { connect, enrol, signIn } = await open(t)
  await connect(await enrol())
  const flooder = await connect(await signIn())
  const victim = await connect(await signIn())
  for (let n = 0; n < 3000; n++) flooder.channel.send(ask({ host: 'secret.test', port: 443 }))
  const startedMs = performance.now()
  assert.equal((await victim.channel.request(ask(), 20_000)).type, 'granted')
  const waitedMs = performance.now() - startedMs
  assert.ok(flooder.heard.length < 1500, `${flooder.heard.length} of the flood were answered before`)
  assert.ok(waitedMs < 1500, `${waitedMs} ms`)
})

test('a device has only so many control connections, and the next one is told', async (t) => {
  const { place, connect, signIn } = await open(t)
  const who = await signIn()
  await Promise.all(Array.from({ length: 32 }, () => connect(who)))
  await assert.rejects(RogueAgent.connect(place, who), { code: 'EDGE_BUSY' })
  const another = await connect(await signIn())
  assert.equal(another.channel.isOpen, true)
})

test('a device that is disabled loses its connection and gets no other', async (t) => {
  const { site, place, connect, signIn } = await open(t)
  const who = await signIn()
  const live = await connect(who)
  const record = await site.control.store.devices.byId(who.identity.id)
  await site.control.store.devices.update(record!.id, { enabled: false })
  assert.ok(await live.channel.closed)
  await assert.rejects(RogueAgent.connect(place, who), { code: 'IDENTITY_REVOKED' })
})
