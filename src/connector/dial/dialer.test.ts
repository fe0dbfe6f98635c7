import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import type { Fault } from '../../base/faults.ts'
import { appFaultCode } from '../../link/dial/app-errno.ts'
import { blackHole } from '../tunnels/black-hole.fixture.ts'
import { Dialer } from './dialer.ts'

function dial(dialer: Dialer, addresses: string[], port: number) {
  const { promise, resolve, reject } = Promise.withResolvers<{ socket: net.Socket; address: string }>()
  dialer.dial(addresses, port, (fault, socket, address) =>
    fault === undefined ? resolve({ socket: socket!, address: address! }) : reject(fault),
  )
  return promise
}

async function listener(t: { after(work: () => unknown): void }, host: string, backlog?: number) {
  const accepted: net.Socket[] = []
  const server = net.createServer((socket) => accepted.push(socket.on('error', () => {})))
  server.listen({ host, port: 0, backlog })
  await once(server, 'listening')
  t.after(() => {
    for (const socket of accepted) socket.destroy()
    server.close()
  })
  return { server, port: (server.address() as net.AddressInfo).port }
}

test('Dialer gives a connected socket, half-open allowed', async (t) => {
  const { port } = await listener(t, '127.0.0.1')
  using dialer = new Dialer()
  const { socket, address } = await dial(dialer, ['127.0.0.1'], port)
  t.after(() => socket.destroy())
  assert.equal(address, '127.0.0.1')
  assert.equal(socket.remotePort, port)
  assert.equal(socket.allowHalfOpen, true)
})

test('Dialer: a refusal names address, port and errno', async (t) => {
  const { server, port } = await listener(t, '127.0.0.1')
  await new Promise((resolve) => server.close(resolve))
  using dialer = new Dialer()
  await assert.rejects(dial(dialer, ['127.0.0.1'], port), (fault: Fault) => {
    assert.equal(fault.code, 'APP_REFUSED')
    assert.equal(fault.hop, 'application')
    assert.equal(fault.seen.errno, 'ECONNREFUSED')
    assert.equal(fault.detail, `127.0.0.1:${port}: ECONNREFUSED`)
    return true
  })
})

test('Dialer goes on to the next address when one refuses, and takes turns between families', async (t) => {
  const { port } = await listener(t, '127.0.0.2')
  using dialer = new Dialer({ headStartMs: 60_000 })
  const { socket, address } = await dial(dialer, ['127.0.0.1', '127.0.0.3', '127.0.0.2'], port)
  socket.destroy()
  assert.equal(address, '127.0.0.2')
})

test('Dialer does not wait for an address that drops: the next begins after its head start', async (t) => {
  const port = await blackHole(t)
  const good = net.createServer((socket) => socket.destroy())
  good.listen(port, '127.0.0.6')
  await once(good, 'listening')
  t.after(() => good.close())
  using dialer = new Dialer({ headStartMs: 20, timeoutMs: 5000 })
  const { socket, address } = await dial(dialer, ['127.0.0.5', '127.0.0.6'], port)
  socket.destroy()
  assert.equal(address, '127.0.0.6')
})

test('Dialer: no answer at all is APP_TIMEOUT in time', async (t) => {
  const port = await blackHole(t)
  using dialer = new Dialer({ timeoutMs: 60 })
  const keepAlive = setInterval(() => {}, 1000) // a dial that is given up on holds no process open
  t.after(() => clearInterval(keepAlive))
  await assert.rejects(dial(dialer, ['127.0.0.5'], port), (fault: Fault) => {
    assert.equal(fault.code, 'APP_TIMEOUT')
    assert.match(fault.detail, /no answer in 60 ms/)
    return true
  })
})

test('Dialer: a connector that did nothing itself while it waited says so beside APP_TIMEOUT', async (t) => {
  const port = await blackHole(t)
  using dialer = new Dialer({ timeoutMs: 200 })
  const keepAlive = setInterval(() => {}, 1000)
  t.after(() => clearInterval(keepAlive))
  const dialled = dial(dialer, ['127.0.0.5'], port)
  const untilMs = performance.now() + 5500
  while (performance.now() < untilMs); // one step, as of a process that gets no turn
  await assert.rejects(dialled, (fault: Fault) => {
    assert.equal(fault.code, 'APP_TIMEOUT')
    assert.match(fault.detail, /no answer in 200 ms; meanwhile the connector itself .* for \d\.\d s/)
    assert.ok(Number(fault.seen.stoodStillMs) > 4000)
    return true
  })
})

test('Dialer: given up, it calls nobody', async (t) => {
  const { port } = await listener(t, '127.0.0.1')
  using dialer = new Dialer()
  let called = false
  dialer.dial(['127.0.0.1'], port, () => {
    called = true
  })()
  await dial(dialer, ['127.0.0.1'], port).then(({ socket }) => socket.destroy())
  assert.equal(called, false)
})

const ERRNOS = [
  ['ECONNREFUSED', 'APP_REFUSED'],
  ['ETIMEDOUT', 'APP_TIMEOUT'],
  ['EHOSTUNREACH', 'APP_UNREACHABLE'],
  ['ENETUNREACH', 'APP_UNREACHABLE'],
  ['EACCES', 'APP_UNREACHABLE'],
  ['ECONNRESET', 'APP_RESET'],
  ['EMFILE', 'FD_EXHAUSTED'],
] as const
for (const [errno, code] of ERRNOS) {
  test(`appFaultCode ${errno} is ${code}`, () => assert.equal(appFaultCode(errno), code))
}
