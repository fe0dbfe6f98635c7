/** What becomes of the records of sessions where there are many at once, and where agents are killed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../bench/ports.ts'
import { descendants } from '../bench/usage.ts'
import { serveEcho } from './client-traffic.ts'
import { Installation } from './installation.ts'

async function open(t: TestContext) {
  const dir = mkdtempSync(path.join(tmpdir(), 'backstitch-records-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const app = await serveEcho()
  t.after(() => app[Symbol.asyncDispose]())
  const reach = { domains: ['localhost'], addressCidrs: ['127.0.0.0/8', '::1/128'], tcp: [`${app.port}`] }
  const installation = await Installation.start({ dir, reach })
  t.after(() => installation[Symbol.asyncDispose]())
  const name = await installation.addConnector()
  const startConnector = async () => {
    const child = installation.startConnector(name)
    await installation.passed(child, 6)
    return child
  }
  const forward = { host: '127.0.0.1', port: await freePort() }
  await installation.signIn({ listen: 'off', forwards: [`127.0.0.1:${forward.port} localhost:${app.port}`] })
  const books = new DatabaseSync(path.join(dir, 'server', 'backstitch.db'), { readOnly: true })
  t.after(() => books.close())
  const count = (where: string) =>
    Number(books.prepare(`select count(*) as n from session ${where}`).get()!.n)
  const untilCount = async (where: string, wanted: number) => {
    const untilMs = performance.now() + 60_000
    while (count(where) !== wanted) {
      assert.ok(performance.now() < untilMs, `${count(where)} of ${wanted} ${where}`)
      await delay(50)
    }
  }
  /** Whether it listens is looked at with a connection, which is a session. @param before Those that are in the books. */
  return { installation, forward, startConnector, count, untilCount }
}

/** A session that is open: its first byte has come back. */
async function connect(to: net.NetConnectOpts): Promise<net.Socket> {
  const socket = net.connect(to)
  socket.on('error', () => {})
  socket.write('x')
  await once(socket, 'data')
  return socket
}

async function shortSessions(to: net.NetConnectOpts, count: number): Promise<void> {
  let left = count
  const worker = async () => {
    while (left-- > 0) {
      const socket = await connect(to)
      const closed = once(socket, 'close')
      socket.end()
      await closed
    }
  }
  await Promise.all(Array.from({ length: 32 }, worker))
}

test('thousands of sessions at once: every record arrives, and no connection to control is lost over them', async (t) => {
  const { installation, forward, startConnector, count, untilCount } = await open(t)
  const [connector, client] = [await startConnector(), await installation.startClient()]
  await shortSessions(forward, 1500)
  const idle: net.Socket[] = []
  while (idle.length < 3000) {
    idle.push(...(await Promise.all(Array.from({ length: 100 }, () => connect(forward)))))
  }
  await untilCount("where state = 'open'", 3000)
  for (const socket of idle) socket.destroy()
  await untilCount("where state = 'closed'", 4500)
  assert.equal(count(''), 4500)
  for (const agent of [connector, client]) {
    assert.deepEqual(installation.logged(agent, 'control.down'), [])
    assert.deepEqual(installation.logged(agent, 'control.disconnected'), [])
    assert.deepEqual(installation.logged(agent, 'session-report.shed'), [])
  }
})

test('client and connector are killed at once: the records that waited are told after the next start', async (t) => {
  const { installation, forward, startConnector, untilCount } = await open(t)
  const [connector, client] = [await startConnector(), await installation.startClient()]
  await shortSessions(forward, 400)
  // The server takes nothing any more: what ends now waits at the agents.
  const server = [installation.server.pid, ...descendants(installation.server.pid)]
  for (const pid of server) process.kill(pid, 'SIGSTOP')
  try {
    await Promise.all([connector, client].map((child) => installation.stop(child, 'SIGKILL')))
  } finally {
    for (const pid of server) process.kill(pid, 'SIGCONT')
  }
  await startConnector()
  await installation.startClient()
  await untilCount("where state = 'closed'", 400)
})
