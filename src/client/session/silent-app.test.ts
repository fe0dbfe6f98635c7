import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { openForward } from '../entry/forward-listener.ts'
import { openProxy, serveRaw } from '../entry/local-proxy.fixture.ts'

async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await immediate()
}

/** An application behind a real tunnel, and programs that go through the local proxy while a clock of the test runs. */
async function stage(t: TestContext, answers: () => boolean) {
  let nowMs = 1_000_000
  const app = await serveRaw((socket) => {
    socket.on('end', () => socket.end())
    socket.on('data', () => answers() && socket.write('HTTP/1.1 204 No Content\r\n\r\n'))
  })
  const proxy = await openProxy({ now: () => nowMs })
  t.after(async () => {
    await proxy[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
  })
  const pass = (s: number) => {
    for (let second = 0; second < s; second++) {
      nowMs += 1000
      proxy.silence.look()
    }
  }
  const ask = async () => {
    const { total } = proxy.opener.totals
    const program = proxy.dial()
    program.write(`CONNECT app.example:${app.port} HTTP/1.1\r\nHost: app.example:${app.port}\r\n\r\n`)
    await once(program, 'data')
    program.resume().write('GET / HTTP/1.1\r\n\r\n')
    const [session] = [...proxy.opener.live].slice(-1)
    assert.equal(proxy.opener.totals.total, total + 1)
    await until(() => session!.bytesOut > 0)
    pass(1)
    return { program, session: session! }
  }
  const giveUp = async ({ program }: Awaited<ReturnType<typeof ask>>) => {
    const { live } = proxy.opener
    const before = live.size
    program.end()
    await until(() => live.size < before)
  }
  return { proxy, app, pass, ask, giveUp }
}

test('whoever waits in vain reads that the application is silent, not their device; the first answer ends it', async (t) => {
  let answers = false
  const { proxy, app, pass, ask, giveUp } = await stage(t, () => answers)
  for (let times = 0; times < 3; times++) {
    const one = await ask()
    pass(5)
    await giveUp(one)
    if (times > 0) continue
    await until(() => proxy.opener.notesOf(one.session).length > 0)
    const [first] = proxy.opener.notesOf(one.session)
    assert.match(first!.detail, /1 session sent data and received no byte$/, 'to whoever asks about it')
    assert.deepEqual(proxy.silence.notes, [], 'one alone proves nothing')
  }
  await until(() => proxy.silence.notes.length > 0)
  const [note] = proxy.silence.notes
  assert.deepEqual([note?.code, note?.hop], ['APP_SILENT', 'application'])
  assert.match(
    note?.detail ?? '',
    new RegExp(`^app\\.example:${app.port}: silent since \\S+: 3 sessions sent data and received no byte$`),
  )
  assert.deepEqual(note?.seen.saw, [
    'the last sent 18 B and gave up after 5 s',
    'none was answered before',
    'the connector connected to 127.0.0.1 each time, and the tunnel to it stands',
  ])
  answers = true
  const { session } = await ask()
  await until(() => session.bytesIn > 0)
  pass(1)
  assert.deepEqual(proxy.silence.notes, [])
  assert.deepEqual(proxy.opener.notesOf(session), [])
})

test('an answer that is read, and a connection that is kept idle and then closed, are no silence', async (t) => {
  const { proxy, pass, ask, giveUp } = await stage(t, () => true)
  for (let times = 0; times < 4; times++) {
    const one = await ask()
    await until(() => one.session.bytesIn > 0)
    pass(60)
    await giveUp(one)
  }
  for (let turn = 0; turn < 20; turn++) await immediate()
  assert.deepEqual(proxy.silence.notes, [])
})

test('of a tunnel that does not answer itself nothing is said about the application', async (t) => {
  const { proxy, pass, ask } = await stage(t, () => false)
  const sessions = [await ask(), await ask()]
  pass(3)
  sessions.push(await ask())
  pass(5)
  const { mux } = sessions[0]!.session.tunnel!
  mux.ping = () => Promise.reject(new Error('silent'))
  for (const { program } of sessions) program.end()
  await until(() => sessions.every(({ session }) => session.over || session.stream!.localEnded))
  pass(5)
  for (let turn = 0; turn < 20; turn++) await immediate()
  assert.deepEqual(proxy.silence.notes, [])
})

test('while two requests hang the status says so, one of them in words; a forward says it to whoever runs it', async (t) => {
  let answers = true
  const { proxy, app, pass, ask } = await stage(t, () => answers)
  const first = await ask()
  await until(() => first.session.bytesIn > 0)
  pass(1)
  answers = false
  const heard: string[] = []
  const forward = await openForward(
    { protocol: 'tcp', local: { host: '127.0.0.1', port: 0 }, host: 'app.example', port: app.port },
    { ...proxy, trouble: ({ code, detail }) => heard.push(`${code} ${detail}`) },
  )
  t.after(() => forward[Symbol.asyncDispose]())
  const program = net.connect(Number(forward.local.split(':')[1]), '127.0.0.1')
  program.on('error', () => {}).write('GET / HTTP/1.1\r\n\r\n')
  t.after(() => program.destroy())
  const { live } = proxy.opener
  // OPENED of a program that has spoken comes with the answer, here a moment later.
  await until(() => live.size === 2 && [...live].every(({ isOpen, bytesOut }) => isOpen && bytesOut > 0))
  const session = [...proxy.opener.live].at(-1)!
  const turns = async (s: number) => {
    for (let second = 0; second < s; second++) {
      pass(1)
      await session.tunnel!.mux.ping()
      await immediate()
    }
  }
  await turns(8)
  assert.deepEqual([proxy.silence.waiting.length, heard], [0, []])
  assert.match(proxy.opener.notesOf(session)[0]?.detail ?? '', /1 session sent data and received no byte$/)
  await turns(6)
  assert.deepEqual([proxy.silence.waiting[0]?.sessions, proxy.silence.notes.length], [1, 0])
  assert.equal(heard.length, 1)
  assert.match(
    heard[0]!,
    /^APP_SILENT app\.example:\d+: silent since \S+: 1 session sent data and received no byte$/,
  )
  await ask()
  await turns(13)
  assert.match(proxy.silence.notes[0]?.detail ?? '', /: 2 sessions sent data and received no byte$/)
  assert.equal(heard.length, 1)
})
