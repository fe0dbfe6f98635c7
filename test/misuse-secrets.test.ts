import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { freePort } from '../bench/ports.ts'
import { descendants } from '../bench/usage.ts'
import { openTestProxy } from '../src/link/dial/proxy.fixture.ts'
import { read, serveEcho } from './client-traffic.ts'
import { Installation, PASSWORD, PROGRAM } from './installation.ts'
import { finish } from './program.ts'

const PROXY_PASSWORD = 'canary-of-the-proxy'
const WRONG_PASSWORD = 'canary-that-is-wrong'
const HEALTHY = 6

/** Command line and environment of every process below this one, looked at again and again. */
function watchProcesses() {
  const seen = new Set<string>()
  const look = () => {
    for (const pid of descendants(process.pid)) {
      for (const what of ['cmdline', 'environ']) {
        try {
          seen.add(readFileSync(`/proc/${pid}/${what}`, 'latin1'))
        } catch {
          // It has ended.
        }
      }
    }
  }
  // A look reads all of /proc: more often it would take the processor from what it watches. No program here is shorter.
  const timer = setInterval(look, 100)
  return {
    stop() {
      look()
      clearInterval(timer)
      return [...seen]
    },
  }
}

test('no secret is in a log at level trace, on a command line, in an environment, or in clear in the store', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'backstitch-secrets-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  await using proxy = await openTestProxy({ auth: `user:${PROXY_PASSWORD}` })
  await using echo = await serveEcho()
  const watched = watchProcesses()
  const trace = { BACKSTITCH_LOG_LEVEL: 'trace' }
  const reach = { domains: ['localhost'], tcp: [`${echo.port}`], addressCidrs: ['127.0.0.0/8', '::1/128'] }
  await using installation = await Installation.start({
    ...{ dir, reach },
    env: { server: trace, connector: trace, client: trace },
  })
  writeFileSync(installation.proxyFile, `http://user:${PROXY_PASSWORD}@127.0.0.1:${proxy.port}\n`, {
    mode: 0o600,
  })

  const name = await installation.addConnector()
  const provisioning = installation.keys.get(name)!.trim().split('|').at(-1)!
  const connector = installation.startConnector(name)
  const listening = { host: '127.0.0.1', port: await freePort() }
  const login = installation.signInCommand({ listen: `127.0.0.1:${listening.port}` })
  const wrong = path.join(dir, 'wrong')
  writeFileSync(wrong, WRONG_PASSWORD, { mode: 0o600 })
  const refused = await finish([...login.slice(0, -1), wrong] as unknown as typeof login, { env: trace })
  assert.notEqual(refused.code, 0)
  const signedIn = await finish(login, { env: trace })
  assert.equal(signedIn.code, 0, signedIn.stderr)
  await installation.startClient()
  await installation.passed(connector, HEALTHY)

  // A session, a denial, and a look with a token that is none.
  const socket = net.connect(listening.port, listening.host)
  socket.write(`CONNECT localhost:${echo.port} HTTP/1.1\r\nHost: localhost:${echo.port}\r\n\r\n`)
  await read(socket, 'HTTP/1.1 200'.length)
  socket.destroy()
  const denied = net.connect(listening.port, listening.host)
  denied.write(
    `CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\nProxy-Authorization: Basic ${WRONG_PASSWORD}\r\n\r\n`,
  )
  await read(denied, 'HTTP/1.1 403'.length)
  denied.destroy()
  const commands = [
    await installation.command('get', 'sessions'),
    await installation.command('--json', 'get', 'audit'),
    await installation.command('get', 'connectors', '-o', 'json').catch(String),
    (await finish([PROGRAM, ...installation.clientFlags, 'status'], { env: trace })).stdout,
    (await finish([PROGRAM, 'connector', '--explain-egress', '--config', path.join(dir, `${name}.yaml`)]))
      .stdout,
  ]
  assert.ok(proxy.asked.length >= 3, 'agents went through the proxy')

  const token = readFileSync(path.join(dir, 'server', 'admin.token'), 'utf8').trim()
  const master = readFileSync(path.join(dir, 'server', 'master.key'), 'utf8').trim()
  const SECRETS: Record<string, string | RegExp> = {
    'the password': PASSWORD,
    'a password that was wrong': WRONG_PASSWORD,
    'the password of the proxy': PROXY_PASSWORD,
    'the login at the proxy': Buffer.from(`user:${PROXY_PASSWORD}`).toString('base64'),
    'the provisioning key': provisioning.slice(0, 40),
    'the admin token': token,
    'the master key': master.slice(0, 40),
    'a grant or ticket': /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/,
    'a private key': /PRIVATE KEY/,
    'the hash of a password': /\$argon2id\$/,
  }
  const has = (text: string, secret: string | RegExp) =>
    typeof secret === 'string' ? text.includes(secret) : secret.test(text)

  const processes = watched.stop()
  assert.ok(
    processes.some((text) => text.includes('client') && text.includes('login')),
    'commands were seen',
  )
  const places: [name: string, text: string][] = [
    ...processes.map((text): [string, string] => [`/proc: ${text.slice(0, 80)}`, text]),
    ...globSync('*.log', { cwd: dir }).map((file): [string, string] => [
      file,
      readFileSync(path.join(dir, file), 'utf8'),
    ]),
    ...commands.map((text): [string, string] => [`output: ${text.slice(0, 40)}`, text]),
    ['login', refused.stderr + refused.stdout + signedIn.stderr + signedIn.stdout],
    ...globSync('server/backstitch.db*', { cwd: dir }).map((file): [string, string] => [
      file,
      readFileSync(path.join(dir, file), 'latin1'),
    ]),
  ]
  assert.ok(
    places.some(([name, text]) => name === 'client.log' && text.includes('"level":"debug"')),
    'trace was on',
  )
  for (const [place, text] of places) {
    for (const [what, secret] of Object.entries(SECRETS)) {
      // The one place where the first token is shown, asked for as JSON; and the hash belongs in the store.
      if (place === 'server.log' && what === 'the admin token') assert.equal(text.split(token).length, 2)
      else if (place.startsWith('server/') && what === 'the hash of a password') continue
      else assert.equal(has(text, secret), false, `${what} is in ${place}`)
    }
  }

  const secretFiles = globSync(
    ['server/{master.key,backstitch.db*,admin.token,context.json}', 'client/*.json', `${name}/*.json`],
    { cwd: dir },
  )
  assert.ok(secretFiles.length >= 6, secretFiles.join())
  for (const file of secretFiles) assert.equal(statSync(path.join(dir, file)).mode & 0o077, 0, file)
})
