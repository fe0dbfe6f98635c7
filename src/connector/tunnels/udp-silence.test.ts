import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { newId } from '../../base/ids.ts'
import { openStage, USERS, type User, untilSeen } from './silence.fixture.ts'

/** An application that takes datagrams, and a connector whose clock stands still. */
async function stage(t: TestContext, answers: (text: string) => boolean) {
  const app = dgram.createSocket('udp4')
  let heard = 0
  app.on('message', (datagram, { port, address }) => {
    heard++
    if (answers(String(datagram))) app.send(datagram, port, address)
  })
  app.bind(0, '127.0.0.1')
  await once(app, 'listening')
  const segment = newId('seg')
  const { tunnel, pass, words } = await openStage()
  t.after(async () => {
    await tunnel[Symbol.asyncDispose]()
    await new Promise<void>((resolve) => app.close(() => resolve()))
  })
  const { silence } = tunnel
  /** One flow, from its first datagram to where the application has it, and the answer has come where there is one. */
  const ask = async (user: User, text = 'question') => {
    const jws = await tunnel.grant({ user: USERS[user], segment })
    const { stream, opened } = tunnel.open(jws, { protocol: 'udp', port: app.address().port })
    let back = 0
    stream.onDatagram = () => void back++
    const before = heard
    stream.sendDatagram(Buffer.from(text))
    await opened
    await untilSeen(() => heard > before && (back > 0 || !answers(text)))
    await tunnel.client.ping()
    pass(1)
    return stream
  }
  return { pass, ask, silence, words, app, heard: () => heard }
}

const three = async (ask: (user: User) => Promise<unknown>, pass: (s: number) => void) => {
  for (const user of ['ada', 'bob', 'ada'] as const) {
    await ask(user)
    pass(2)
  }
}

test('datagrams that were answered and are no more are a silence, told at once; the first answer ends it', async (t) => {
  let isWell = true
  const { app, ask, pass, silence, words } = await stage(t, () => isWell)
  await three(ask, pass)
  isWell = false
  await three(ask, pass)
  assert.equal(silence.silent, 0, 'nobody has waited for long')
  pass(5)
  const [note] = silence.notes
  assert.deepEqual([note?.code, note?.hop], ['APP_SILENT', 'application'])
  assert.match(
    note!.detail,
    /^app\.example:\d+\/udp: silent since \S+: 3 flows of 2 users sent it datagrams and received none$/,
  )
  const { saw, fix } = note!.seen as { saw: string[]; fix: string[] }
  assert.match(saw.join('\n'), /^the last sent 8 B and had no answer for [56] s\nlast answer \d{4}-\S+Z$/)
  assert.equal(
    fix[0],
    `on this connector, during a user's request: tcpdump -ni any udp and host 127.0.0.1 and port ${app.address().port}`,
  )
  assert.equal(words().at(-1), 'APP_SILENT')
  isWell = true
  await ask('bob')
  assert.deepEqual(silence.notes, [])
  await untilSeen(() => words().at(-1) === 'well')
})

test('what goes one way is no silence, however many send and however long', async (t) => {
  const { ask, pass, silence, words } = await stage(t, () => false)
  for (let times = 0; times < 5; times++) {
    await three(ask, pass)
    pass(60)
  }
  assert.deepEqual(silence.notes, [])
  assert.ok(!words().includes('APP_SILENT'))
})

test('reports that need no answer, beside questions that get one, are no silence', async (t) => {
  const { ask, pass, silence, words } = await stage(t, (text) => text === 'question')
  const reports = async () => {
    for (let times = 0; times < 3; times++) {
      await ask('ada', 'trap')
      pass(1)
    }
  }
  await three(ask, pass)
  await reports()
  await ask('ada')
  pass(60)
  await reports()
  pass(60)
  assert.ok(!words().includes('APP_SILENT'))
  assert.equal(silence.silent, 0)
})

test('a flow that was answered may end with what needs no answer', async (t) => {
  const { ask, pass, silence, heard } = await stage(t, (text) => text === 'question')
  const streams = [await ask('ada'), await ask('bob'), await ask('ada'), await ask('bob')]
  for (const stream of streams) stream.sendDatagram(Buffer.from('bye'))
  await untilSeen(() => heard() === 8)
  pass(60)
  assert.equal(silence.silent, 0)
})
