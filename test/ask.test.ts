/** Who can ask: the control plane about a connector that is there, and about one that is not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { OutageResource } from '../src/api/diagnosis.ts'
import type { Report } from '../src/doctor/report.ts'
import { isBusyHost } from './busy-host.ts'
import { Installation, PROGRAM } from './installation.ts'
import { finish, succeed } from './program.ts'

async function install(t: TestContext) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-ask-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const installation = await Installation.start({ dir, reach: { domains: ['app.test'], tcp: ['80'] } })
  t.after(() => installation[Symbol.asyncDispose]())
  const context = path.join(dir, 'server', 'context.json')
  /** A command of the operator, whatever it ends with. */
  const ask = (...args: string[]) => finish([PROGRAM, '--context', context, ...args])
  const json = async <T>(...args: string[]) =>
    JSON.parse(await succeed([PROGRAM, '--context', context, '--json', ...args])) as T
  const onlyConnector = async () => (await json<{ id: string; name: string }[]>('get', 'connectors'))[0]!
  return { installation, ask, json, onlyConnector }
}

test('a connected connector is asked over the API, and says what the doctor on its own machine says', async (t) => {
  const { installation, ask, json, onlyConnector } = await install(t)
  const place = await installation.addConnector()
  await installation.passed(installation.startConnector(place), 6)
  const { name } = await onlyConnector()

  const asked = await ask('doctor', '--ask', name)
  const stateDir = path.join(installation.dir, place)
  const flags = ['--config', `${stateDir}.yaml`, '--key-file', `${stateDir}.key`]
  const local = await finish([PROGRAM, 'doctor', 'connector', '--state', stateDir, ...flags])
  const busy = [asked, local].some(({ stdout }) => isBusyHost(stdout))
  assert.ok(busy || asked.code === local.code, `${asked.stdout}${asked.stderr}\n${local.stdout}`)
  const titles = (text: string) =>
    text.split('\n').flatMap((line) => /^ {2}[✓✗·?] (.{12})/.exec(line)?.[1] ?? [])
  assert.ok(titles(asked.stdout).length > 10, asked.stdout)
  assert.deepEqual(titles(asked.stdout), titles(local.stdout))
  if (!busy) assert.equal(asked.stdout.split('\n')[0], local.stdout.split('\n')[0])

  // A port that nobody listens on any more: the way to the application is looked at from there, too.
  const closed = net.createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as net.AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const app = ['--app', `127.0.0.1:${port}`]
  // Loopback only where it is named: else what answers on the machine of a connector could be asked from afar.
  const kept = JSON.parse((await ask('doctor', '--ask', name, ...app, '--json')).stdout) as Report
  assert.ok(kept.findings.some(({ code }) => code === 'ADDRESS_FORBIDDEN'))
  const broken = await ask('doctor', '--ask', name, ...app, '--network', '127.0.0.1/32', '--json')
  assert.equal(broken.code, 1, broken.stderr)
  const report = JSON.parse(broken.stdout) as Report
  assert.ok(
    report.findings.some(({ code, hop }) => code === 'APP_REFUSED' && hop === 'application'),
    broken.stdout,
  )

  const audit = await json<{ action: string; detail: { app?: string } }[]>('get', 'audit')
  const rows = audit.filter(({ action }) => action === 'connector.diagnose')
  assert.deepEqual([...new Set(rows.map(({ detail }) => detail.app).filter(Boolean))], [`127.0.0.1:${port}`])
})

test('an outage is told when it is over, once, though the connector was killed before it could be acknowledged', async (t) => {
  const { installation, ask, json, onlyConnector } = await install(t)
  const place = await installation.addConnector()
  const first = installation.startConnector(place)
  await installation.passed(first, 6)
  const { id, name } = await onlyConnector()
  process.kill(first.pid, 'SIGKILL')

  await writeFile(installation.proxyFile, '127.0.0.1:1\n')
  const second = installation.startConnector(place)
  const logged = (event: string) => installation.logged(second, event).length > 0
  await installation.until(second, () => logged('doctor.verdict'), 'explain its outage')
  await writeFile(installation.proxyFile, 'none\n')
  await installation.until(second, () => logged('doctor.recovered'), 'come back')

  const outages = async () =>
    (await json<{ outages: OutageResource[] }>('describe', 'connector', name)).outages.filter(
      ({ verdict }) => verdict?.code === 'PROXY_UNREACHABLE',
    )
  let told = await outages()
  for (let tries = 0; told.length === 0 && tries < 50; tries++) told = await outages()
  assert.equal(told.length, 1)
  assert.equal(told[0]!.hop, 'edge')
  assert.ok(told[0]!.attempts >= 2)

  // Started again it has nothing new to tell.
  process.kill(second.pid, 'SIGKILL')
  await installation.passed(installation.startConnector(place), 6)
  assert.deepEqual(
    (await outages()).map((one) => one.id),
    [told[0]!.id],
  )
  const { stdout } = await ask('describe', 'connector', id)
  assert.match(stdout, /outages\n(?: +.*\n)*? +\S+ {2}\d+ s, \d+ attempts: edge PROXY_UNREACHABLE/)
  assert.match(
    stdout,
    / +\S+ {2}connector DAEMON_DOWN: process \d+ exited unexpectedly, without an exit status/,
  )
})

test('of a connector that is gone control says how it left, what explains it, and what to run on its machine', async (t) => {
  const { installation, ask, json, onlyConnector } = await install(t)
  const place = await installation.addConnector()
  const first = installation.startConnector(place)
  await installation.passed(first, 6)
  const { name } = await onlyConnector()
  interface Gone {
    readonly state: string
    readonly disconnected?: { readonly code: string; readonly left: string; readonly lastState?: string }
  }
  const gone = async () => {
    let one = await json<Gone>('describe', 'connector', name)
    for (let tries = 0; one.disconnected === undefined && tries < 50; tries++) {
      one = await json<Gone>('describe', 'connector', name)
    }
    return one.disconnected!
  }
  assert.equal((await json<Gone>('describe', 'connector', name)).disconnected, undefined)

  process.kill(first.pid, 'SIGKILL')
  assert.deepEqual(
    [(await gone()).code, (await gone()).left, (await gone()).lastState],
    ['CONNECTOR_DISCONNECTED', 'closed', 'healthy'],
  )
  const { stdout } = await ask('describe', 'connector', name)
  assert.match(
    stdout,
    /^connector CONNECTOR_DISCONNECTED: Its connection was closed at \S+ without a goodbye: its process exited/,
  )
  assert.match(stdout, /last connected \S+ from 127\.0\.0\.1/)
  assert.match(stdout, /run +sudo backstitch doctor connector +\(on its machine\)/)
  for (const list of [['get', 'connectors'], ['status']]) {
    const listed = await ask(...list)
    assert.match(
      listed.stdout,
      /^\S+ +disconnected +CONNECTOR_DISCONNECTED: closed without a goodbye \d{4}-\S+Z /m,
      listed.stderr,
    )
  }
  const asked = await ask('doctor', '--ask', name)
  assert.equal(asked.code, 2)
  assert.match(asked.stderr, /^CONNECTOR_DISCONNECTED \(connector\)/)

  // A member of the same group, from the same address: now it can be told that it is not the site.
  const neighbour = installation.startConnector(await installation.addConnector())
  await installation.passed(neighbour, 6)
  const beside = await ask('describe', 'connector', name)
  assert.match(beside.stdout, /1 of 1 of those from the same public address are connected/)

  const second = installation.startConnector(place)
  await installation.passed(second, 6)
  await installation.stop(second)
  assert.deepEqual([(await gone()).code, (await gone()).left], ['DAEMON_DOWN', 'orderly'])
  assert.match(
    (await ask('get', 'connector', name)).stdout,
    / DAEMON_DOWN: was stopped by a signal \d{4}-\S+Z /,
  )

  // Both at once, as when the line of the site is cut.
  const third = installation.startConnector(place)
  await installation.passed(third, 6)
  for (const { pid } of [third, neighbour]) process.kill(pid, 'SIGKILL')
  await installation.until(
    installation.server,
    () => installation.logged(installation.server, 'agent.left').length >= 4,
    'notice',
  )
  await gone()
  const both = await ask('describe', 'connector', name)
  assert.match(
    both.stdout,
    /at the same time as that of \S+ from the same address: their processes exited, or a middlebox at that site/,
  )
})
