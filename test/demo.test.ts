import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chownSync, globSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import {
  backstitch,
  choosePorts,
  demoFolder,
  processesWith,
  RunningDemo,
  readExactly,
  socks5,
} from './demo.fixture.ts'
import { needs } from './needs.ts'

/** Where the demo put its application on this machine. */
function application(text: string): { host: string; echoPort: number } {
  const match = /connect (\S+) (\d+)/.exec(text)
  assert.ok(match, text)
  return { host: match[1]!, echoPort: Number(match[2]) }
}

async function echoThrough(proxyPort: number, text: string): Promise<void> {
  const { host, echoPort } = application(text)
  const socket = await socks5(proxyPort, host, echoPort)
  socket.write('over and back')
  assert.equal((await readExactly(socket, 13)).toString(), 'over and back')
  socket.destroy()
}

/** Nothing of the demo in `folder` is left on this machine. */
function assertNothingLeft(folder: string, text: string): void {
  assert.deepEqual(processesWith(folder), [])
  const edge = /edge at https:\/\/([\d.]+):/.exec(text)?.[1]
  const addresses = Object.values(os.networkInterfaces()).flatMap((all) => all?.map((one) => one.address))
  if (edge !== '127.0.0.1')
    assert.ok(!addresses.includes(edge), 'the interface towards the connector is gone')
}

test('the demo shows the path, ends within two seconds, and goes on at the second start', async () => {
  using folder = demoFolder()
  const { proxyPort } = await choosePorts(folder.path)
  await using first = await RunningDemo.start(folder.path)
  assert.match(first.text, /One request through the whole path: 200/)
  assert.match(first.text, /edge +handover +[\d.]+ ms/)
  assert.match(first.text, /admin token +bst_\S+/)
  await echoThrough(proxyPort, first.text)
  const session = /describe session (ses_\w+)/.exec(first.text)![1]!
  const described = await backstitch(folder.path, ['describe', 'session', session])
  assert.match(described, /user +demo /)
  assert.match(described, /close +done/)
  assert.match(described, /end-to-end TLS/)
  const connectors = JSON.parse(await backstitch(folder.path, ['get', 'connectors', '--json']))
  assert.equal(connectors.length, 1)
  assert.equal(connectors[0].state, 'healthy')
  assert.match(await backstitch(folder.path, ['status']), /connector +healthy/)
  const ofServer = await backstitch(folder.path, ['status', '--state', '.backstitch/control'])
  assert.match(ofServer, /^edge +connected[\s\S]*\ncontrol plane +https:/)
  assert.match(await backstitch(folder.path, ['audit', 'verify']), /^chain intact/)
  const tookMs = await first.interrupt()
  assert.ok(tookMs < 2000, `${tookMs} ms`)
  assertNothingLeft(folder.path, first.text)

  await using second = await RunningDemo.start(folder.path)
  assert.doesNotMatch(second.text, /admin token/)
  await echoThrough(proxyPort, second.text)
  const again = JSON.parse(await backstitch(folder.path, ['get', 'connectors', '--json']))
  assert.deepEqual(
    again.map((one: { id: string }) => one.id),
    connectors.map((one: { id: string }) => one.id),
  )
  await second.interrupt()
})

test('kill -9 of the demo leaves nothing running and does not hold up the next start', async () => {
  using folder = demoFolder()
  const { proxyPort } = await choosePorts(folder.path)
  await using first = await RunningDemo.start(folder.path)
  first.child.kill('SIGKILL')
  await first.exited
  await using second = await RunningDemo.start(folder.path)
  await echoThrough(proxyPort, second.text)
  await second.interrupt()
  assertNothingLeft(folder.path, first.text)
})

test('root in a folder of another user keeps the state at home, where they cannot change it', {
  skip: needs('root'),
}, async () => {
  using folder = demoFolder()
  using home = demoFolder()
  const { proxyPort } = await choosePorts(home.path)
  chownSync(folder.path, 65_533, 65_533)
  await using demo = await RunningDemo.start(folder.path, ['--no-namespace'], { HOME: home.path })
  const state = path.join(home.path, '.backstitch')
  assert.ok(demo.text.includes(`it belongs to user 65533, not to root. Demo data is kept in ${state}.`))
  await echoThrough(proxyPort, demo.text)
  const context = path.relative(folder.path, path.join(state, 'context.json'))
  assert.ok(demo.text.includes(`--context ${context} get sessions`), demo.text)
  assert.match(await backstitch(folder.path, ['--context', context, 'get', 'connectors']), /healthy/)
  assert.deepEqual(readdirSync(folder.path), [])
  await demo.interrupt()
  const named = RunningDemo.start(folder.path, ['--state', '.backstitch'], { HOME: home.path })
  await assert.rejects(named, /STATE_UNWRITABLE.*65533/)
})

test('a second demo in the same directory is refused, and the first goes on', async () => {
  using folder = demoFolder()
  const { proxyPort } = await choosePorts(folder.path)
  await using demo = await RunningDemo.start(folder.path, ['--no-namespace'])
  await assert.rejects(RunningDemo.start(folder.path), new RegExp(`STATE_IN_USE.*process ${demo.child.pid}`))
  await echoThrough(proxyPort, demo.text)
})

test('a port that is taken: the demo says by whom and takes another', async () => {
  using folder = demoFolder()
  const { proxyPort } = await choosePorts(folder.path)
  const holder = net.createServer().listen({ host: '127.0.0.1', port: proxyPort })
  await once(holder, 'listening')
  await using demo = await RunningDemo.start(folder.path, ['--no-namespace'])
  const note = new RegExp(
    `port ${proxyPort} is in use by \\S+ \\(process ${process.pid}\\); the local proxy uses (\\d+)`,
  )
  const [, taken] = note.exec(demo.text) ?? []
  assert.ok(taken, demo.text)
  await echoThrough(Number(taken), demo.text)
  await demo.interrupt()
  holder.close()
})

test('neither token nor password stands in a command line or a log', async () => {
  using folder = demoFolder()
  await choosePorts(folder.path)
  const state = path.join(folder.path, '.backstitch')
  await using demo = await RunningDemo.start(folder.path, ['--no-namespace'], {
    BACKSTITCH_LOG_LEVEL: 'trace',
  })
  const token = readFileSync(path.join(state, 'control/admin.token'), 'utf8').trim()
  const { password } = JSON.parse(readFileSync(path.join(state, 'demo.json'), 'utf8'))
  await backstitch(folder.path, ['get', 'segments'])
  for (const secret of [token, password]) {
    assert.deepEqual(processesWith(secret), [])
    for (const file of globSync(`${state}/**/*.log`)) {
      assert.ok(!readFileSync(file, 'utf8').includes(secret), file)
    }
  }
  await demo.interrupt()
})

test('apply names file, line and column; a dry run changes nothing', async () => {
  using folder = demoFolder()
  await choosePorts(folder.path)
  await using demo = await RunningDemo.start(folder.path, ['--no-namespace'])
  const file = path.join(folder.path, 'more.yaml')
  writeFileSync(file, 'kind: segment\nname: more\ndomain: [x.internal]\ntcp: ["443"]\n')
  const refused = await backstitch(folder.path, ['apply', '-f', 'more.yaml']).catch((error) => error)
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /INVALID \(client\).*more\.yaml:3:1: unknown key "domain"; did you mean "domains"\?/,
  )
  writeFileSync(file, 'kind: segment\nname: more\ndomains: [x.internal]\ntcp: ["443"]\n')
  assert.match(
    await backstitch(folder.path, ['apply', '-f', 'more.yaml', '--dry-run']),
    /1 to create.*nothing was changed/s,
  )
  const missing = await backstitch(folder.path, ['describe', 'segment', 'more']).catch((error) => error)
  assert.equal(missing.code, 3)
  assert.match(await backstitch(folder.path, ['apply', '-f', 'more.yaml']), /\+ segment more\n1 created/)
  await backstitch(folder.path, ['delete', 'segment', 'more'])
  const used = await backstitch(folder.path, ['delete', 'group', 'demo-site']).catch((error) => error)
  assert.equal(used.code, 6)
  assert.match(used.stderr, /IN_USE.*demo-servers/)
  await demo.interrupt()
})
