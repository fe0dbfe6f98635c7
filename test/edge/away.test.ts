/** While the control plane is away its edge goes on, and says of itself who is missing. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { Edge } from '../../src/edge/edge.ts'
import { dialControl } from '../../src/link/control/control-dial.ts'
import { postEnrol } from '../../src/link/control/requests.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { createKeyAndCsr } from '../../src/pki/csr.ts'
import type { EnrolRequest, HelloMessage } from '../../src/wire/control.ts'
import { openTestEdge, openTunnel, type TestEdge } from './fixture.ts'

const o = { egress: DIRECT, signal: AbortSignal.timeout(60_000) }
const HELLO: HelloMessage = {
  ...{ type: 'hello', version: 1, program: 'test', role: 'connector', timeMs: Date.now(), host: 'h' },
}

/** Takes connections at the socket of a control plane, and nobody answers in them. */
async function hang(t: TestEdge): Promise<AsyncDisposable> {
  await t.front[Symbol.asyncDispose]()
  const open = new Set<net.Socket>()
  const hung = net.createServer((socket) => open.add(socket.on('error', () => {}))).listen(t.socket)
  await once(hung, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      hung.close()
      await once(hung, 'close')
    },
  }
}

/** Its kernel takes connections, and it has no descriptor for them: they are closed as they come. */
async function drop(t: TestEdge): Promise<AsyncDisposable> {
  await t.front[Symbol.asyncDispose]()
  const dropping = net.createServer({ pauseOnConnect: true }, (socket) => socket.destroy()).listen(t.socket)
  await once(dropping, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      dropping.close()
      await once(dropping, 'close')
    },
  }
}

const AWAY: { name: string; leave: (t: TestEdge) => Promise<AsyncDisposable | undefined> }[] = [
  {
    name: 'has expired',
    leave: async (t) => {
      await t.front[Symbol.asyncDispose]()
      return undefined
    },
  },
  { name: 'stands still', leave: hang },
  { name: 'has no descriptors', leave: drop },
]
for (const { name, leave } of AWAY) {
  test(`a control plane that ${name} is CONTROL_UNREACHABLE, by the word of the edge, and pipes go on`, async () => {
    await using t = await openTestEdge({ welcome: {} })
    await using _left = await leave(t)
    const fault = { code: 'CONTROL_UNREACHABLE', hop: 'control', detail: /edge edg_test answers/ }
    const steps: string[] = []
    const onStep = (step: string) => void steps.push(step)
    const dialled = dialControl(t.address, { ...o, credentials: t.connector, hello: HELLO, onStep })
    const { csrPem } = await createKeyAndCsr('x')
    const body: EnrolRequest = {
      ...{ version: 1, secret: 's', csr: csrPem, fingerprint: {}, timeMs: Date.now() },
      host: { name: 'h', platform: 'p', program: 'x' },
    }
    const enrolled = postEnrol(t.address, t.tenant.authority.pin, body, o)
    await Promise.all([assert.rejects(dialled, fault), assert.rejects(enrolled, fault)])
    assert.ok(steps.includes('secured'), 'the edge itself was reached')
    const tunnel = await openTunnel(t)
    tunnel.client.socket.write('on')
    assert.equal(String((await once(tunnel.connector.socket, 'data'))[0]), 'on')
    for (const { socket } of [tunnel.client, tunnel.connector]) socket.destroy()
  })
}

test('a further edge hears it from the home edge, and passes the word on', async () => {
  await using t = await openTestEdge({ welcome: {} })
  await t.front[Symbol.asyncDispose]()
  const { tenant } = t
  await using further = await Edge.open({
    listen: { host: '127.0.0.1', port: 0 },
    credentials: await tenant.credentials('edge', 'edg_further'),
    authority: {
      ...{ tenant: tenant.id, rootPem: tenant.authority.rootPem },
      ...{ ticketKeys: () => tenant.ticketKeys, isRevoked: () => false, revoked: () => [] },
    },
    home: { home: t.address, egress: DIRECT },
    log: silentLog,
  })
  const address = { host: '127.0.0.1', port: further.port }
  const dialled = dialControl(address, { ...o, credentials: t.connector, hello: HELLO })
  await assert.rejects(dialled, { code: 'CONTROL_UNREACHABLE', detail: /edge edg_further answers/ })
})

test('whoever comes while the control plane is started again waits for it, and is served', async () => {
  await using t = await openTestEdge({ welcome: {} })
  await t.front[Symbol.asyncDispose]()
  const dialled = dialControl(t.address, { ...o, credentials: t.connector, hello: HELLO })
  while (t.edge.stats().handshaking === 0) await new Promise(setImmediate)
  await using again = await openTestEdge({ welcome: {}, tenant: t.tenant, socket: t.socket })
  const { channel, welcome } = await dialled
  assert.equal(welcome.agent, 'con_1')
  assert.equal(again.attached.length, 1)
  channel.close()
  await channel.closed
})
