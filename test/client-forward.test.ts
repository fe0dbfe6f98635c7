/**
 * What the person sees who runs `client forward`, as the real program, when what is asked through it comes to nothing.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { createLog } from '../src/base/log.ts'
import { type ClientSite, openClientSite } from './client-site.ts'
import { serveTcp } from './client-traffic.ts'

const PROGRAM = path.resolve('bin/backstitch')

/** The program, whose standard error is read line by line. */
function openForward(t: TestContext, site: ClientSite, args: readonly string[], json = false) {
  const flags = ['client', '--state', site.clientDir, 'forward', ...args, ...(json ? ['--json'] : [])]
  const child = spawn(PROGRAM, flags, {
    env: { ...process.env, BACKSTITCH_CLIENT_CONFIG: '/dev/null', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const lines = createInterface(child.stderr)[Symbol.asyncIterator]()
  return { child, said: async () => String((await lines.next()).value) }
}

async function openSignedIn(t: TestContext): Promise<ClientSite> {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.connector('connector')
  await site.signIn()
  return site
}

/** Where something listened and nothing does. */
async function unusedPort(): Promise<number> {
  await using app = await serveTcp(() => {})
  return app.port
}

/** Connects, asks, and waits for the end, whatever it is. */
async function ask(address: string): Promise<void> {
  const at = address.lastIndexOf(':')
  const socket = net.connect(Number(address.slice(at + 1)), address.slice(0, at))
  socket.on('error', () => {}).write('ask')
  socket.resume()
  await new Promise((closed) => socket.once('close', closed))
}

const AT = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`

for (const daemon of [true, false]) {
  const how = daemon ? 'through the running client' : 'with a client of its own'
  test(`client forward, ${how}: says where it leads, and one line of why nothing comes through it`, async (t) => {
    const site = await openSignedIn(t)
    if (daemon) await site.client()
    const to = `localhost:${await unusedPort()}`
    const { child, said } = openForward(t, site, ['127.0.0.1:0', to])
    const start = await said()
    const doctor = `backstitch doctor client --app ${to}`
    const [, address] = /^(127\.0\.0\.1:\d+) leads to /.exec(start) ?? assert.fail(start)
    assert.equal(start, `${address} leads to ${to}. If nothing comes through: ${doctor}. Ctrl-C ends it.`)
    for (let times = 0; times < 3; times++) await ask(address!)
    const line = await said()
    assert.match(
      line,
      new RegExp(
        `^${AT} ${to}: APP_REFUSED \\(application\\): The application refused the connection: .*; ` +
          `more: ${doctor}; or ask an admin: backstitch trace ada ${to}$`,
      ),
    )
    if (daemon) return // the count of what came since is in its log, too, and comes at the end of the minute
    child.kill('SIGINT')
    assert.match(
      await said(),
      new RegExp(`^${AT} ${to}: APP_REFUSED \\(application\\), 2 times more within a minute: `),
    )
  })
}

test('client forward: a session that breaks off, and JSON for programs', async (t) => {
  const lines: Record<string, unknown>[] = []
  const log = createLog('client', {
    level: 'warn',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  })
  const app = await serveTcp((socket) => socket.once('data', () => socket.resetAndDestroy()))
  t.after(() => app[Symbol.asyncDispose]())
  const site = await openSignedIn(t)
  await site.client({ log })
  const to = `localhost:${app.port}`
  const { child, said } = openForward(t, site, ['127.0.0.1:0', to], true)
  const [listening] = await once(child.stdout, 'data')
  const address = JSON.parse(String(listening)).listening
  await ask(address)
  const { at, detail, ...trouble } = JSON.parse(await said())
  assert.match(at, new RegExp(`^${AT}$`))
  assert.equal(typeof detail, 'string')
  const more = `backstitch doctor client --app ${to}`
  assert.deepEqual(trouble, {
    ...{ to, code: 'APP_RESET', hop: 'application', title: 'The application reset the connection' },
    ...{ times: 1, more, ask: `backstitch trace ada ${to}` },
  })
  const [broke] = lines.filter(({ event }) => event === 'session.broke')
  assert.match(
    String(broke?.msg),
    new RegExp(
      `^tcp/${to} broke off: APP_RESET \\(application\\): .*; more: ${more}; or ask an admin: backstitch trace ada ${to}$`,
    ),
  )
})

test('client forward: a UDP port says it, too', async (t) => {
  const site = await openSignedIn(t)
  await site.client()
  const { said } = openForward(t, site, ['udp/127.0.0.1:0', 'narrow.test:53'])
  const [, port] = /^127\.0\.0\.1:(\d+) leads to /.exec(await said())!
  const { createSocket } = await import('node:dgram')
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.send('ask', Number(port), '127.0.0.1')
  assert.match(
    await said(),
    /narrow\.test:53: CLIENT_WRONG_PORT \(client\): .*; more: backstitch doctor client --app narrow\.test:53; or ask an admin: backstitch describe denial den_\w+$/,
  )
})
