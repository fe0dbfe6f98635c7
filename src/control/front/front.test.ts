import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { Fault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import type { Credentials } from '../../link/dial/credentials.ts'
import { TestTenant } from '../../link/dial/tenant.fixture.ts'
import { contextOf } from '../../link/dial/tls-context.ts'
import { PROTOCOL_VERSION } from '../../wire/control.ts'
import { ALPN_CONTROL, ALPN_PIPE } from '../../wire/handover.ts'
import { encodeRelayHeader } from '../../wire/relay.ts'
import type { FrontBackend } from './backend.ts'
import { Front } from './front.ts'
import { createPublicCertificate } from './public-certificate.ts'

const tenant = await TestTenant.create()
const control = await tenant.credentials('control', 'ctl_1')
const connector = await tenant.credentials('connector', 'con_1')
const publicCertificate = await createPublicCertificate(['127.0.0.1'], Date.now())
const PEER = { address: '203.0.113.9', port: 40_000 }

/** The front, and what it asks of the control plane behind it. */
async function world(t: TestContext, over: Partial<FrontBackend> = {}) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'front-'))
  const asked: string[] = []
  const front = await Front.open({
    socket: path.join(dir, 'front.sock'),
    credentials: control,
    publicCertificate,
    log: silentLog,
    backend: {
      ...{ tenant: tenant.id, rootPem: control.rootPem },
      isRevoked: () => false,
      admitsEdge: () => false,
      async enrol({ secret }, from) {
        asked.push(`enrol ${secret} from ${from}`)
        throw new Fault('KEY_UNKNOWN', 'no provisioning key has this secret')
      },
      async login({ user }, from) {
        asked.push(`login ${user} from ${from}`)
        throw new TypeError('a secret of the inside')
      },
      attach: (channel, { identity }, from) => {
        asked.push(`attach ${identity.id} from ${from}`)
        void channel.closed.then(() => asked.push(`left ${identity.id}`))
      },
      http: (request, response) => response.end(`hello ${request.socket.remoteAddress}`),
      ...over,
    },
  })
  t.after(async () => {
    await front[Symbol.asyncDispose]()
    await rm(dir, { recursive: true })
  })
  /** A connection as the edge beside it passes it on. */
  const dial = async (alpn: string, holder?: Credentials) => {
    const socket = net.connect(path.join(dir, 'front.sock'))
    socket.on('error', () => {})
    socket.write(encodeRelayHeader(PEER))
    const secureContext = holder === undefined ? undefined : contextOf(holder)
    const options = { socket, secureContext, ALPNProtocols: [alpn], rejectUnauthorized: false }
    const secure = tls.connect({ ...options, checkServerIdentity: () => undefined })
    secure.on('error', () => {})
    t.after(() => secure.destroy())
    await new Promise<void>((met) => {
      for (const event of ['secureConnect', 'close']) secure.once(event, () => met())
    })
    return secure
  }
  /** What is answered to this text, once the connection has ended. */
  const ask = async (secure: tls.TLSSocket, text: string) => {
    secure.write(text)
    let got = ''
    for await (const chunk of secure) got += chunk
    const [head = '', body = ''] = got.split('\r\n\r\n')
    return { status: Number(head.split(' ')[1]), body }
  }
  return { front, asked, dial, ask }
}

const post = (url: string, body: string | object) => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const length = Buffer.byteLength(text)
  return `POST ${url} HTTP/1.1\r\nhost: c\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${text}`
}
const UPGRADE =
  'GET /control HTTP/1.1\r\nhost: c\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
const ENROL = {
  ...{ version: PROTOCOL_VERSION, secret: 'k', csr: 'c', fingerprint: {}, timeMs: 1 },
  host: { name: 'h', platform: 'linux', program: 'p' },
}

test('a machine without a certificate may enrol, and is counted by the address that the edge gives', async (t) => {
  const { asked, dial, ask } = await world(t)
  const { status, body } = await ask(await dial(ALPN_CONTROL), post('/enrol', ENROL))
  const fault = JSON.parse(body)
  assert.deepEqual([status >= 400, fault.code], [true, 'KEY_UNKNOWN'])
  assert.deepEqual(asked, ['enrol k from 203.0.113.9'])
})

test('what goes wrong inside is not told to a stranger', async (t) => {
  const { dial, ask } = await world(t)
  const login = { version: PROTOCOL_VERSION, user: 'ada', password: 'p', csr: 'c', timeMs: 1 }
  const device = { name: 'd', platform: 'linux', program: 'p' }
  const { body } = await ask(await dial(ALPN_CONTROL), post('/login', { ...login, device }))
  assert.equal(JSON.parse(body).code, 'INTERNAL')
  assert.equal(body.includes('a secret of the inside'), false)
})

const WRONG: { name: string; text: string; code: string; certificate?: boolean }[] = [
  { name: 'a body that is not JSON', text: post('/enrol', '{'), code: 'INVALID' },
  { name: 'a body with a field too many', text: post('/enrol', { ...ENROL, more: 1 }), code: 'INVALID' },
  { name: 'a body that is too long', text: post('/enrol', 'x'.repeat(40_000)), code: 'TOO_LARGE' },
  { name: 'another path', text: post('/api/v1/users', {}), code: 'NOT_FOUND' },
  { name: 'a control connection without a certificate', text: UPGRADE, code: 'PEER_REFUSED' },
  {
    name: 'an enrolment with a certificate',
    ...{ text: post('/enrol', ENROL), code: 'NOT_FOUND', certificate: true },
  },
  {
    name: 'an upgrade of another path',
    ...{ text: UPGRADE.replace('/control', '/other'), code: 'NOT_FOUND', certificate: true },
  },
]
for (const { name, text, code, certificate = false } of WRONG) {
  test(`${name} is answered ${code}, counted, and reaches nobody`, async (t) => {
    const { front, asked, dial, ask } = await world(t)
    const secure = await dial(ALPN_CONTROL, certificate ? connector : undefined)
    const { body } = await ask(secure, text)
    assert.equal(JSON.parse(body).code, code)
    assert.deepEqual([asked, front.refusedByCode], [[], { [code]: 1 }])
  })
}

test('an agent with a good certificate is attached, and cut when it is told goodbye and does not leave', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { front, asked, dial } = await world(t)
  const secure = await dial(ALPN_CONTROL, connector)
  secure.write(UPGRADE)
  assert.match(String((await once(secure, 'data'))[0]), /^HTTP\/1\.1 101 /)
  assert.deepEqual([asked, front.attached], [['attach con_1 from 203.0.113.9'], 1])
  assert.equal(
    front.cut(({ identity }) => identity.id === 'con_other'),
    0,
  )
  assert.equal(
    front.cut(({ identity }) => identity.id === 'con_1'),
    1,
  )
  const closed = once(secure, 'close')
  secure.resume()
  t.mock.timers.tick(2000)
  await closed
})

test('an agent whose certificate is revoked reads why, in the words of the control plane', async (t) => {
  const turned: string[] = []
  const { dial, ask } = await world(t, {
    isRevoked: () => true,
    async turnedAway({ identity }, from, why) {
      turned.push(`${identity.id} ${from} ${why?.code}`)
      return new Fault('IDENTITY_REVOKED', 'connector web1 (con_1) was deleted by token ann')
    },
  })
  const { body } = await ask(await dial(ALPN_CONTROL, connector), UPGRADE)
  assert.match(JSON.parse(body).detail, /was deleted by token ann/)
  assert.deepEqual(turned, ['con_1 203.0.113.9 IDENTITY_REVOKED'])
})

test('an agent of another tenant is refused over HTTP, where it can read the reason', async (t) => {
  const stranger = await (await TestTenant.create()).credentials('connector', 'con_1')
  const { asked, dial, ask } = await world(t)
  const { body } = await ask(await dial(ALPN_CONTROL, stranger), UPGRADE)
  assert.notEqual(JSON.parse(body).code, undefined)
  assert.deepEqual(asked, [])
})

test('a person is served with the public certificate, and seen with their address', async (t) => {
  const { dial, ask } = await world(t)
  const secure = await dial('http/1.1')
  assert.equal(
    secure.getPeerX509Certificate()?.toString().trim(),
    publicCertificate.cert.split(/(?<=END CERTIFICATE-----)/)[0]!.trim(),
  )
  const { status, body } = await ask(secure, 'GET / HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\r\n')
  assert.equal(status, 200)
  assert.match(body, /hello 203\.0\.113\.9/)
})

test('a half of a pipe that is passed on to the control plane is closed', async (t) => {
  const { front, dial } = await world(t)
  const secure = await dial(ALPN_PIPE, connector)
  if (!secure.destroyed) await once(secure, 'close')
  assert.deepEqual(front.refusedByCode, { PROTOCOL_ERROR: 1 })
})
