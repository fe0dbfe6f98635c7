import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { newId } from '../../base/ids.ts'
import type { Lossy } from '../../probe/stalls.ts'
import { openStage, USERS, type User, untilSeen } from './silence.fixture.ts'

/** An application, a connector whose clock stands still, and users who come one after the other. */
async function stage(
  t: TestContext,
  serve: (socket: net.Socket) => void,
  isLost = (): Lossy['is'] | false => false,
  sentAgoMs = (): number | undefined => undefined,
) {
  const sockets: net.Socket[] = []
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => {}))
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let asked = 0
  const segment = newId('seg')
  const { tunnel, pass, words } = await openStage({
    lossy: async () => {
      asked++
      const is = isLost()
      const saw = 'backoff:3 unacked:1'
      return is
        ? sockets.map(({ remotePort }) => ({ is, nearPort: remotePort!, sentAgoMs: sentAgoMs(), saw }))
        : []
    },
  })
  t.after(async () => {
    await tunnel[Symbol.asyncDispose]()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as net.AddressInfo
  const { silence } = tunnel
  const open = async (user: User) => {
    const jws = await tunnel.grant({ user: USERS[user], segment })
    const { stream, session, opened, closed } = tunnel.open(jws, { port })
    await opened
    const listening = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const at = listening.address() as net.AddressInfo
    const program = net.connect({ port: at.port, host: '127.0.0.1', allowHalfOpen: true })
    const [[local]] = await Promise.all([
      once(listening, 'connection') as Promise<[net.Socket]>,
      once(program, 'connect'),
    ])
    listening.close()
    program.on('error', () => {})
    stream.attach(local)
    /** Resolves when the connector has it. */
    const say = async (text: string) => {
      const before = stream.bytesOut
      program.write(text)
      await untilSeen(() => stream.bytesOut > before)
      await tunnel.client.ping()
    }
    /** The program says no more, and the connector knows. */
    const end = async () => {
      program.end()
      await untilSeen(() => local.readableEnded)
      await tunnel.client.ping()
    }
    return { program, session, closed, stream, say, end }
  }
  /** Sends a request; with `answered` resolves when the answer is here. */
  const ask = async (user: User, answered = false) => {
    const opened = await open(user)
    await opened.say('GET / HTTP/1.1\r\n\r\n')
    if (answered) await untilSeen(() => opened.stream.bytesIn > 0)
    pass(1)
    return opened
  }
  return { asked: () => asked, sockets, tunnel, pass, open, ask, words, silence }
}

test('users who ask, wait and give up are a silence, told at once; the first answer ends it', async (t) => {
  let answers = false
  const { tunnel, pass, ask, words, silence } = await stage(t, (socket) => {
    socket.on('end', () => socket.end())
    socket.on('data', () => answers && socket.write('HTTP/1.1 204 No Content\r\n\r\n'))
  })
  for (const user of ['ada', 'bob', 'ada'] as const) {
    const { session, closed, end } = await ask(user)
    pass(5)
    await end()
    await closed
    const record = await tunnel.record(session)
    assert.equal(record.closeReason, 'done')
    assert.equal(record.closeDetail, '18 B sent, no answer in 5 s')
  }
  await untilSeen(() => words().includes('APP_SILENT'))
  const [note] = silence.notes
  assert.match(
    note?.detail ?? '',
    /: silent since \S+: 3 sessions of 2 users sent data and received no byte$/,
  )
  assert.deepEqual(note?.seen.saw, ['the last sent 18 B and gave up after 5 s', 'none was answered before'])
  answers = true
  await ask('ada', true)
  assert.deepEqual(silence.notes, [])
  await untilSeen(() => words().at(-1) === 'well')
})

test('an application that is stopped takes no end either: whoever ended its side has given up all the same', async (t) => {
  const { pass, ask, silence } = await stage(t, () => {})
  for (const user of ['ada', 'bob', 'eve'] as const) {
    const { end } = await ask(user)
    await end()
  }
  pass(5)
  assert.equal(silence.notes[0]?.code, 'APP_SILENT')
})

test('a silence whose reason is known is told as that reason only, and is counted anew once that has gone', async (t) => {
  const { tunnel, pass, ask, words, silence } = await stage(t, () => {})
  const inVain = async () => {
    for (const user of ['ada', 'bob', 'eve'] as const) {
      const { end } = await ask(user)
      await end()
    }
    pass(5)
  }
  await inVain()
  const { host, port, segment } = tunnel.told.findLast((message) => message.type === 'reach')!
  const application = { host, port, segment }
  assert.equal(silence.notes.length, 1)
  silence.explained(application, true)
  assert.equal(silence.notes.length, 0)
  await untilSeen(() => words().at(-1) === 'well')
  await inVain()
  assert.equal(silence.notes.length, 0)
  silence.explained(application, false)
  assert.equal(silence.notes.length, 0)
  await inVain()
  assert.equal(silence.notes[0]?.code, 'APP_SILENT')
})

test('an application that is only written to, and one that greets, are well', async (t) => {
  const oneWay = await stage(t, (socket) => socket.resume())
  for (const user of ['ada', 'bob', 'eve'] as const) {
    const { say, end } = await oneWay.ask(user)
    for (let line = 0; line < 3; line++) {
      oneWay.pass(3)
      await say('<14>1 a line\n')
      oneWay.pass(1)
    }
    oneWay.pass(8)
    await end()
    oneWay.pass(8)
  }
  assert.deepEqual(oneWay.silence.notes, [])
  const greeting = await stage(t, (socket) => void socket.write('220 mail\r\n'))
  for (const user of ['ada', 'bob', 'eve'] as const) {
    const { end, stream } = await greeting.open(user)
    await untilSeen(() => stream.bytesIn > 0)
    greeting.pass(60)
    await end()
    greeting.pass(8)
  }
  assert.deepEqual(greeting.silence.notes, [])
})

test('what the kernel says is not acknowledged is lost on the way; an answer after such a pause ends it', async (t) => {
  let isOn = true
  const { pass, ask, silence } = await stage(
    t,
    (socket) => socket.on('data', () => isOn && socket.write('HTTP/1.1 204 No Content\r\n\r\n')),
    () => !isOn && 'unacknowledged',
  )
  const users = await Promise.all((['ada', 'ada', 'ada'] as const).map((user) => ask(user, true)))
  pass(30)
  isOn = false
  for (const { say } of users) await say('GET / HTTP/1.1\r\n\r\n')
  pass(1)
  assert.equal(silence.notes.length, 0)
  pass(3)
  await untilSeen(() => silence.notes.length > 0)
  assert.match(
    silence.notes[0]?.detail ?? '',
    /in 3 sessions of 1 user the data sent after a pause of 3\d s or more is not acknowledged/,
  )
  isOn = true
  await ask('bob', true)
  pass(1)
  assert.equal(silence.notes.length, 1, 'a new connection proves nothing')
  const bob = await ask('bob', true)
  pass(31)
  const before = bob.stream.bytesIn
  await bob.say('GET / HTTP/1.1\r\n\r\n')
  await untilSeen(() => bob.stream.bytesIn > before)
  pass(1)
  assert.deepEqual(silence.notes, [])
})

test('downloads that stand in the middle are told where the kernel knows of a gap, and of idle ones it is asked once', async (t) => {
  let isOn = false
  const { asked, pass, ask, silence, sockets } = await stage(
    t,
    (socket) => socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n')),
    () => isOn && 'gap',
  )
  for (const user of ['ada', 'bob', 'eve'] as const) await ask(user, true)
  pass(3)
  await untilSeen(() => asked() === 1)
  for (let minute = 0; minute < 5; minute++) {
    pass(60)
    await immediate()
  }
  assert.deepEqual([silence.notes, asked()], [[], 1], 'connections that are kept, and idle')
  const [{ sessions, users, stillS } = assert.fail('none is still')] = silence.still
  assert.deepEqual([sessions, users, ...stillS], [3, 3, 303, 305])
  isOn = true
  const last = await ask('ada', true)
  pass(4)
  await untilSeen(() => silence.notes.length > 0)
  assert.match(
    silence.notes[0]?.detail ?? '',
    /: silent since \S+: in 4 sessions of 3 users some of what it sends is lost on the way, and the rest waits for that$/,
  )
  isOn = false
  const before = last.stream.bytesIn
  sockets.at(-1)!.write(Buffer.alloc(20_000))
  await untilSeen(() => last.stream.bytesIn === before + 20_000)
  pass(1)
  assert.deepEqual(silence.notes, [])
})

test('two whose requests hang are told while they wait, one of them as words; a slow answer ends it, and is remembered', async (t) => {
  let answers = true
  const { tunnel, sockets, pass, ask, words, silence } = await stage(t, (socket) =>
    socket.on('data', () => answers && socket.write('HTTP/1.1 204 No Content\r\n\r\n')),
  )
  await ask('ada', true)
  answers = false
  const first = await ask('ada')
  pass(11)
  assert.equal(silence.waiting.length, 0, 'nobody has waited for long')
  pass(1)
  const [one = assert.fail('nobody waits')] = silence.waiting
  assert.deepEqual([one.sessions, one.stillS, silence.notes.length], [1, [12, 12], 0])
  await untilSeen(() => tunnel.told.some((message) => message.type === 'reach' && message.waits === 1))
  const second = await ask('ada')
  pass(11)
  assert.equal(silence.notes.length, 0)
  pass(1)
  assert.match(silence.notes[0]?.detail ?? '', /: 2 sessions of 1 user sent data and received no byte$/)
  assert.deepEqual((silence.notes[0]!.seen.saw as string[])[0], 'the last sent 18 B and waits, for 12 s')
  await untilSeen(() => words().at(-1) === 'APP_SILENT')
  const { host, port, segment } = tunnel.told.findLast((message) => message.type === 'reach')!
  assert.equal(silence.soFar({ host, port, segment })?.code, 'APP_SILENT')
  sockets.at(-1)!.write('HTTP/1.1 200 OK\r\n\r\n')
  await untilSeen(() => second.stream.bytesIn > 0)
  assert.equal(silence.notes.length, 0, 'at once, for whoever asks')
  await untilSeen(() => words().at(-1) === 'well')
  await first.end()
  for (const user of ['ada', 'bob'] as const) await ask(user)
  pass(46)
  assert.equal(silence.notes.length, 0, 'one waited for 25 s here, and another was answered')
  pass(8)
  assert.equal(silence.notes.length, 1)
})

test('what hangs where answers are no rule is one way; what waits while others are answered is a poll', async (t) => {
  const lines = await stage(t, (socket) => socket.resume())
  for (const user of ['ada', 'bob', 'eve'] as const) await lines.ask(user)
  lines.pass(300)
  assert.deepEqual([lines.silence.notes, lines.silence.waiting], [[], []])
  let polls = true
  const polled = await stage(t, (socket) =>
    socket.on('data', () => polls || socket.write('HTTP/1.1 204 No Content\r\n\r\n')),
  )
  for (const user of ['ada', 'bob'] as const) await polled.ask(user)
  for (let times = 0; times < 4; times++) {
    polled.pass(10)
    polls = false
    await polled.ask('eve', true)
    polls = true
  }
  assert.deepEqual(polled.silence.notes, [])
  for (const user of ['ada', 'bob'] as const) await polled.ask(user)
  polled.pass(60)
  assert.deepEqual([polled.silence.notes, polled.silence.waiting], [[], []])
})

test('after the cure nothing old is told: what was last sent before an answer came is late', async (t) => {
  let isOn = false
  let sentAgoMs = 100
  const { pass, ask, silence, sockets } = await stage(
    t,
    (socket) => socket.on('data', () => isOn && socket.write('HTTP/1.1 204 No Content\r\n\r\n')),
    () => 'unacknowledged',
    () => sentAgoMs,
  )
  for (const user of ['ada', 'bob', 'eve'] as const) await ask(user)
  pass(4)
  await untilSeen(() => silence.notes.length > 0)
  isOn = true
  await ask('ada', true)
  assert.deepEqual(silence.notes, [])
  for (sentAgoMs = 2000; sentAgoMs < 12_000; sentAgoMs += 1000) {
    pass(1)
    await immediate()
    assert.deepEqual(silence.notes, [], `${sockets.length} old sockets wait for their next try`)
  }
  sentAgoMs = 500
  pass(61)
  await untilSeen(() => silence.notes.length > 0)
})
