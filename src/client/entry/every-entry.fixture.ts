/**
 * What every way into the client owes to the program that uses it and to the application behind it: one list of tests,
 * run for each kind of entry.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultCode } from '../../base/faults.ts'
import { pattern } from '../../mux/pair.fixture.ts'
import { openProxy, type ProxyFixture, serveRaw } from './local-proxy.fixture.ts'

/** A program that came in. */
export interface Inside {
  readonly socket: net.Socket
  /** Says the last of it; a TCP program ends its direction. */
  readonly end?: (last: string | Buffer) => Promise<void>
  /** Takes the entry away, where it is one of its own. */
  readonly leave?: () => Promise<void>
  /** How it learns that the other end broke off, once its socket has ended; a TCP program sees a reset. */
  readonly brokenOff?: () => Promise<boolean>
  /** What was told of a connection that came to nothing, where the entry cannot refuse before it is in. */
  readonly refusal?: () => string | undefined
}

export interface WayIn {
  readonly name: string
  /** Name of the application; `localhost` leaves straight, without a tunnel. */
  readonly host: string
  /** @throws {RefusedEntry} when the client says no. */
  enter(proxy: ProxyFixture, host: string, port: number): Promise<Inside>
}

/** What the program, or whoever opened the entry, is told. */
export class RefusedEntry extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

const SIZE = 400_000
/** More than all buffers on the way hold together. */
const FLOOD = 64 << 20
const QUIET_MS = 300

export function testEntry({ name, host, enter }: WayIn): void {
  test(`${name}: bytes arrive as they were, both ways at once`, async () => {
    await using proxy = await openProxy()
    await using app = await serveRaw((socket) => void socket.pipe(socket))
    const { socket, end } = await enter(proxy, host, app.port)
    const sent = pattern(SIZE)
    void last(socket, end, sent)
    assert.ok((await all(socket)).equals(sent))
  })

  test(`${name}: a program that has said all still hears the answer`, async () => {
    await using proxy = await openProxy()
    let heard: Buffer = Buffer.alloc(0)
    await using app = await serveRaw((socket) => {
      void all(socket).then((bytes) => {
        heard = bytes
        socket.end(pattern(SIZE, 2))
      })
    })
    const { socket, end } = await enter(proxy, host, app.port)
    void last(socket, end, 'a question')
    assert.ok((await all(socket)).equals(pattern(SIZE, 2)))
    assert.equal(heard.toString(), 'a question')
  })

  test(`${name}: an application that has said all still hears the program`, async () => {
    await using proxy = await openProxy()
    const heard = Promise.withResolvers<Buffer>()
    await using app = await serveRaw((socket) => {
      socket.end('a greeting')
      void all(socket).then(heard.resolve)
    })
    const { socket, end } = await enter(proxy, host, app.port)
    assert.equal((await all(socket)).toString(), 'a greeting')
    void last(socket, end, pattern(SIZE, 3))
    assert.ok((await heard.promise).equals(pattern(SIZE, 3)))
  })

  test(`${name}: a reset of the application arrives as one, behind what it said before`, async () => {
    await using proxy = await openProxy()
    await using app = await serveRaw((socket) => {
      socket.once('data', (asked) =>
        socket.write(asked, () => setTimeout(() => socket.resetAndDestroy(), 50)),
      )
    })
    const { socket, brokenOff } = await enter(proxy, host, app.port)
    let [text, reset] = ['', false]
    socket.on('data', (chunk) => (text += chunk)).on('error', () => (reset = true))
    socket.resume().write('before')
    await over(socket)
    assert.equal(text, 'before')
    assert.ok((await brokenOff?.()) ?? reset, 'it knows that this was no proper end')
  })

  test(`${name}: a program that is gone is gone for the application, too`, async () => {
    await using proxy = await openProxy()
    const ended = Promise.withResolvers<string>()
    await using app = await serveRaw((socket) => {
      socket.once('error', () => ended.resolve('reset')).once('close', () => ended.resolve('closed'))
      // Behind an end, only who writes learns more.
      const asking = setInterval(() => socket.readableEnded && socket.write('still there?'), 20)
      socket.once('close', () => clearInterval(asking)).resume()
    })
    const { socket } = await enter(proxy, host, app.port)
    socket.write('a beginning')
    await delay(50)
    // One that comes by a Unix socket can only close it, and whoever writes to it then learns that it is gone.
    if (socket.remoteAddress === undefined) socket.destroy()
    else socket.resetAndDestroy()
    assert.match(await ended.promise, /reset|closed/)
  })

  test(`${name}: what nobody reads is not taken from the program without end, and nothing of it is lost`, async () => {
    await using proxy = await openProxy()
    const reader = Promise.withResolvers<net.Socket>()
    await using app = await serveRaw((socket) => {
      socket.pause()
      reader.resolve(socket)
    })
    const { socket, end } = await enter(proxy, host, app.port)
    let taken = 0
    const chunk = pattern(1 << 20)
    const flood = (async () => {
      while (taken < FLOOD) {
        if (!socket.write(chunk)) await once(socket, 'drain')
        taken += chunk.length
      }
      void last(socket, end, '')
    })()
    await settled(() => taken)
    assert.ok(taken < FLOOD / 2, `${taken >> 20} MiB were taken for a reader who read nothing`)
    const slow = await reader.promise
    let read = 0
    slow.on('data', ({ length }: Buffer) => (read += length)).resume()
    await Promise.all([flood, once(slow, 'end')])
    assert.equal(read, taken)
  })

  test(`${name}: a refused connection names its fault`, async () => {
    await using proxy = await openProxy()
    const free = await closedPort()
    const wanted: FaultCode = 'APP_REFUSED'
    await assert.rejects(
      async () => {
        const { socket, refusal } = await enter(proxy, host, free)
        socket.resume()
        await over(socket)
        throw new RefusedEntry(refusal?.() ?? 'nothing')
      },
      (error: Error) => error instanceof RefusedEntry && error.code === wanted,
    )
  })

  test(`${name}: when both have ended nothing of the session is left open`, async () => {
    await using proxy = await openProxy()
    await using app = await serveRaw((socket) => void socket.pipe(socket))
    const before = openSockets()
    for (let n = 0; n < 3; n++) {
      const { socket, end, leave } = await enter(proxy, host, app.port)
      void last(socket, end, 'hello')
      await all(socket)
      await leave?.()
    }
    await settled(openSockets)
    assert.ok(openSockets() <= before, `${openSockets()} sockets, ${before} before`)
  })
}

async function last(socket: net.Socket, end: Inside['end'], bytes: string | Buffer): Promise<void> {
  if (end === undefined) socket.end(bytes)
  else await end(bytes)
}

async function all(socket: net.Socket): Promise<Buffer> {
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part)).resume()
  await once(socket, 'end')
  return Buffer.concat(parts)
}

/** Nothing more comes, however that was said. */
function over(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.readableEnded) resolve()
    else socket.once('end', resolve).once('close', () => resolve())
  })
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCPSocket|Pipe)Wrap$/.test(name)).length
}

/** Resolves when it has not changed for a while. */
async function settled(count: () => number): Promise<void> {
  for (let last = -1; last !== count(); ) {
    last = count()
    await delay(QUIET_MS)
  }
}

async function closedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
