import assert from 'node:assert/strict'
import { once } from 'node:events'
import type net from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import pino from 'pino'
import {
  heard,
  openProxy,
  type ProxyFixture,
  type RawApp,
  STRAIGHT,
  seen,
  serveRaw,
} from './local-proxy.fixture.ts'

const HANDSHAKE_MS = 400
let proxy: ProxyFixture
before(async () => {
  proxy = await openProxy({ handshakeMs: HANDSHAKE_MS })
})
after(() => proxy[Symbol.asyncDispose]())

const LANES = { tunnel: 'app.example', straight: STRAIGHT }
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** One request in absolute form. */
const get = (
  { port }: { port: number },
  { host = LANES.tunnel, path = '/', more = '', method = 'GET' } = {},
) => `${method} http://${host}:${port}${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

async function ask(text: string) {
  const socket = proxy.dial()
  socket.write(text, 'latin1')
  return seen(socket)
}

/** Answers every request, however they come, with its first line. */
const mirror = () =>
  serveRaw((socket) => {
    let all = ''
    socket.on('data', (chunk) => {
      all += chunk
      for (let end = all.indexOf('\r\n\r\n'); end !== -1; end = all.indexOf('\r\n\r\n')) {
        const line = all.slice(0, all.indexOf('\r\n'))
        all = all.slice(end + 4)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${line.length}\r\n\r\n${line}`)
      }
    })
    socket.once('end', () => socket.end())
  })

/** Says `answer` once a request is there, and ends as it is told. */
const sayer = (answer: string, end: (socket: net.Socket) => void = (socket) => socket.end()) =>
  serveRaw((socket) =>
    socket.once('data', () => socket.write(Buffer.from(answer, 'latin1'), () => end(socket))),
  )

/** Has passed once the time for a handshake has, for somebody who came now. */
async function handshakeTime(): Promise<void> {
  const stalled = proxy.dial()
  stalled.write('GET ')
  await seen(stalled)
}

for (const [lane, host] of Object.entries(LANES)) {
  test(`${lane}: an answer that was cut ends broken, never clean`, async () => {
    for (const answer of [
      'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nrow 1\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nrow 1\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nrow 1\n',
    ]) {
      await using app = await serveRaw((socket) => {
        socket.once('data', () => socket.write(answer))
        socket.on('data', (chunk) => chunk.includes('go on') && socket.resetAndDestroy())
      })
      const socket = proxy.dial()
      socket.write(get(app, { host, method: 'POST', more: 'Content-Length: 5\r\n' }))
      const all = seen(socket)
      await heard(socket, 'row 1')
      socket.write('go on')
      assert.deepEqual(await all, { text: answer, end: 'RST' })
    }
  })

  test(`${lane}: an application that fails before a byte of an answer gets a page that says so`, async () => {
    await using resets = await serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()))
    await using hangsUp = await sayer('')
    await using gone = await sayer('')
    await gone[Symbol.asyncDispose]()
    for (const [app, code] of [
      [resets, 'APP_RESET'],
      [hangsUp, 'APP_HUNG_UP'],
      [gone, 'APP_REFUSED'],
    ] as const) {
      const { text, end } = await ask(get(app, { host }))
      assert.match(text, /^HTTP\/1\.1 502 APP_[A-Z_]+ at application; more: backstitch doctor client --app /)
      const problem = JSON.parse(text.slice(text.indexOf('\r\n\r\n')))
      assert.deepEqual([problem.code, problem.hop, end], [code, 'application', 'FIN'])
      const head = await ask(get(app, { host, method: 'HEAD' }))
      assert.match(head.text, /\r\n\r\n$/, 'HEAD has no body')
    }
  })
}

for (const [lane, host] of Object.entries(LANES)) {
  test(`${lane}: of whoever gives up before an answer comes nothing is said about the application`, async () => {
    await using app = await serveRaw((socket) => socket.resume().once('end', () => socket.end()))
    const hungUp = () => proxy.decisions.latest.filter(({ code }) => code === 'APP_HUNG_UP')
    const before = JSON.stringify(hungUp())
    const socket = proxy.dial()
    const all = seen(socket)
    socket.end(get(app, { host }))
    assert.match(
      (await all).text,
      / APP_HUNG_UP at application/,
      'who goes on listening is told how it ended',
    )
    assert.equal(JSON.stringify(hungUp()), before)
  })
}

for (const [lane, host] of Object.entries(LANES)) {
  test(`${lane}: the head of an answer that comes in pieces behind a long one is read as it came`, async () => {
    const long = 1_000_000
    await using app = await serveRaw((socket) => {
      socket.once('data', () =>
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${long}\r\n\r\n${'x'.repeat(long - 1)}!`),
      )
      socket.on('data', (chunk) => {
        if (chunk.includes('/second')) socket.write('HTTP/1.1 200 OK\r\nX: 1st\r\n')
        if (chunk.includes('+1')) socket.write('Y: 2nd\r\n')
        if (chunk.includes('+2')) socket.write('Content-Length: 2\r\n\r\nok')
      })
      socket.once('end', () => socket.end())
    })
    await using other = await mirror()
    const socket = proxy.dial()
    socket.write(get(app, { host }))
    await heard(socket, 'x!')
    socket.write(get(app, { host, path: '/second', method: 'POST', more: 'Content-Length: 4\r\n' }))
    await heard(socket, '1st')
    socket.write('+1')
    await heard(socket, '2nd')
    socket.write('+2')
    await heard(socket, 'ok')
    socket.end(get(other, { path: '/elsewhere' }))
    assert.match((await seen(socket)).text, /GET \/elsewhere/)
  })
}

test('a lost tunnel ends an answer broken', async () => {
  await using own = await openProxy()
  await using app = await sayer('HTTP/1.1 200 OK\r\n\r\nrow 1\n', () => {})
  const socket = own.dial()
  socket.write(get(app))
  const all = seen(socket)
  await heard(socket, 'row 1')
  own.tunnel.connector.close('TUNNEL_LOST', 'killed')
  assert.equal((await all).end, 'RST')
})

test('a request followed by FIN is answered', async () => {
  await using app = await mirror()
  const socket = proxy.dial()
  socket.end(get(app, { path: '/one' }))
  const { text, end } = await seen(socket)
  assert.match(text, /GET \/one HTTP\/1\.1$/)
  assert.equal(end, 'FIN')
})

test('pipelined requests to one application share a session, and no time limit cuts the second', async () => {
  await using app = await serveRaw((socket) => {
    let asked = 0
    socket.on('data', (chunk: Buffer) => {
      asked += chunk.toString().split('GET ').length - 1
      if (asked === 2) socket.write(OK)
      if (chunk.includes('/more')) socket.end(OK)
    })
  })
  const socket = proxy.dial()
  socket.write(get(app) + get(app))
  const all = seen(socket)
  await handshakeTime()
  socket.write(get(app, { path: '/more' }))
  assert.deepEqual(await all, { text: OK + OK, end: 'FIN' })
  assert.equal(app.connections, 1)
})

test('an early answer does not cut an upload that is still moving', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  await using app = await serveRaw((socket) => {
    let all = ''
    socket.once('data', () => socket.write(OK))
    socket.on('data', (chunk) => {
      all += chunk
      if (all.endsWith('last')) resolve(all)
    })
    socket.once('end', () => socket.end())
  })
  const socket = proxy.dial()
  socket.write(get(app, { method: 'PUT', more: 'Content-Length: 9\r\n' }))
  const all = seen(socket)
  await heard(socket, 'ok')
  socket.write('first')
  await handshakeTime()
  socket.end('last')
  assert.match(await promise, /firstlast$/)
  assert.deepEqual(await all, { text: OK, end: 'FIN' })
})

for (const [lane, host] of Object.entries(LANES)) {
  test(`${lane}: an answer that ends the connection reaches a program that is still uploading`, async () => {
    const refusal = 'HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n'
    await using app = await serveRaw((socket) => {
      socket.once('data', () => {
        socket.pause() // the rest lies unread in the kernel, which makes a reset of the close
        socket.end(refusal, () => socket.destroy())
      })
    })
    for (let i = 0; i < 10; i++) {
      const socket = proxy.dial()
      const body = Buffer.alloc(8_000_000)
      socket.write(get(app, { host, method: 'POST', more: `Content-Length: ${body.length}\r\n` }))
      socket.end(body)
      assert.deepEqual(await seen(socket), { text: refusal, end: 'FIN' })
    }
  })
}

test('a request for another application waits until the answer before it is whole', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<net.Socket>()
  await using slow = await serveRaw((socket) => {
    socket.once('data', () => resolve(socket))
    socket.once('end', () => socket.end())
  })
  await using other = await mirror()
  const socket = proxy.dial()
  socket.write(get(slow) + get(other, { path: '/two' }) + get(other, { path: '/three' }))
  const first = await asked
  first.write(OK.slice(0, -1))
  await heard(socket, 'Content-Length: 2')
  assert.equal(other.connections, 0)
  const all = seen(socket)
  first.write(OK.slice(-1))
  await heard(socket, '/three')
  socket.end()
  const { text, end } = await all
  assert.match(text, /\/two HTTP\/1\.1HTTP\/1\.1 200 OK\r\nContent-Length: 19\r\n\r\nGET \/three HTTP\/1\.1$/)
  assert.equal(end, 'FIN')
  assert.equal(other.connections, 1)
})

test('nothing follows an answer whose end cannot be told, or that is cut off; what was to follow is read away', async () => {
  await using other = await mirror()
  for (const answer of [
    'HTTP/1.1 200 OK\r\n\r\nall',
    `${OK}surplus`,
    'ICY 200 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut off',
  ]) {
    await using app = await serveRaw((socket) => {
      socket.once('data', () => {
        if (answer.includes('cut off')) socket.end(answer)
        else socket.write(answer)
      })
      socket.once('end', () => socket.end())
    })
    const socket = proxy.dial()
    const all = once(socket, 'end')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.write(get(app) + get(other))
    await all
    assert.equal(text, answer)
    await new Promise((taken) => socket.write(Buffer.alloc(20_000_000), taken))
    socket.destroy()
  }
  assert.equal(other.connections, 0)
})

test('where an application has ended the connection, nobody else is asked over it', async () => {
  await using other = await mirror()
  await using app = await sayer(OK)
  for (const next of [get(other), `CONNECT a.example:${other.port} HTTP/1.1\r\nHost: a\r\n\r\n`, get(app)]) {
    const socket = proxy.dial()
    socket.write(get(app))
    const ended = once(socket, 'end')
    await heard(socket, OK)
    await ended
    await new Promise((taken) => socket.write(next + 'x'.repeat(20_000_000), taken))
    socket.destroy()
  }
  assert.equal(other.connections, 0)
})

test('CONNECT behind a GET is a tunnel of its own, to where it says', async () => {
  await using app = await mirror()
  await using echo = await serveRaw((socket) => socket.pipe(socket))
  const socket = proxy.dial()
  socket.end(`${get(app)}CONNECT a.example:${echo.port} HTTP/1.1\r\nHost: a\r\n\r\nfor the echo`)
  const { text, end } = await seen(socket)
  assert.match(text, /GET \/ HTTP\/1\.1HTTP\/1\.1 200 Connection established\r\n\r\nfor the echo$/)
  assert.equal(end, 'FIN')
})

test('what cannot be read behind a request is refused where its answer would stand', async () => {
  await using app = await mirror()
  const { text, end } = await ask(`${get(app)}GET http://app.example/ HTTP/1.1\r\nHost : x\r\n\r\n`)
  assert.match(
    text,
    /^HTTP\/1\.1 200 OK.*GET \/ HTTP\/1\.1HTTP\/1\.1 400 LOCAL_REQUEST_REFUSED at client; more: backstitch client status\r\n/s,
  )
  assert.equal(end, 'FIN')
})

test('a malformed chunk breaks an answer that is streaming, and puts nothing into it', async () => {
  const part = `HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n${'a'.repeat(20)}`
  const { promise: cut, resolve } = Promise.withResolvers<void>()
  await using app = await serveRaw((socket) => {
    socket.once('data', () => socket.write(part))
    socket.once('close', () => resolve())
  })
  const socket = proxy.dial()
  socket.write(get(app, { method: 'POST', more: 'Transfer-Encoding: chunked\r\n' }))
  const all = seen(socket)
  await heard(socket, 'aaa')
  socket.write('5\r\nhello\r\nzz\r\n')
  assert.deepEqual(await all, { text: part, end: 'RST' })
  await cut // nor does the application get a request that looks whole
})

test('a malformed chunk before any answer is refused by name', async () => {
  await using app = await serveRaw((socket) => socket.resume())
  const body = '5\r\nhelloX'
  const { text } = await ask(get(app, { method: 'POST', more: 'Transfer-Encoding: chunked\r\n' }) + body)
  assert.match(text, /^HTTP\/1\.1 400 /)
  const { code, hop } = JSON.parse(text.slice(text.indexOf('\r\n\r\n')))
  assert.deepEqual([code, hop], ['LOCAL_REQUEST_REFUSED', 'client'])
})

test('a program that goes away resets its session; a session that was finished is done', async () => {
  await using own = await openProxy()
  await using app = await sayer('HTTP/1.1 200 OK\r\n\r\npart', () => {})
  const socket = own.dial()
  socket.write(get(app))
  await heard(socket, 'part')
  socket.resetAndDestroy()
  await using other = await mirror()
  const second = own.dial()
  second.end(get(other))
  await seen(second)
  while (own.ends.length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(
    own.ends.map(({ reason }) => reason),
    ['CLIENT_RESET', 'done'],
  )
})

test('a slow reader holds the application back, and gets every byte', async () => {
  const body = Buffer.alloc(30_000_000, 'abcdefghijklmnop')
  await using app = await serveRaw((socket) => socket.once('data', () => socket.end(body)))
  const socket = proxy.dial()
  socket.pause()
  socket.write(get(app))
  await handshakeTime()
  const all = seen(socket)
  socket.resume()
  const { text, end } = await all
  assert.ok(Buffer.from(text, 'latin1').equals(body))
  assert.equal(end, 'FIN')
})

test('a password in a URL goes nowhere, and is shown nowhere', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  await using app = await serveRaw((socket) => socket.once('data', (head) => resolve(String(head))))
  const socket = proxy.dial()
  socket.write(`GET http://ann:s3cret@app.example:${app.port}/ HTTP/1.1\r\nHost: app.example\r\n\r\n`)
  assert.match(await promise, new RegExp(`^GET / HTTP/1.1\r\nHost: app.example:${app.port}\r\n`))
  assert.doesNotMatch(await promise, /s3cret/)
  socket.destroy()
  await ask('GET http://ann:s3cret@app.example:99999/ HTTP/1.1\r\nHost: x\r\n\r\n')
  await ask('GET ftp://ann:s3cret@app.example/ HTTP/1.1\r\nHost: x\r\n\r\n')
  const refused = JSON.stringify(proxy.decisions.latest)
  assert.match(refused, /app\.example:99999/)
  assert.doesNotMatch(refused, /s3cret/)
})

test('a defect ends its own connection with INTERNAL and its stack in the log, and no other', async (t) => {
  const lines: string[] = []
  await using own = await openProxy({ log: pino({ level: 'error' }, { write: (line) => lines.push(line) }) })
  await using app = await mirror()
  const other = own.dial()
  other.write(get(app))
  await heard(other, 'GET / HTTP/1.1')
  t.mock.method(own.opener, 'open', () => {
    throw new TypeError('a defect')
  })
  for (const text of [
    get(app, { host: 'new.example' }),
    'CONNECT new.example:80 HTTP/1.1\r\nHost: x\r\n\r\n',
  ]) {
    const socket = own.dial()
    socket.write(text)
    const { text: page } = await seen(socket)
    const end = page.indexOf('\r\n\r\n')
    if (end !== -1) assert.equal(JSON.parse(page.slice(end)).code, 'INTERNAL')
  }
  const socks = own.dial()
  socks.write(Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80]))
  assert.equal((await seen(socks)).text.charCodeAt(3), 1, 'general failure')
  assert.equal(lines.length, 3)
  for (const line of lines) assert.match(JSON.parse(line).err.stack, /a defect\n.*at /)
  other.write(get(app, { path: '/still' }))
  await heard(other, '/still')
  other.destroy()
})

test('no bytes of a program or an application harm anybody else', async () => {
  const requests: (({ port }: RawApp) => string)[] = [
    (app) => get(app),
    (app) => `${get(app, { host: STRAIGHT, method: 'POST', more: 'Content-Length: 4\r\n' })}body`,
    (app) => `${get(app, { method: 'PUT', more: 'Transfer-Encoding: chunked\r\n' })}4\r\nbody\r\n0\r\n\r\n`,
    (app) => get(app) + get(app, { host: STRAIGHT }),
    (app) => `CONNECT ${STRAIGHT}:${app.port} HTTP/1.1\r\nHost: a\r\n\r\nx`,
    () => 'GET /proxy.pac HTTP/1.1\r\nHost: a\r\n\r\n',
  ]
  const answers = [
    OK,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    'HTTP/1.0 099 \x01\n\n',
  ]
  const flips = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 })
  const mutated = (text: string, changes: [number, number][]) => {
    const bytes = Buffer.from(text, 'latin1')
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte
    return bytes
  }
  let answer: Buffer = Buffer.alloc(0)
  let reset = false
  await using app = await serveRaw((socket) => {
    socket.once('data', () => socket.write(answer, () => (reset ? socket.resetAndDestroy() : socket.end())))
    socket.once('end', () => socket.end())
  })
  await using kept = await mirror()
  const witness = proxy.dial()
  witness.write(get(kept))
  await heard(witness, 'GET /')
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...requests),
      fc.constantFrom(...answers),
      flips,
      flips,
      fc.boolean(),
      async (request, said, requestFlips, answerFlips, breaks) => {
        answer = mutated(said, answerFlips)
        reset = breaks
        const socket = proxy.dial()
        socket.end(mutated(request(app), requestFlips))
        await seen(socket)
      },
    ),
    { numRuns: 300 },
  )
  assert.ok(!proxy.tunnel.client.closed)
  witness.write(get(kept, { path: '/alive' }))
  await heard(witness, '/alive')
  witness.destroy()
})

test('whoever takes HTML is answered with a page, and everybody else with the problem document', async () => {
  const refused = (more: string, method = 'GET') => ask(get({ port: 1 }, { host: 'localhost', more, method }))
  const page = (await refused('Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n')).text
  assert.match(page, /^HTTP\/1\.1 502 /)
  assert.match(page, /\r\nContent-Type: text\/html; charset=utf-8\r\n/)
  assert.match(page, /<h1>.+<\/h1>/)
  assert.match((await refused('Accept: */*\r\n')).text, /\r\nContent-Type: application\/problem\+json\r\n/)
  assert.match((await refused('Accept: text/html\r\n', 'HEAD')).text, /\r\n\r\n$/)
  const own = await ask('GET /nothing HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n')
  assert.match(own.text, /Content-Type: text\/html[\s\S]*<h1>/)
})
