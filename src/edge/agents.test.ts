import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import tls from 'node:tls'
import { Fault } from '../base/faults.ts'
import { silentLog } from '../base/log.ts'
import { dialControl, type Hello } from '../link/control-dial.ts'
import { ControlLink } from '../link/control-link.ts'
import type { Credentials } from '../link/credentials.ts'
import { DIRECT } from '../link/egress.ts'
import { openTestProxy } from '../link/proxy.fixture.ts'
import { postEnrol, postLogin } from '../link/requests.ts'
import { TestTenant } from '../link/tenant.fixture.ts'
import { createKeyAndCsr } from '../pki/csr.ts'
import type { EnrolRequest, LoginRequest } from '../wire/control.ts'
import { ALPN_CONTROL } from '../wire/handover.ts'
import { EDGE_ID, openTestEdge, type TestEdge } from './edge.fixture.ts'

const signal = new AbortController().signal
const o = { egress: DIRECT, signal }
const { csrPem: csr } = await createKeyAndCsr('test')
const host = { name: 'h', platform: 'linux', program: 'test' }
const ENROL: EnrolRequest = { version: 1, secret: 's', csr, host, fingerprint: {}, timeMs: Date.now() }
const LOGIN: LoginRequest = { version: 1, user: 'bob', password: 'x', csr, device: host, timeMs: Date.now() }
const HELLO: Hello = {
  type: 'hello',
  version: 1,
  program: 'test',
  role: 'connector',
  timeMs: Date.now(),
  host: 'h',
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const thrown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(thrown instanceof Fault, `a Fault was to be thrown: ${thrown}`)
  return thrown
}

test('enrolment and sign-in need the pin alone, and the certificate they bring opens a control connection', async () => {
  await using t = await openTestEdge({ welcome: {} })
  const { pin } = t.tenant.authority
  const reply = await postEnrol(t.address, pin, ENROL, o)
  assert.equal(reply.id, 'connector_new')
  assert.equal(reply.root, t.tenant.authority.rootPem)
  assert.ok(Math.abs(reply.skewMs) < 1000)
  assert.equal((await postLogin(t.address, pin, LOGIN, o)).id, 'client_new')
})

test('through a proxy as well', async () => {
  await using t = await openTestEdge()
  await using proxy = await openTestProxy({ auth: 'bob:pw' })
  const at = { host: '127.0.0.1', port: proxy.port, auth: { user: 'bob', password: 'pw' } }
  const egress = { proxy: at, source: 'test', noProxy: [] }
  await postEnrol(t.address, t.tenant.authority.pin, ENROL, { egress, signal })
  assert.deepEqual(proxy.asked, [`127.0.0.1:${t.edge.port}`])
})

test('the fault that the control plane names arrives as it is', async () => {
  const fault = new Fault('KEY_EXPIRED', 'key key_1 ended', { seen: { key: 'key_1' } })
  await using t = await openTestEdge({ port: { enrol: () => Promise.reject(fault) } })
  const got = await faultOf(postEnrol(t.address, t.tenant.authority.pin, ENROL, o))
  assert.deepEqual(
    [got.code, got.hop, got.detail, got.seen],
    ['KEY_EXPIRED', 'control', fault.detail, fault.seen],
  )
})

test('a defect behind the edge is INTERNAL, and its words stay there', async () => {
  const defect = new TypeError('cannot read secret_column')
  await using t = await openTestEdge({ port: { enrol: () => Promise.reject(defect) } })
  const got = await faultOf(postEnrol(t.address, t.tenant.authority.pin, ENROL, o))
  assert.equal(got.code, 'INTERNAL')
  assert.doesNotMatch(JSON.stringify([got.message, got.seen]), /secret_column/)
})

test('another pin is TLS_INTERCEPTED: nothing was sent', async () => {
  let asked = 0
  await using t = await openTestEdge({
    port: { enrol: () => Promise.reject(new Fault('INTERNAL', `${++asked}`)) },
  })
  const other = await TestTenant.create()
  const fault = await faultOf(postEnrol(t.address, other.authority.pin, ENROL, o))
  assert.equal(fault.code, 'TLS_INTERCEPTED')
  assert.equal(asked, 0)
})

test('a reply that brings another root than the pinned one is refused', async () => {
  const other = await TestTenant.create()
  await using lying = await openTestEdge({
    port: {
      enrol: async () => ({
        id: 'c',
        tenant: 't',
        certificate: '',
        root: other.authority.rootPem,
        notAfterMs: 1,
        generation: 0,
        serverTimeMs: 1,
      }),
    },
  })
  const fault = await faultOf(postEnrol(lying.address, lying.tenant.authority.pin, ENROL, o))
  assert.equal(fault.code, 'TLS_INTERCEPTED')
})

/** HTTP by hand on the control ALPN. */
async function speak(t: TestEdge, text: string, credentials?: Credentials): Promise<string> {
  const identity = credentials && { key: credentials.keyPem, cert: credentials.certificate }
  const socket = tls.connect({
    ...identity,
    host: '127.0.0.1',
    port: t.edge.port,
    ALPNProtocols: [ALPN_CONTROL],
    rejectUnauthorized: false,
  })
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.write(text)
  await new Promise((resolve) => socket.once('close', resolve))
  return answer
}

const JSON_BODY = (body: unknown) => {
  const text = JSON.stringify(body)
  return `POST /enrol HTTP/1.1\r\nHost: e\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
}
const UPGRADE =
  'GET /control HTTP/1.1\r\nHost: e\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

const STRANGER: { name: string; text: string; status: number; code?: string }[] = [
  {
    name: 'a body that says it is too long',
    text: 'POST /enrol HTTP/1.1\r\nHost: e\r\nContent-Length: 1000000000\r\n\r\n{',
    status: 413,
    code: 'TOO_LARGE',
  },
  {
    name: 'a chunked body that becomes too long',
    text: `POST /enrol HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n${'1000\r\n'.concat('x'.repeat(4096), '\r\n').repeat(9)}`,
    status: 413,
    code: 'TOO_LARGE',
  },
  { name: 'an unknown field', text: JSON_BODY({ ...ENROL, admin: true }), status: 400, code: 'INVALID' },
  { name: 'a wrong type', text: JSON_BODY({ ...ENROL, secret: 7 }), status: 400, code: 'INVALID' },
  {
    name: 'no JSON',
    text: 'POST /enrol HTTP/1.1\r\nHost: e\r\nContent-Length: 2\r\n\r\n{{',
    status: 400,
    code: 'INVALID',
  },
  { name: 'a GET', text: 'GET /enrol HTTP/1.1\r\nHost: e\r\n\r\n', status: 404, code: 'NOT_FOUND' },
  { name: 'the API', text: 'GET /api/v1/keys HTTP/1.1\r\nHost: e\r\n\r\n', status: 404, code: 'NOT_FOUND' },
  { name: 'the control connection', text: UPGRADE, status: 403, code: 'PEER_REFUSED' },
  {
    name: 'both length and chunks',
    text: 'POST /enrol HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    status: 400,
  },
]
for (const { name, text, status, code } of STRANGER) {
  test(`without a certificate: ${name} is answered ${status}`, async () => {
    await using t = await openTestEdge()
    const answer = await speak(t, text)
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    if (code) assert.match(answer, new RegExp(`"code":"${code}"`))
  })
}

test('with a certificate only the control connection is served', async () => {
  await using t = await openTestEdge()
  assert.match(await speak(t, JSON_BODY(ENROL), t.client), /^HTTP\/1.1 404 .*"code":"NOT_FOUND"/s)
  assert.match(await speak(t, UPGRADE.replace('/control', '/other'), t.client), /^HTTP\/1.1 404 /)
})

test('the control connection: who is there is who the certificate says; messages go both ways', async () => {
  await using t = await openTestEdge({ welcome: { serverTimeMs: () => Date.now() + 312_000 } })
  const dialled = await dialControl(t.address, { ...o, credentials: t.connector, hello: HELLO })
  assert.equal(dialled.welcome.agent, 'con_1')
  assert.ok(Math.abs(dialled.skewMs - 312_000) < 1000, `${dialled.skewMs}`)
  assert.equal(t.edge.stats().control, 1)
  assert.equal(t.attached[0]?.peer.identity.role, 'connector')
  assert.equal(t.attached[0]?.from, '127.0.0.1')
  dialled.channel.close()
  await t.attached[0]?.channel.closed
  assert.equal(t.edge.stats().control, 0)
})

const foreign = (t: TestEdge) => TestTenant.create(t.tenant.id)
const NOT_WELCOME: { name: string; code: string; credentials: (t: TestEdge) => Promise<Credentials> }[] = [
  {
    name: 'another CA with the same tenant name',
    code: 'PEER_REFUSED',
    credentials: async (t) => ({
      ...(await (await foreign(t)).credentials('connector', 'con_1')),
      rootPem: t.tenant.authority.rootPem,
    }),
  },
  { name: 'an edge', code: 'PEER_REFUSED', credentials: (t) => t.tenant.credentials('edge', 'edg_2') },
  {
    name: 'an expired certificate',
    code: 'CERT_EXPIRED',
    credentials: (t) => t.tenant.credentials('connector', 'con_1', { nowMs: Date.now() - 7_200_000 }),
  },
  {
    name: 'a revoked certificate',
    code: 'IDENTITY_REVOKED',
    credentials: async (t) => {
      const { certificate } = t.connector
      t.revoked.add(new (await import('node:crypto')).X509Certificate(certificate).serialNumber)
      return t.connector
    },
  },
]
for (const { name, code, credentials } of NOT_WELCOME) {
  test(`the control connection refuses ${name} with ${code}`, async () => {
    await using t = await openTestEdge()
    const fault = await faultOf(
      dialControl(t.address, { ...o, credentials: await credentials(t), hello: HELLO }),
    )
    assert.equal(fault.code, code)
    assert.equal(t.attached.length, 0)
  })
}

test('the control plane answers nothing: CONTROL_UNREACHABLE in time', async () => {
  await using t = await openTestEdge()
  const dialled = dialControl(t.address, { ...o, credentials: t.client, hello: HELLO, timeoutMs: 200 })
  assert.equal((await faultOf(dialled)).code, 'CONTROL_UNREACHABLE')
})

test('TLS 1.2 does not reach the control connection', async () => {
  await using t = await openTestEdge()
  const { keyPem: key, certificate: cert } = t.client
  const at = {
    host: '127.0.0.1',
    port: t.edge.port,
    ALPNProtocols: [ALPN_CONTROL],
    rejectUnauthorized: false,
  }
  await assert.rejects(once(tls.connect({ ...at, key, cert, maxVersion: 'TLSv1.2' }), 'secureConnect'))
})

test('a link comes back by itself after the edge restarted, with the certificate of the hour', async () => {
  const t = await openTestEdge({ welcome: {} })
  const stop = new AbortController()
  const down: string[] = []
  const ups: PromiseWithResolvers<string>[] = [Promise.withResolvers(), Promise.withResolvers()]
  let up = 0
  let credentials = t.connector
  const link = new ControlLink({
    edge: t.address,
    egress: DIRECT,
    log: silentLog,
    credentials: () => credentials,
    hello: () => HELLO,
    onUp: ({ agent }) => ups[up++]!.resolve(agent),
    onDown: ({ code }) => down.push(code),
    backoff: { baseMs: 5, capMs: 20 },
  })
  const served = link.serve(stop.signal)
  assert.equal(await ups[0]!.promise, 'con_1')
  assert.equal(link.state.is, 'up')
  credentials = await t.tenant.credentials('connector', 'con_renewed')
  await t.edge[Symbol.asyncDispose]()
  await assert.rejects(link.request({ type: 'canary', id: 'x' }, 100), { code: 'CONTROL_UNREACHABLE' })
  const again = await openTestEdge({
    listen: { host: '127.0.0.1', port: t.address.port },
    credentials: await t.tenant.credentials('edge', EDGE_ID),
    tenant: t.tenant,
    welcome: {},
  })
  assert.equal(await ups[1]!.promise, 'con_renewed')
  assert.ok(down.length >= 1)
  stop.abort()
  await served
  assert.equal(link.state.is, 'closed')
  await again.edge[Symbol.asyncDispose]()
})

test('redial and revoke both make a link dial anew; abort while it waits ends it at once', async () => {
  await using t = await openTestEdge({ welcome: {} })
  const stop = new AbortController()
  const waiters: (() => void)[] = []
  const nextUp = () => new Promise<void>((resolve) => waiters.push(resolve))
  const link = new ControlLink({
    edge: t.address,
    egress: DIRECT,
    log: silentLog,
    credentials: () => t.connector,
    hello: () => HELLO,
    onUp: () => waiters.shift()?.(),
    backoff: { baseMs: 1, capMs: 60_000, random: () => 0.999 },
  })
  let up = nextUp()
  const served = link.serve(stop.signal)
  await up
  up = nextUp()
  link.redial()
  await up
  up = nextUp()
  assert.equal(
    t.edge.revoke(({ identity }) => identity.id === 'con_1'),
    1,
  )
  await up
  // A fault that time does not heal: the wait is long, and still ends with the abort.
  t.revoked.add(t.attached.at(-1)!.peer.serial)
  t.edge.revoke(() => true)
  while (link.state.is !== 'waiting' || link.state.because.code !== 'IDENTITY_REVOKED') {
    await new Promise(setImmediate)
  }
  stop.abort()
  await served
})
