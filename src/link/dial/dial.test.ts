import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import { dialEdge } from './dial.ts'
import { DIRECT, type Egress } from './egress.ts'
import { openTestProxy, type TestProxyOptions } from './proxy.fixture.ts'
import { readExactly } from './read-exactly.ts'

const signal = new AbortController().signal

/** Greets, then repeats what it hears. */
async function openEcho(): Promise<AsyncDisposable & { port: number }> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.write('welcome')
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function faultOf(promise: Promise<net.Socket>): Promise<Fault> {
  const thrown: unknown = await promise.then(
    (socket) => socket.destroy(),
    (reason) => reason,
  )
  assert.ok(thrown instanceof Fault, `a Fault was to be thrown: ${thrown}`)
  return thrown
}

function through(port: number, auth?: { user: string; password: string }): Egress {
  return { proxy: { host: '127.0.0.1', port, auth }, source: 'flag --proxy', noProxy: [] }
}

async function sayHello(socket: net.Socket): Promise<void> {
  assert.equal(String(await readExactly(socket, 7, signal)), 'welcome')
  socket.write('hello')
  assert.equal(String(await readExactly(socket, 5, signal)), 'hello')
  socket.destroy()
}

test('dialEdge connects straight, by name and by address', async () => {
  await using echo = await openEcho()
  for (const host of ['127.0.0.1', 'localhost']) {
    const socket = await dialEdge({ host, port: echo.port }, { egress: DIRECT, signal })
    assert.equal(socket.allowHalfOpen, true)
    await sayHello(socket)
  }
})

test('a name without an address is EDGE_NAME_NXDOMAIN and names it', async () => {
  const fault = await faultOf(dialEdge({ host: 'edge.invalid', port: 443 }, { egress: DIRECT, signal }))
  // The resolver of this machine may be out of reach instead; either way the name is told.
  assert.ok(['EDGE_NAME_NXDOMAIN', 'RESOLVER_UNREACHABLE'].includes(fault.code), fault.code)
  assert.equal(fault.seen.host, 'edge.invalid')
})

test('a refusal is EGRESS_REJECTED with address and errno', async () => {
  const { port } = await openEcho().then(async (echo) => {
    await echo[Symbol.asyncDispose]()
    return echo
  })
  const fault = await faultOf(dialEdge({ host: '127.0.0.1', port }, { egress: DIRECT, signal }))
  assert.equal(fault.code, 'EGRESS_REJECTED')
  assert.deepEqual(fault.seen.attempts, [`127.0.0.1:${port} ECONNREFUSED`])
})

test('silence is EGRESS_BLOCKED, within the deadline', async (t) => {
  // A listener whose process is stopped: the kernel fills its queue and then drops what comes, like a firewall.
  const script =
    "const s=require('net').createServer();s.listen({port:0,host:'127.0.0.1',backlog:1},()=>console.log(s.address().port))"
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = Number(String((await once(child.stdout, 'data'))[0]))
  child.kill('SIGSTOP')
  const fill = Array.from({ length: 8 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
  t.after(async () => {
    for (const socket of fill) socket.destroy()
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  await Promise.all(fill.slice(0, 2).map((socket) => once(socket, 'connect')))
  const started = performance.now()
  const fault = await faultOf(
    dialEdge({ host: '127.0.0.1', port }, { egress: DIRECT, signal, timeoutMs: 300 }),
  )
  assert.equal(fault.code, 'EGRESS_BLOCKED')
  assert.deepEqual(fault.seen.attempts, [`127.0.0.1:${port} ETIMEDOUT`])
  assert.ok(performance.now() - started < 2000)
})

test('an abort from outside is not made a finding', async () => {
  const reason = new Error('stopping')
  await assert.rejects(
    dialEdge({ host: '127.0.0.1', port: 9 }, { egress: DIRECT, signal: AbortSignal.abort(reason) }),
    reason,
  )
})

test('through a proxy, with and without credentials; what came with the answer is not lost', async () => {
  await using echo = await openEcho()
  for (const auth of [undefined, 'bob:p@ss']) {
    await using proxy = await openTestProxy({ auth })
    const egress = through(proxy.port, auth ? { user: 'bob', password: 'p@ss' } : undefined)
    const socket = await dialEdge({ host: '127.0.0.1', port: echo.port }, { egress, signal })
    assert.equal(socket.allowHalfOpen, true)
    await sayHello(socket)
    assert.deepEqual(proxy.asked, [`127.0.0.1:${echo.port}`])
  }
})

for (const status of ['200 OK', '201 Created', '204 No Content', '299 Tunnel']) {
  test(`bytes in the same packet as a ${status} of the proxy stay in the socket`, async () => {
    await using proxy = await openTestProxy({ answer: `HTTP/1.1 ${status}\r\n\r\nwelcome` })
    const socket = await dialEdge(
      { host: 'edge.invalid', port: 443 },
      { egress: through(proxy.port), signal },
    )
    assert.equal(String(await readExactly(socket, 7, signal)), 'welcome')
    socket.destroy()
  })
}

test('NO_PROXY goes straight', async () => {
  await using echo = await openEcho()
  await using proxy = await openTestProxy()
  const egress = { ...through(proxy.port), noProxy: ['127.0.0.0/8'] }
  await sayHello(await dialEdge({ host: '127.0.0.1', port: echo.port }, { egress, signal }))
  assert.deepEqual(proxy.asked, [])
})

const REFUSALS: {
  name: string
  proxy: TestProxyOptions
  auth?: { user: string; password: string }
  code: string
  seen: Fault['seen']
}[] = [
  {
    name: '407 and nothing was sent',
    proxy: { auth: 'bob:right' },
    code: 'PROXY_AUTH',
    seen: { credentialsSent: false, asksFor: ['Basic realm="corp"'] },
  },
  {
    name: '407 for a wrong password',
    proxy: { auth: 'bob:right' },
    auth: { user: 'bob', password: 'wr0ng' },
    code: 'PROXY_AUTH',
    seen: { credentialsSent: true, status: '407 Proxy Authentication Required' },
  },
  {
    name: '401 for a wrong password, as some proxies say it',
    proxy: {
      answer:
        'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="corp"\r\nConnection: close\r\n\r\n',
    },
    auth: { user: 'bob', password: 'wr0ng' },
    code: 'PROXY_AUTH',
    seen: { credentialsSent: true, asksFor: ['Basic realm="corp"'] },
  },
  {
    name: '403 with a block page',
    proxy: { answer: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 21\r\n\r\n\nBlocked by policy 7\n\n' },
    code: 'PROXY_REFUSED',
    seen: { status: '403 Forbidden', page: 'Blocked by policy 7' },
  },
  { name: 'closes without an answer', proxy: { answer: '' }, code: 'PROXY_REFUSED', seen: {} },
  { name: 'does not speak HTTP', proxy: { answer: 'SSH-2.0-x\r\n' }, code: 'PROXY_REFUSED', seen: {} },
  {
    name: 'a header without end',
    proxy: { answer: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}` },
    code: 'PROXY_REFUSED',
    seen: {},
  },
  { name: 'says nothing', proxy: { silent: true }, code: 'PROXY_UNREACHABLE', seen: {} },
]
for (const { name, proxy: options, auth, code, seen } of REFUSALS) {
  test(`proxy: ${name} is ${code}`, async () => {
    await using proxy = await openTestProxy(options)
    const egress = through(proxy.port, auth)
    const to = { host: 'edge.invalid', port: 443 }
    const fault = await faultOf(dialEdge(to, { egress, signal, timeoutMs: 500 }))
    assert.equal(fault.code, code)
    assert.partialDeepStrictEqual(fault.seen, seen)
    assert.doesNotMatch(JSON.stringify([fault.message, fault.seen]), /wr0ng/)
  })
}

test('a proxy that is not there is PROXY_UNREACHABLE and says who set it', async () => {
  const { port } = await openTestProxy().then(async (proxy) => {
    await proxy[Symbol.asyncDispose]()
    return proxy
  })
  const fault = await faultOf(
    dialEdge({ host: 'edge.invalid', port: 443 }, { egress: through(port), signal }),
  )
  assert.equal(fault.code, 'PROXY_UNREACHABLE')
  assert.partialDeepStrictEqual(fault.seen, { source: 'flag --proxy', because: 'EGRESS_REJECTED' })
})
