/**
 * Four ways to one application: directly, by SOCKS5, by CONNECT, and with a request in absolute form. Whatever the
 * application says, a program hears the same bytes, and the same end.
 *
 * @module
 */
import assert from 'node:assert/strict'
import net from 'node:net'
import { after, before, test } from 'node:test'
import type { Client } from '../src/client/client.ts'
import { type Seen, seen } from '../src/client/entry/local-proxy.fixture.ts'
import { type ClientSite, openClientSite, until } from './client-site.ts'
import { read, serveTcp } from './client-traffic.ts'

let site: ClientSite
let client: Client

before(async () => {
  site = await openClientSite()
  await site.connector('connector')
  await site.signIn()
  client = (await site.client()).client
})
after(() => site[Symbol.asyncDispose]())

const toProxy = () => {
  const [host, port] = client.proxyAddress!.split(':')
  return net.connect({ host: host!, port: Number(port), allowHalfOpen: true, noDelay: true })
}

/** Each opens a connection, and says what stands before a path in a request there. */
const WAYS: Record<string, (port: number) => Promise<{ socket: net.Socket; before: string }>> = {
  directly: async (port) => ({
    socket: net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }),
    before: '',
  }),
  'by SOCKS5': async (port) => {
    const socket = toProxy()
    const name = Buffer.from('localhost')
    socket.write(
      Buffer.concat([
        Buffer.from([5, 1, 0, 5, 1, 0, 3, name.length]),
        name,
        Buffer.from([port >> 8, port & 255]),
      ]),
    )
    assert.equal((await read(socket, 2))[1], 0)
    assert.equal((await read(socket, 10))[1], 0)
    return { socket, before: '' }
  },
  'by CONNECT': async (port) => {
    const socket = toProxy()
    socket.write(`CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`)
    await read(socket, 39)
    return { socket, before: '' }
  },
  'in absolute form': async (port) => ({ socket: toProxy(), before: `http://localhost:${port}` }),
}

interface Ask {
  readonly method?: string
  readonly version?: string
  /** Header lines and what follows them. */
  readonly rest?: string
}

async function ask(way: string, port: number, { method = 'GET', version = '1.1', rest = '\r\n' }: Ask) {
  const { socket, before } = await WAYS[way]!(port)
  socket.on('error', () => {})
  const all = seen(socket)
  socket.write(`${method} ${before}/ HTTP/${version}\r\nHost: localhost:${port}\r\n${rest}`, 'latin1')
  return all
}

const SLOPPY: Record<string, string | readonly [answer: string, request: Ask]> = {
  'no length': 'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  'lines that end with LF alone': 'HTTP/1.1 200 OK\nContent-Length: 2\nX: y\n\nok',
  'folded headers': 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\tc\r\nContent-Length: 2\r\n\r\nok',
  'two equal lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok',
  'two different lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
  'length and chunked':
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  '20 KB of headers': `HTTP/1.1 200 OK\r\n${`X: ${'a'.repeat(990)}\r\n`.repeat(20)}Content-Length: 2\r\n\r\nok`,
  ICY: 'ICY 200 OK\r\nicy-name: radio\r\n\r\nmusic',
  'HTTP/0.9': '<html>nothing else</html>',
  'early hints':
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  trailers: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n2\r\nok\r\n0\r\nT: 1\r\n\r\n',
  'chunks in odd spelling':
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0002;x=y\r\nok\r\n000\r\n\r\n',
  'a chunk that is none': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok',
  'interim answers': [
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    { method: 'POST', rest: 'Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi' },
  ],
  'status 099': 'HTTP/1.1 099 Hm\r\nContent-Length: 0\r\n\r\n',
  'status 999': 'HTTP/1.1 999 Hm\r\nContent-Length: 0\r\n\r\n',
  'control bytes in the reason': 'HTTP/1.1 200 O\x01\x1b[31mK\x7f\xff\r\nContent-Length: 0\r\n\r\n',
  'bytes after the body': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more',
  'a body after HEAD': ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', { method: 'HEAD' }],
  'a body after 204': 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok',
  'an upgrade nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nwhatever',
  'an unknown method': ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', { method: 'BREW' }],
  'a program of HTTP/1.0': ['HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', { version: '1.0' }],
  'names with blanks': 'HTTP/1.1 200 OK\r\nX y : z\r\n: empty\r\nnothing\r\nContent-Length: 2\r\n\r\nok',
}

for (const [name, value] of Object.entries(SLOPPY)) {
  const [answer, request] = typeof value === 'string' ? [value, {}] : value
  for (const end of ['FIN', 'RST'] as const) {
    test(`${name}, then ${end}: four ways, the same bytes`, async () => {
      await using app = await serveTcp((socket) => {
        let asked = ''
        socket.on('data', (chunk) => {
          asked += chunk
          const body = request.rest?.split('\r\n\r\n')[1] ?? ''
          if (!asked.endsWith(`\r\n\r\n${body}`)) return
          socket.write(Buffer.from(answer, 'latin1'), () =>
            end === 'FIN' ? socket.end() : socket.resetAndDestroy(),
          )
        })
        socket.once('end', () => socket.end())
      })
      const heard: Record<string, Seen> = {}
      for (const way of Object.keys(WAYS)) heard[way] = await ask(way, app.port, request)
      const expected = { text: answer, end }
      assert.deepEqual(heard, Object.fromEntries(Object.keys(WAYS).map((way) => [way, expected])))
    })
  }
}

test('what an application says before it is asked, and an answer to half a request, are heard by all', async () => {
  await using app = await serveTcp((socket) => {
    socket.write('HTTP/1.1 408 Too slow\r\nConnection: close\r\n\r\n')
    socket.end()
  })
  for (const way of Object.keys(WAYS)) {
    const { text, end } = await ask(way, app.port, { method: 'PUT', rest: 'Content-Length: 5\r\n\r\nha' })
    assert.deepEqual(
      { text, end },
      { text: 'HTTP/1.1 408 Too slow\r\nConnection: close\r\n\r\n', end: 'FIN' },
      way,
    )
  }
})

test('a request that ends with FIN is answered in all ways, whole or cut off', async () => {
  await using app = await serveTcp((socket) => {
    let asked = ''
    socket.on('data', (chunk) => {
      asked += chunk
    })
    socket.once('end', () => socket.end(`HTTP/1.0 200 OK\r\n\r\n${asked.split('\r\n\r\n')[1]}`))
  })
  for (const rest of ['Content-Length: 5\r\n\r\nhello', 'Content-Length: 9\r\n\r\nhello']) {
    for (const way of Object.keys(WAYS)) {
      const { socket, before } = await WAYS[way]!(app.port)
      const all = seen(socket)
      socket.end(`POST ${before}/ HTTP/1.1\r\nHost: a\r\n${rest}`)
      assert.deepEqual(await all, { text: 'HTTP/1.0 200 OK\r\n\r\nhello', end: 'FIN' }, way)
    }
  }
})

test('what is refused for safety is refused by the client, by name, and reaches nobody', async () => {
  let connections = 0
  await using app = await serveTcp(() => connections++)
  for (const rest of [
    'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'Content-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'Transfer-Encoding: gzip\r\n\r\n',
    'Host: other\r\n\r\n',
    'X : y\r\n\r\n',
    'X: y\n\n',
  ]) {
    const { text } = await ask('in absolute form', app.port, { method: 'POST', rest })
    assert.match(text, /^HTTP\/1\.1 400 LOCAL_REQUEST_REFUSED at client; more: backstitch client status\r\n/)
    const { code, hop } = JSON.parse(text.slice(text.indexOf('\r\n\r\n')))
    assert.deepEqual([code, hop], ['LOCAL_REQUEST_REFUSED', 'client'])
  }
  assert.equal(connections, 0)
})

test('an application that hangs up is said to, at its own hop, and its session was no failure', async () => {
  await using app = await serveTcp((socket) => void socket.end())
  const { text } = await ask('in absolute form', app.port, {})
  const { code, hop, session } = JSON.parse(text.slice(text.indexOf('\r\n\r\n')))
  assert.deepEqual([code, hop], ['APP_HUNG_UP', 'application'])
  const { sessions } = site.site.control.store
  let record: Awaited<ReturnType<typeof sessions.get>> | undefined
  await until(async () => {
    record = await sessions.get(session)
    return record?.endedMs !== undefined
  })
  assert.equal(record?.closeReason, 'done')
})
