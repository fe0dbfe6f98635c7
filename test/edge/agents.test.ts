import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import tls from 'node:tls'
import { ControlLink, onlyEdge } from '../../src/agent/link/control-link.ts'
import { Fault } from '../../src/base/faults.ts'
import { silentLog } from '../../src/base/log.ts'
import { dialControl } from '../../src/link/control/control-dial.ts'
import type { Credentials } from '../../src/link/dial/credentials.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { TestTenant } from '../../src/link/dial/tenant.fixture.ts'
import type { HelloMessage } from '../../src/wire/control.ts'
import { ALPN_CONTROL } from '../../src/wire/handover.ts'
import { EDGE_ID, openTestEdge, type TestEdge } from './fixture.ts'

const signal = new AbortController().signal
const o = { egress: DIRECT, signal }
const HELLO: HelloMessage = {
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

test('the control connection: who is there is who the certificate says; messages go both ways', async () => {
  await using t = await openTestEdge({ welcome: { serverTimeMs: () => Date.now() + 312_000 } })
  const dialled = await dialControl(t.address, { ...o, credentials: t.connector, hello: HELLO })
  assert.equal(dialled.welcome.agent, 'con_1')
  assert.ok(Math.abs(dialled.skewMs - 312_000) < 1000, `${dialled.skewMs}`)
  assert.equal(t.front.attached, 1)
  assert.equal(t.attached[0]?.peer.identity.role, 'connector')
  assert.equal(t.attached[0]?.from, '127.0.0.1')
  dialled.channel.close()
  await t.attached[0]?.channel.closed
  assert.equal(t.front.attached, 0)
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
      t.revoked.add(new X509Certificate(certificate).serialNumber)
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
    way: onlyEdge(t.address),
    egress: DIRECT,
    log: silentLog,
    self: { credentials: () => credentials, hello: () => HELLO },
    on: { up: ({ agent }) => ups[up++]!.resolve(agent), down: ({ code }) => void down.push(code) },
    backoff: { baseMs: 5, capMs: 20 },
  })
  const served = link.serve(stop.signal)
  assert.equal(await ups[0]!.promise, 'con_1')
  assert.equal(link.state.is, 'up')
  credentials = await t.tenant.credentials('connector', 'con_renewed')
  await t[Symbol.asyncDispose]()
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
  await again[Symbol.asyncDispose]()
})

test('redial and revoke both make a link dial anew; abort while it waits ends it at once', async () => {
  await using t = await openTestEdge({ welcome: {} })
  const stop = new AbortController()
  const waiters: (() => void)[] = []
  const nextUp = () => new Promise<void>((resolve) => waiters.push(resolve))
  const link = new ControlLink({
    way: onlyEdge(t.address),
    egress: DIRECT,
    log: silentLog,
    self: { credentials: () => t.connector, hello: () => HELLO },
    on: { up: () => waiters.shift()?.() },
    backoff: { baseMs: 1, capMs: 60_000, random: () => 0.999 },
  })
  let up = nextUp()
  const served = link.serve(stop.signal)
  await up
  up = nextUp()
  link.redial({ why: 'certificate' })
  await up
  up = nextUp()
  assert.equal(
    t.cut(({ identity }) => identity.id === 'con_1'),
    1,
  )
  await up
  // A fault that time does not heal: the wait is long, and still ends with the abort.
  t.revoked.add(t.attached.at(-1)!.peer.serial)
  t.cut(() => true)
  while (link.state.is !== 'waiting' || link.state.because.code !== 'IDENTITY_REVOKED') {
    await new Promise(setImmediate)
  }
  stop.abort()
  await served
})
