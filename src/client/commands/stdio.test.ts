import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { StopReason } from '../../agent/link/stop-reason.ts'
import { Fault } from '../../base/faults.ts'
import { OPENED, pattern, socketPair, TunnelPair } from '../../mux/pair.fixture.ts'
import { ControlSocket } from '../entry/control-socket.ts'
import { LocalUsers } from '../entry/local-users.ts'
import type { ClientOptions } from '../options.ts'
import type { ClientSession, SessionEvents } from '../session/client-session.ts'
import { LaneChooser } from '../session/lane-chooser.ts'
import type { Opener } from '../session/open-session.ts'
import { openDaemon } from './control-call.ts'
import { runStdio } from './stdio.ts'
import { StdioStream } from './stdio-stream.ts'

const SIZE = 300_000

/** A running client whose sessions go through a real tunnel to `app`. */
async function running(t: TestContext, notes: readonly Fault[] = []) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'stdio-'))
  const tunnel = await TunnelPair.open()
  const apps: net.Socket[] = []
  const opener = {
    nowUs: () => 0,
    notesOf: () => notes,
    lanes: new LaneChooser(),
    open(_lane: unknown, events: SessionEvents): ClientSession {
      const session = { id: 'ses_test', abandon() {} } as ClientSession
      void (async () => {
        const { near, far } = await tunnel.stream()
        const [app, remote] = await socketPair()
        apps.push(app)
        far.accept(OPENED)
        far.attach(remote)
        session.attach = (socket, inOrder) => near.attach(socket, inOrder)
        events.opened?.(session)
        events.closed?.(session, await near.ended)
      })()
      return session
    },
  }
  const file = path.join(directory, 'control.sock')
  const control = await ControlSocket.open({
    file,
    opener: opener as unknown as Opener,
    users: new LocalUsers(),
    looks: { look: async () => ({ well: true }) },
    reload: async () => {},
  })
  t.after(async () => {
    await control[Symbol.asyncDispose]()
    await tunnel[Symbol.asyncDispose]()
    for (const app of apps) app.destroy()
    await rm(directory, { recursive: true })
  })
  const app = async () => {
    while (apps.length === 0) await new Promise(setImmediate)
    return apps[0]!
  }
  return { directory, tunnel, app, control }
}

/** `client connect` with this on stdin. */
function connect(
  directory: string,
  stdin: Readable,
  silentMs?: number,
  signal = new AbortController().signal,
) {
  const out: Buffer[] = []
  let said = ''
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      out.push(chunk)
      setImmediate(done)
    },
  })
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      said += chunk
      done()
    },
  })
  const code = runStdio({
    host: 'files.example',
    port: 9000,
    client: { stateDir: directory } as ClientOptions,
    ...{ stdin, stdout, stderr },
    signal,
    silentMs,
  })
  const ended = new Promise((resolve) => stdout.once('finish', resolve))
  return { code, ended, out: () => Buffer.concat(out), said: () => said }
}

const idle = () => new PassThrough()
const empty = () => Readable.from([])

for (const [name, stdin] of [
  ['an idle stdin', idle],
  ['an ended stdin', empty],
] as const) {
  test(`a download that is cut ends with 1 and says why, with ${name}`, async (t) => {
    const { directory, tunnel, app } = await running(t)
    const command = connect(directory, stdin())
    const application = await app()
    application.write(pattern(SIZE))
    while (command.out().length < SIZE) await new Promise(setImmediate)
    tunnel.connector.close('TUNNEL_LOST', 'the connector was killed')
    assert.equal(await command.code, 1)
    assert.match(
      command.said(),
      /^backstitch: files\.example:9000: TUNNEL_LOST \(connector\): .*\n {2}cause {2}.*\n {2}fix {4}.*\n {2}more {3}backstitch doctor client --app files\.example:9000\n$/,
    )
  })

  test(`an application that resets ends it with 1, behind what it said before, with ${name}`, async (t) => {
    const { directory, tunnel, app } = await running(t)
    const command = connect(directory, stdin())
    const application = await app()
    application.write(pattern(SIZE))
    application.write('', () => application.resetAndDestroy())
    assert.equal(await command.code, 1)
    assert.match(command.said(), /APP_RESET \(application\)/)
    assert.equal(tunnel.client.streams, 0)
  })
}

test('each direction ends by itself, and an end in good order is 0 with every byte', async (t) => {
  const { directory, app } = await running(t)
  const stdin = new PassThrough()
  const command = connect(directory, stdin)
  const application = await app()
  application.end(pattern(SIZE))
  await command.ended // while stdin is still open
  assert.equal(command.out().length, SIZE)
  const up: Buffer[] = []
  application.on('data', (chunk: Buffer) => up.push(chunk))
  stdin.end(pattern(SIZE, 2))
  assert.equal(await command.code, 0, command.said())
  assert.ok(command.out().equals(pattern(SIZE)))
  assert.ok(Buffer.concat(up).equals(pattern(SIZE, 2)))
})

test('ssh that closes its pipe and hangs up at once has ended in good order; one that is stopped with its input open has not', async (t) => {
  for (const [input, isDone] of [
    [(stdin: PassThrough) => stdin.end('bye'), true],
    [(stdin: PassThrough) => stdin.write('half'), false],
  ] as const) {
    const { directory, app } = await running(t)
    const [stdin, stop] = [new PassThrough(), new AbortController()]
    const command = connect(directory, stdin, undefined, stop.signal)
    const application = await app()
    application.write('hello')
    while (command.out().length < 5) await new Promise(setImmediate)
    input(stdin)
    stop.abort(new StopReason({ why: 'signal', detail: 'SIGHUP' }))
    const broke = once(application, 'error').then(() => false)
    const over = once(application.resume(), 'end').then(() => true)
    assert.equal(await Promise.race([broke.catch(() => false), over.catch(() => false)]), isDone)
    application.destroy()
    assert.equal((await command.code) === 0, isDone)
  }
})

test('a command that is killed in the middle of its input is a break for the application', async (t) => {
  const { directory, app } = await running(t)
  const called = await openDaemon(directory, { op: 'connect', host: 'files.example', port: 9000 })
  called!.socket.write('half of it')
  const application = await app()
  application.once('data', () => called!.socket.destroy())
  const [error] = await once(application, 'error')
  assert.equal(error.code, 'ECONNRESET')
})

test('a client that goes away in the middle is said, and ends it with 1', async (t) => {
  const { directory, app, control } = await running(t)
  const command = connect(directory, empty())
  ;(await app()).write(pattern(SIZE))
  while (command.out().length < SIZE) await new Promise(setImmediate)
  await control[Symbol.asyncDispose]()
  assert.equal(await command.code, 1)
  assert.match(command.said(), /CLIENT_STOPPED/)
})

test('stdin and stdout as one stream: a write waits for its reader, and a break tells both', async () => {
  const stdout = new PassThrough({ highWaterMark: 1 })
  const stdin = new PassThrough()
  const stdio = new StdioStream(stdin, stdout)
  stdio.write(pattern(100_000))
  await new Promise(setImmediate)
  assert.equal(stdio.writableLength, 100_000)
  const broke = new Promise((resolve) => stdio.once('error', resolve))
  stdout.destroy(new Error('the reader is gone'))
  assert.match(String(await broke), /reader is gone/)
})

test('a command that is stopped does not wait for a client that has not answered', async (t) => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'stdio-'))
  const asked = Promise.withResolvers<net.Socket>()
  const silent = net
    .createServer((socket) => asked.resolve(socket))
    .listen(path.join(directory, 'control.sock'))
  await once(silent, 'listening')
  t.after(async () => {
    silent.close()
    await rm(directory, { recursive: true })
  })
  const stop = new AbortController()
  const code = runStdio({
    ...{ host: 'files.example', port: 9000, client: { stateDir: directory } as ClientOptions },
    ...{ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() },
    signal: stop.signal,
  })
  const socket = await asked.promise
  stop.abort()
  assert.equal(await code, 1)
  socket.destroy()
})

test('a command that is stopped while an application never ends leaves nothing open that keeps its process', async (t) => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'stdio-'))
  const closed: Promise<unknown>[] = []
  const asked = Promise.withResolvers<void>()
  const daemon = net
    .createServer((socket) => {
      closed.push(once(socket, 'close'))
      socket.on('error', () => {}).resume()
      socket.once('data', (line) => {
        const { op } = JSON.parse(String(line))
        // It never says how the session ended, as long as that is open at the other end.
        if (op === 'ended') return asked.resolve()
        socket.write('{"ok":true,"session":"ses_1"}\n', () => op === 'connect' && socket.end())
      })
    })
    .listen(path.join(directory, 'control.sock'))
  await once(daemon, 'listening')
  t.after(async () => {
    daemon.close()
    await rm(directory, { recursive: true })
  })
  const stop = new AbortController()
  const code = runStdio({
    ...{ host: 'files.example', port: 9000, client: { stateDir: directory } as ClientOptions },
    ...{ stdin: empty(), stdout: new PassThrough().resume(), stderr: new PassThrough() },
    signal: stop.signal,
  })
  await asked.promise
  stop.abort()
  assert.equal(await code, 1)
  await Promise.all(closed)
})

test('what is known of the application is said as the session begins, and once that nothing was answered', async (t) => {
  const note = new Fault('PATH_MTU', 'files.example:9000: large packets are lost, says dc1-a')
  const { directory, app } = await running(t, [note])
  const stdin = new PassThrough()
  const command = connect(directory, stdin, 20)
  stdin.write('question')
  const application = await app()
  while (!command.said().includes('APP_SILENT')) await new Promise(setImmediate)
  const lines = command.said().split('\n')
  assert.equal(
    lines[0],
    `backstitch: PATH_MTU (${note.hop}): files.example:9000: large packets are lost, says dc1-a; more: backstitch doctor client --app files.example:9000`,
  )
  assert.match(
    lines[1]!,
    /^backstitch: APP_SILENT \(application\): files\.example:9000: connected, but no answer/,
  )
  application.end('answer')
  stdin.end()
  assert.equal(await command.code, 0)
  assert.equal(command.out().toString(), 'answer')
})
