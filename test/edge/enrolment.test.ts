import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import tls from 'node:tls'
import { Fault } from '../../src/base/faults.ts'
import { postEnrol, postLogin } from '../../src/link/control/requests.ts'
import type { Credentials } from '../../src/link/dial/credentials.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { openTestProxy } from '../../src/link/dial/proxy.fixture.ts'
import { TestTenant } from '../../src/link/dial/tenant.fixture.ts'
import { createKeyAndCsr } from '../../src/pki/csr.ts'
import type { EnrolRequest, LoginRequest } from '../../src/wire/control.ts'
import { ALPN_CONTROL } from '../../src/wire/handover.ts'
import { openTestEdge, type TestEdge } from './fixture.ts'

const signal = new AbortController().signal
const o = { egress: DIRECT, signal }
const { csrPem: csr } = await createKeyAndCsr('test')
const host = { name: 'h', platform: 'linux', program: 'test' }
const ENROL: EnrolRequest = { version: 1, secret: 's', csr, host, fingerprint: {}, timeMs: Date.now() }
const LOGIN: LoginRequest = { version: 1, user: 'bob', password: 'x', csr, device: host, timeMs: Date.now() }
async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const thrown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(thrown instanceof Fault, `a Fault was to be thrown: ${thrown}`)
  return thrown
}

test('enrolment and sign-in need the pin alone, and say how far the clock is off', async () => {
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
  await using t = await openTestEdge({ backend: { enrol: () => Promise.reject(fault) } })
  const got = await faultOf(postEnrol(t.address, t.tenant.authority.pin, ENROL, o))
  assert.deepEqual(
    [got.code, got.hop, got.detail, got.seen],
    ['KEY_EXPIRED', 'control', fault.detail, fault.seen],
  )
})

test('a defect behind the edge is INTERNAL, and its words stay there', async () => {
  const defect = new TypeError('cannot read secret_column')
  await using t = await openTestEdge({ backend: { enrol: () => Promise.reject(defect) } })
  const got = await faultOf(postEnrol(t.address, t.tenant.authority.pin, ENROL, o))
  assert.equal(got.code, 'INTERNAL')
  assert.doesNotMatch(JSON.stringify([got.message, got.seen]), /secret_column/)
})

test('another pin is PIN_MISMATCH, with who answers: nothing was sent', async () => {
  let asked = 0
  await using t = await openTestEdge({
    backend: { enrol: () => Promise.reject(new Fault('INTERNAL', `${++asked}`)) },
  })
  const other = await TestTenant.create()
  const fault = await faultOf(postEnrol(t.address, other.authority.pin, ENROL, o))
  assert.equal(fault.code, 'PIN_MISMATCH')
  assert.match(String(fault.seen.identity), /^backstitch:\/\/[^/]+\/control\//)
  assert.equal(fault.seen.shownPin, t.tenant.authority.pin.toString('hex'))
  assert.equal(asked, 0)
})

test('a reply that brings another root than the pinned one is refused', async () => {
  const other = await TestTenant.create()
  await using lying = await openTestEdge({
    backend: {
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
