import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { after, before, test } from 'node:test'
import type { Client } from '../src/client/client.ts'
import { type ClientSite, openClientSite, until } from './client-site.ts'
import { listenUdp, read, readAll, serveEcho, type TcpApp } from './client-traffic.ts'

let site: ClientSite
let client: Client
let echo: TcpApp

before(async () => {
  site = await openClientSite()
  await site.connector('connector')
  await site.signIn()
  client = (await site.client()).client
  echo = await serveEcho()
})
after(async () => {
  await site[Symbol.asyncDispose]()
  await echo[Symbol.asyncDispose]()
})

const proxy = () => {
  const [host, port] = client.proxyAddress!.split(':')
  return { host: host!, port: Number(port) }
}
const toProxy = () => net.connect({ ...proxy(), allowHalfOpen: true })
const port = (value: number) => Buffer.from([value >> 8, value & 255])
const named = (host: string, to: number, command = 1) =>
  Buffer.concat([Buffer.from([5, command, 0, 3, Buffer.byteLength(host)]), Buffer.from(host), port(to)])
const GREETING = Buffer.from([5, 1, 0])

/** The reply code to one SOCKS5 CONNECT. */
async function socksReply(request: Buffer): Promise<number> {
  const socket = toProxy()
  socket.end(Buffer.concat([GREETING, request]))
  const all = await readAll(socket)
  assert.deepEqual([...all.subarray(0, 2)], [5, 0])
  return all[3]!
}

test('SOCKS5 carries bytes both ways and ends each direction by itself', async () => {
  const socket = toProxy()
  socket.write(GREETING)
  assert.deepEqual([...(await read(socket, 2))], [5, 0])
  socket.write(named('localhost', echo.port))
  assert.equal((await read(socket, 10))[1], 0)
  socket.end('hello')
  assert.equal((await readAll(socket)).toString(), 'hello')
})

test('SOCKS5 is the same byte by byte, and all at once with data behind it', async () => {
  const whole = Buffer.concat([GREETING, named('localhost', echo.port), Buffer.from('early')])
  const atOnce = toProxy()
  atOnce.end(whole)
  assert.equal((await readAll(atOnce)).subarray(12).toString(), 'early')

  const slow = toProxy()
  slow.setNoDelay(true)
  for (const byte of whole) await new Promise((sent) => slow.write(Buffer.of(byte), sent))
  slow.end()
  assert.equal((await readAll(slow)).subarray(12).toString(), 'early')
})

test('SOCKS5 takes IPv4 addresses, and refuses with the reply code of the reason', async () => {
  const v4 = toProxy()
  v4.end(
    Buffer.concat([GREETING, Buffer.from([5, 1, 0, 1, 127, 0, 0, 1]), port(echo.port), Buffer.from('x')]),
  )
  assert.equal((await readAll(v4)).subarray(12).toString(), 'x')

  const closed = await serveEcho()
  await closed[Symbol.asyncDispose]()
  assert.equal(await socksReply(named('secret.test', 443)), 2, 'POLICY_DENIED')
  assert.equal(await socksReply(named('narrow.test', 80)), 2, 'CLIENT_WRONG_PORT')
  assert.equal(await socksReply(named('elsewhere.test', 443)), 2, 'CLIENT_NOT_COVERED')
  assert.equal(await socksReply(named('localhost', closed.port)), 5, 'APP_REFUSED')
  assert.equal(await socksReply(named('no-such-host.test', 443)), 4, 'APP_NAME_NXDOMAIN')
  assert.equal(await socksReply(named('secret.test\0.localhost', 443)), 8, 'BAD_DESTINATION: NUL')
  assert.equal(await socksReply(named('SECRET.test.', 443)), 2, 'another spelling of what is denied')
  assert.equal(await socksReply(named('localhost', echo.port, 2)), 7, 'BIND')
  const [denied] = client.status().decisions.filter((decision) => decision.code === 'CLIENT_WRONG_PORT')
  assert.equal(denied?.hop, 'client')
  assert.match(denied?.because ?? '', /narrow.*443/)
})

/** One CONNECT by the http client of Node; the response head and its body if it is a refusal. */
async function connect(authority: string) {
  const request = http.request({ ...proxy(), method: 'CONNECT', path: authority, agent: false })
  request.end()
  const [response, socket, head] = (await once(request, 'connect')) as [
    http.IncomingMessage,
    net.Socket,
    Buffer,
  ]
  const body = response.statusCode === 200 ? '' : Buffer.concat([head, await readAll(socket)]).toString()
  return { status: response.statusCode, headers: response.headers, body, socket }
}

test('HTTP CONNECT carries bytes, and refuses with a problem document that names hop and code', async () => {
  const { status, socket } = await connect(`localhost:${echo.port}`)
  assert.equal(status, 200)
  socket.end('hi')
  assert.equal((await readAll(socket)).toString(), 'hi')

  const denied = await connect('secret.test:443')
  assert.equal(denied.status, 403)
  assert.equal(denied.headers['content-type'], 'application/problem+json')
  assert.match(
    String(denied.headers['proxy-status']),
    /^backstitch; error=http_request_denied; details="POLICY_DENIED/,
  )
  const problem = JSON.parse(denied.body)
  assert.equal(problem.code, 'POLICY_DENIED')
  assert.equal(problem.hop, 'control')
  assert.match(problem.seen?.denial ?? JSON.stringify(problem), /den_/, 'what to ask an admin about')
  assert.match(problem.detail, /no secrets/)

  assert.equal((await connect('no-such-host.test:443')).status, 502)
  for (const bad of ['localhost', 'localhost:0', 'a@b:80', 'localhost:99999', '[::1]']) {
    const refused = await connect(bad)
    assert.equal(refused.status, 400, bad)
    assert.equal(JSON.parse(refused.body).code, 'BAD_DESTINATION', bad)
  }
})

test('a plain http request is carried in absolute form, its connection headers are not', async (t) => {
  const seen: http.IncomingMessage[] = []
  const app = http.createServer((request, response) => {
    seen.push(request)
    response.setHeader('X-App', 'yes')
    request.pipe(response)
  })
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  t.after(() => app.close())
  const appPort = (app.address() as net.AddressInfo).port
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const ask = async (url: string, body: string, headers: http.OutgoingHttpHeaders = {}) => {
    const request = http.request({ ...proxy(), path: url, method: 'POST', agent, headers })
    request.end(body)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    return { response, text: (await readAll(response)).toString() }
  }
  const first = await ask(`http://localhost:${appPort}/a?b`, 'body', {
    Host: 'ignored.example',
    'Proxy-Authorization': 'Basic c2VjcmV0',
    'Proxy-Connection': 'keep-alive',
    'Transfer-Encoding': 'chunked',
  })
  assert.equal(first.text, 'body')
  assert.equal(first.response.headers['x-app'], 'yes')
  assert.equal(seen[0]!.url, '/a?b')
  assert.equal(seen[0]!.headers.host, `localhost:${appPort}`)
  assert.equal(seen[0]!.headers['proxy-authorization'], undefined)
  assert.equal(seen[0]!.headers['proxy-connection'], undefined)
  assert.equal(seen[0]!.headers.via, '1.1 backstitch')

  const second = await ask('http://secret.test:443/', 'x')
  assert.equal(second.response.statusCode, 403, 'the next request on the same connection is asked for anew')
  assert.equal(JSON.parse(second.text).code, 'POLICY_DENIED')
  assert.equal(seen.length, 1)
})

test('an oversize head and what is not HTTP are refused', async () => {
  for (const [bytes, status] of [
    [`GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`, 431],
    ['\x16\x03\x01\x02\x00\x01garbage\r\n\r\n', 400],
    [
      'GET http://localhost/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['GET http://localhost/ HTTP/1.1\r\n\r\n', 400],
  ] as const) {
    const socket = toProxy()
    socket.end(bytes)
    assert.match((await readAll(socket)).toString('latin1'), new RegExp(`^HTTP/1.1 ${status} `))
  }
})

test('/proxy.pac names what is covered, to local programs only', async () => {
  const get = async (headers: http.OutgoingHttpHeaders, page = '/proxy.pac') => {
    const request = http.get({ ...proxy(), path: page, headers, agent: false })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    return {
      status: response.statusCode,
      headers: response.headers,
      text: (await readAll(response)).toString(),
    }
  }
  const page = await get({})
  assert.equal(page.status, 200)
  assert.equal(page.headers['content-type'], 'application/x-ns-proxy-autoconfig')
  assert.ok(page.text.includes(`PROXY ${client.proxyAddress}`))
  assert.ok(page.text.includes('"localhost"'))
  assert.ok(!page.text.includes('secret.test'), 'what policy denies is not listed')
  assert.equal((await get({ Host: `rebound.example:${proxy().port}` })).status, 403)
  assert.equal((await get({ Origin: 'https://evil.example' })).status, 403)
  assert.match((await get({}, '/metrics')).text, /^backstitch_client_control_up 1$/m)
  assert.equal((await get({ Origin: 'https://evil.example' }, '/metrics')).status, 403)
  assert.equal((await get({}, '/other')).status, 404)
})

/** An association of SOCKS5: where to send datagrams, and the connection that keeps it. */
async function associate() {
  const control = toProxy()
  control.write(Buffer.concat([GREETING, Buffer.from([5, 3, 0, 1, 0, 0, 0, 0, 0, 0])]))
  const reply = (await read(control, 12)).subarray(2)
  assert.equal(reply[1], 0)
  return { control, port: reply.readUInt16BE(8) }
}

test('UDP ASSOCIATE carries datagrams for its own program only, and ends with its connection', async (t) => {
  const app = await listenUdp('127.0.0.1', (message, from, socket) =>
    socket.send(message, from.port, from.address),
  )
  const program = await listenUdp('127.0.0.1')
  const stranger = await listenUdp('127.0.0.2')
  t.after(() => Promise.all([app, program, stranger].map((one) => one[Symbol.asyncDispose]())))
  const { control, port: relay } = await associate()
  const header = Buffer.concat([Buffer.from([0, 0, 0, 3, 9]), Buffer.from('localhost'), port(app.port)])

  stranger.socket.send(Buffer.concat([header, Buffer.from('stranger')]), relay, '127.0.0.1')
  program.socket.send(
    Buffer.concat([Buffer.from([0, 0, 1]), header.subarray(3), Buffer.from('fragment')]),
    relay,
    '127.0.0.1',
  )
  program.socket.send(Buffer.concat([header, Buffer.from('one')]), relay, '127.0.0.1')
  const [answer] = (await once(program.socket, 'message')) as [Buffer]
  assert.equal(answer.toString('latin1'), `${header.toString('latin1')}one`)
  assert.deepEqual(app.received.map(String), ['one'], 'neither the stranger nor the fragment went through')

  const late = await listenUdp('127.0.0.1') // another port of the same address, after the first has spoken
  t.after(() => late[Symbol.asyncDispose]())
  late.socket.send(Buffer.concat([header, Buffer.from('late')]), relay, '127.0.0.1')
  program.socket.send(Buffer.concat([header, Buffer.from('two')]), relay, '127.0.0.1')
  await once(program.socket, 'message')
  assert.deepEqual(app.received.map(String), ['one', 'two'])

  assert.equal(client.status().sessions.open, 1)
  control.destroy()
  await until(() => client.status().sessions.open === 0)
  const heir = dgram.createSocket('udp4')
  t.after(() => heir.close())
  heir.bind(relay, '127.0.0.1')
  await once(heir, 'listening') // the port is free again
})
