/**
 * A thief of an edge, the home edge included: he is no control plane to anybody, and nobody believes a key, a grant or a
 * ticket of his.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { KnownKeys } from '../../src/agent/identity/known-keys.ts'
import { newId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { Edge } from '../../src/edge/edge.ts'
import { dialControl } from '../../src/link/control/control-dial.ts'
import { postEnrol, postLogin } from '../../src/link/control/requests.ts'
import type { Credentials } from '../../src/link/dial/credentials.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { TestTenant } from '../../src/link/dial/tenant.fixture.ts'
import { bringHalf } from '../../src/link/pipe/handover.ts'
import { createKeyAndCsr } from '../../src/pki/csr.ts'
import { signGrant } from '../../src/pki/grant.ts'
import { signKeySet } from '../../src/pki/key-set.ts'
import { newSigningKey } from '../../src/pki/signing-keys.ts'
import { signTicket } from '../../src/pki/ticket.ts'
import type { EnrolRequest, HelloMessage, LoginRequest } from '../../src/wire/control.ts'
import { openClientSite, PASSWORD, USER } from '../client-site.ts'
import { placeOf, RogueAgent, signInDevice } from '../misuse-agent.ts'
import { authorize, openIn, openMux } from '../rogue-stream.ts'
import { EDGE_ID, openTestEdge, type TestEdge } from './fixture.ts'

const o = { egress: DIRECT, signal: AbortSignal.timeout(30_000) }
const { csrPem: csr } = await createKeyAndCsr('test')
const host = { name: 'h', platform: 'linux', program: 'test' }
const ENROL: EnrolRequest = { version: 1, secret: 's', csr, host, fingerprint: {}, timeMs: Date.now() }
const LOGIN: LoginRequest = { version: 1, user: 'bob', password: 'x', csr, device: host, timeMs: Date.now() }
const HELLO: HelloMessage = {
  ...{ type: 'hello', version: 1, program: 'test', role: 'connector', timeMs: Date.now(), host: 'h' },
}

const tenant = await TestTenant.create()
const { pin, rootPem } = tenant.authority

/** With the root in what it presents, as a control plane has. */
async function ofAnEdge(id: string): Promise<Credentials> {
  const credentials = await tenant.credentials('edge', id, { names: ['127.0.0.1'] })
  return { ...credentials, certificate: `${credentials.certificate.trimEnd()}\n${rootPem}` }
}

const ASKED: { name: string; ask: (t: TestEdge) => Promise<unknown> }[] = [
  { name: 'enrolment', ask: (t) => postEnrol(t.address, pin, ENROL, o) },
  { name: 'sign-in', ask: (t) => postLogin(t.address, pin, LOGIN, o) },
  {
    name: 'the control connection',
    ask: (t) => dialControl(t.address, { ...o, credentials: t.connector, hello: HELLO }),
  },
]

for (const id of ['edg_stolen', EDGE_ID]) {
  for (const { name, ask } of ASKED) {
    test(`${name} is refused where the certificate of edge ${id} answers, before anything is sent`, async () => {
      let asked = 0
      const serve = async (): Promise<never> => {
        throw new Error(`asked ${++asked} times`)
      }
      const attach = () => void asked++
      const backend = { enrol: serve, login: serve, attach }
      await using t = await openTestEdge({ tenant, control: await ofAnEdge(id), backend })
      await assert.rejects(ask(t), { code: 'PEER_REFUSED', hop: 'edge' })
      assert.equal(asked, 0)
    })
  }
}

test('a further edge passes nobody on to where the certificate of an edge answers', async () => {
  await using t = await openTestEdge({ tenant, control: await ofAnEdge(EDGE_ID), welcome: {} })
  await using further = await Edge.open({
    listen: { host: '127.0.0.1', port: 0 },
    credentials: await tenant.credentials('edge', 'edg_further'),
    authority: {
      tenant: tenant.id,
      rootPem,
      ticketKeys: () => tenant.ticketKeys,
      isRevoked: () => false,
      revoked: () => [],
    },
    home: { home: t.address, egress: DIRECT },
    log: silentLog,
  })
  const address = { host: '127.0.0.1', port: further.port }
  const dialled = dialControl(address, { ...o, credentials: t.connector, hello: HELLO })
  await assert.rejects(dialled, { code: 'EDGE_UNREACHABLE' })
  assert.equal(further.stats().refused.PEER_REFUSED, 1)
})

test('and no half of a pipe is brought to where the certificate of the control plane answers', async () => {
  const credentials = await tenant.credentials('control', EDGE_ID, { names: ['127.0.0.1'] })
  await using t = await openTestEdge({ tenant, credentials })
  const { client } = await tenant.pipe(t.address, t.client, t.connector)
  await assert.rejects(bringHalf(client, { ...o, credentials: t.client }), { code: 'PEER_REFUSED' })
})

/** A set with the thief's own key, signed with all he has: the key of the edge. */
async function forgedSet({ keyPem, certificate }: Credentials, purpose: 'grant' | 'ticket'): Promise<string> {
  const x5c = certificate
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .slice(0, 2)
    .map((pem) => new X509Certificate(pem).raw.toString('base64'))
  const nowMs = Date.now()
  const signer = { privateKey: createPrivateKey(keyPem), header: { x5c } }
  const set = { tenant: tenant.id, purpose, keys: [mine.publicJwk], issuedMs: nowMs, lifeMs: 60_000, nowMs }
  const keySigner = async () => ({ signer, notAfterMs: nowMs + 60_000 })
  return (await signKeySet({ keySigner }, set)).jws
}
const mine = newSigningKey(Date.now())

for (const [purpose, who] of [
  ['grant', 'connector'],
  ['ticket', 'edge'],
] as const) {
  test(`even as the control plane itself the thief gives ${who === 'edge' ? 'an edge' : 'a connector'} no ${purpose} keys`, async () => {
    const known = new KnownKeys({ purpose, log: silentLog })
    const leaked = newSigningKey(Date.now())
    const old = await tenant.keySet(purpose, { keys: [leaked.publicJwk], issuedMs: Date.now() - 60_000 })
    let keys: string | undefined = await tenant.keySet(purpose)
    await using t = await openTestEdge({
      ...{ tenant, welcome: { keys: () => keys } },
      backend: { admitsEdge: () => true },
    })
    const credentials = await tenant.credentials(who, 'x_victim')
    const dial = () =>
      dialControl(t.address, {
        ...{ ...o, credentials, hello: { ...HELLO, role: who } },
        judge: (welcome) => known.take(welcome.keys, credentials),
      })
    await (await dial()).channel[Symbol.asyncDispose]()
    const other = purpose === 'grant' ? 'ticket' : 'grant'
    const tried = {
      'his own, signed as edge': await forgedSet(await ofAnEdge(EDGE_ID), purpose),
      'those for something else': await tenant.keySet(other),
      'an old welcome, with a key that leaked': old,
      'keys that nobody has signed': JSON.stringify([mine.publicJwk]),
      'none at all': undefined,
    }
    for (const [name, set] of Object.entries(tried)) {
      keys = set
      await assert.rejects(dial(), { code: 'PEER_REFUSED', hop: 'control' }, name)
      let askedAnew = 0
      await known.change(set ?? '', credentials, () => askedAnew++)
      assert.equal(askedAnew, 1, name)
    }
    assert.deepEqual([...known.keys.byKid.keys()], [tenant.signingKey.kid])
  })
}

test('a grant, a ticket or a half that the thief of the home edge makes opens nothing; what is genuine goes on', async () => {
  await using opened = await openClientSite()
  const { site } = opened
  await using application = net.createServer((socket) => void socket.on('error', () => {}).end('hello'))
  let reached = 0
  application.on('connection', () => reached++)
  application.listen(0, '127.0.0.1')
  await once(application, 'listening')
  const to = { host: 'localhost', port: (application.address() as net.AddressInfo).port }
  await opened.connector('connector')
  const who = await signInDevice(placeOf(site), { user: USER, password: PASSWORD })
  await using agent = await RogueAgent.connect(placeOf(site), who)
  const granted = await authorize(agent, to)
  const mux = await openMux(who, granted.pipe!)
  await using _mux = mux

  const {
    id,
    tenant: of,
    certificate,
    rootPem,
    keyPem,
  } = JSON.parse(await readFile(path.join(site.dir, 'server', 'edge', 'identity.json'), 'utf8'))
  const stolen: Credentials = {
    ...{ identity: { tenant: of, role: 'edge', id }, keyPem, certificate, rootPem },
    ...{ notAfterMs: Date.now() + 60_000, generation: 1 },
  }
  // The name of the key is no secret: it stands in every grant. So is everything else in it.
  const [head = '', claims = ''] = granted.grant.split('.').map((part) => Buffer.from(part, 'base64url'))
  const { kid } = JSON.parse(String(head))
  const { body } = JSON.parse(String(claims))
  const own = { ...newSigningKey(Date.now()), header: { kid } }
  const grant = { ...body, addressCidrs: ['127.0.0.0/8', '::1/128'] }
  const forged = await signGrant(own, grant)
  assert.equal(await openIn(mux, { ...granted, grant: forged }, to), 'GRANT_INVALID')
  const byEdge = await new SignJWT({ body })
    .setProtectedHeader({ alg: 'ES256', typ: 'bs-grant+jwt', kid })
    .sign(createPrivateKey(keyPem))
  assert.equal(await openIn(mux, { ...granted, grant: byEdge }, to), 'GRANT_INVALID')
  assert.equal(reached, 0)

  const ticket = JSON.parse(String(Buffer.from(granted.pipe!.ticket.split('.')[1]!, 'base64url'))).body
  const again = { ...ticket, id: newId('tkt'), pipe: newId('pip'), expiresMs: Date.now() + 30_000 }
  const made = { ...granted.pipe!, ticket: await signTicket(own, again) }
  await assert.rejects(bringHalf(made, { ...o, credentials: who }), { code: 'TICKET_INVALID' })
  const fresh = await authorize(agent, to)
  await assert.rejects(bringHalf(fresh.pipe!, { ...o, credentials: stolen }), { code: 'PEER_REFUSED' })

  const place = placeOf(site)
  await assert.rejects(postEnrol(place.edge, place.pin, { ...ENROL, role: 'edge' }, o), {
    code: 'KEY_UNKNOWN',
  })
  assert.equal(await openIn(mux, granted, to), 'opened')
})
