/** `backstitch trace` and `describe denial` against programs that run as they are installed. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import type { Child } from '../bench/children.ts'
import { freePort } from '../bench/ports.ts'
import type { TraceReport } from '../src/api/trace.ts'
import { Installation, PROGRAM, USER } from './installation.ts'

let dir: string
let installed: Installation
let connector: Child
let client: Child
let proxy: { host: string; port: number }
const greeting = net.createServer((socket) => {
  socket.on('error', () => {})
  socket.end('SSH-2.0-test\r\n')
})
const listening: net.Server[] = [greeting]
let closedPort: number

before(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'trace-'))
  for (const server of listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  closedPort = await freePort()
  proxy = { host: '127.0.0.1', port: await freePort() }
  installed = await Installation.start({
    dir,
    reach: {
      domains: ['localhost', 'no-such-host.invalid'],
      tcp: [`${portOf(greeting)}`, `${closedPort}`],
      udp: ['5353'],
      addressCidrs: ['127.0.0.0/8', '::1/128'],
    },
  })
  connector = installed.startConnector(await installed.addConnector())
  await installed.passed(connector, 6)
  await installed.signIn({ listen: `${proxy.host}:${proxy.port}` })
  client = await installed.startClient()
  await installed.until(client, () => installed.logged(client, 'control.up').length > 0, 'connect')
})

after(async () => {
  await installed?.[Symbol.asyncDispose]()
  for (const server of listening) server.close()
  await rm(dir, { recursive: true, force: true })
})

test('from the device of the user: every hop passes, each in its own words, and the records say it was a trace', async () => {
  const { code, out } = await trace([`localhost:${portOf(greeting)}`])
  assert.equal(code, 0, out)
  const [headline] = out.split('\n')
  assert.equal(headline?.startsWith(`healthy: ${USER} on `), true, out)
  for (const hop of ['client', 'policy', 'selection', 'edge', 'connector', 'transfer', 'dns', 'connect']) {
    assert.match(out, new RegExp(`✓ ${hop} `), out)
  }
  assert.match(out, /✓ policy .* rule "all" allows segment applications/)
  assert.match(out, /✓ transfer .* 1048576 bytes sent and returned unchanged/)
  assert.match(out, /✓ application .* it sends a greeting: SSH-2\.0-test/)
  assert.match(out, /· tls .* skipped: port \d+ is not a usual TLS port/)
  const report = await traceJson([`localhost:${portOf(greeting)}`])
  assert.equal(report.from, 'device')
  const record = JSON.parse(await installed.command('--json', 'describe', 'session', report.session!))
  assert.equal(record.canary, true)
})

test('an application that refuses: connect fails with what the connector found, and the hops behind it are skipped', async () => {
  const report = await traceJson([`localhost:${closedPort}`])
  assert.equal(report.outcome, 'fault')
  assert.equal(report.headline.split(':')[0], 'connect APP_REFUSED')
  assert.deepEqual(verdictsOf(report), {
    ...{
      client: 'pass',
      policy: 'pass',
      selection: 'pass',
      edge: 'pass',
      connector: 'pass',
      transfer: 'pass',
    },
    ...{ dns: 'pass', connect: 'fail', tls: 'skip', application: 'skip' },
  })
  assert.equal(
    report.finding?.fix.some((line) => line.includes('ss -ltn')),
    true,
    'the fix of the connector itself',
  )
})

test('a name that the resolver of the connector does not know', async () => {
  const report = await traceJson([`no-such-host.invalid:${portOf(greeting)}`])
  assert.equal(report.headline.split(':')[0], 'dns APP_NAME_NXDOMAIN')
  assert.deepEqual(hopsAfter(report, 'dns'), ['skip', 'skip', 'skip'])
})

test('a port that the segment does not list, a host that nobody declared', async () => {
  const port = await traceJson(['localhost:9'])
  assert.equal(port.headline.split(':')[0], 'policy CLIENT_WRONG_PORT')
  assert.match(port.finding?.wouldPass ?? '', /tcp 9 among the ports of segment applications/)
  const host = await traceJson(['elsewhere.example:443'])
  assert.equal(host.headline.split(':')[0], 'policy CLIENT_NOT_COVERED')
  assert.equal(host.session, undefined, 'nothing was opened')
})

test('UDP is followed as far as anything can be known of it', async () => {
  const { code, out } = await trace(['localhost:5353', '--udp'])
  assert.equal(code, 2, out)
  assert.match(out, /✓ transfer/)
  assert.match(out, /\? application .*whether datagrams arrive cannot be seen/)
})

test('an unknown user, an unknown device, a wrong command line', async () => {
  const user = await trace(['localhost:80'], 'nobody')
  assert.equal(user.code, 2)
  assert.match(user.err, /NOT_FOUND/)
  const device = await trace(['localhost:80', '--device', 'toaster'])
  assert.equal(device.code, 2)
  assert.match(device.err, /has no device toaster/)
  assert.equal((await trace(['localhost'])).code, 64)
})

test('a denied user is told an id; described, it says who, what, which condition, and what would pass', async () => {
  await apply(
    { kind: 'posture-fact', name: 'diskEncrypted', valueType: 'boolean' },
    {
      ...{ kind: 'access-rule', name: 'all', order: 1, action: 'allow' },
      conditions: { posture: [{ fact: 'diskEncrypted', equals: true }] },
    },
  )
  const refused = await run([...installed.clientFlags, 'connect', 'localhost', `${portOf(greeting)}`])
  assert.equal(refused.code, 1)
  const id = /\[ask an admin about (den_\w+)\]/.exec(refused.err)?.[1]
  assert.ok(id, refused.err)
  const shown = await installed.command('describe', 'denial', id)
  assert.match(shown, /POSTURE_FAILED/)
  assert.match(shown, new RegExp(`user +${USER} usr_`))
  assert.match(shown, /condition +posture: wanted diskEncrypted = true, seen diskEncrypted is not reported/)
  assert.match(shown, /would pass +rule "all" allows it once posture is diskEncrypted = true/)
  assert.match(shown, new RegExp(`now +backstitch trace ${USER} localhost:${portOf(greeting)} --device`))
  assert.match(await installed.command('get', 'denials'), new RegExp(id))

  const answer = await fetchThroughProxy(`localhost:${portOf(greeting)}`)
  assert.match(answer, /"denial": "den_\w+"/)

  const { code, out } = await trace([`localhost:${portOf(greeting)}`])
  assert.equal(code, 1)
  assert.match(out, /^policy POSTURE_FAILED: /)
  assert.match(out, /✓ client /)
  assert.match(out, /· selection +skipped: cannot be judged until policy passes/)
  await apply({ kind: 'access-rule', name: 'all', order: 1, action: 'allow', conditions: {} })
})

test('a user who is not in the group: the denial speaks in names, not in ids', async () => {
  await apply(
    { kind: 'user-group', name: 'operators' },
    {
      ...{ kind: 'access-rule', name: 'all', order: 1, action: 'allow' },
      conditions: { userGroups: ['operators'] },
    },
  )
  const report = await traceJson([`localhost:${portOf(greeting)}`])
  assert.equal(report.headline.split(':')[0], 'policy POLICY_DENIED')
  assert.match(report.finding?.wouldPass ?? '', /once userGroups is operators/)
  assert.doesNotMatch(report.headline, /ugr_/)
  await apply({ kind: 'access-rule', name: 'all', order: 1, action: 'allow', conditions: {} })
})

test('with the device away: policy facts and the look of the connector, and it says so', async () => {
  await installed.stop(client)
  const report = await traceJson([`localhost:${portOf(greeting)}`])
  assert.equal(report.outcome, 'unknown')
  assert.equal(report.from, 'facts')
  assert.match(report.headline, /it was not tested from .*, which is offline/)
  const [first] = report.steps
  assert.ok(
    first!.text.endsWith(`on that device: backstitch doctor client --app localhost:${portOf(greeting)}`),
  )
  const verdicts = verdictsOf(report)
  assert.deepEqual(
    [
      verdicts.client,
      verdicts.policy,
      verdicts.selection,
      verdicts.connector,
      verdicts.dns,
      verdicts.connect,
    ],
    ['unknown', 'pass', 'pass', 'pass', 'pass', 'pass'],
  )
  const refused = await traceJson([`localhost:${closedPort}`])
  assert.equal(refused.headline.split(':')[0], 'connect APP_REFUSED')
})

test('with the connector gone: the connector is where it broke, and each member has its reason', async () => {
  await installed.stop(connector)
  const report = await traceJson([`localhost:${portOf(greeting)}`])
  assert.equal(report.headline.split(':')[0], 'connector NO_HEALTHY_CONNECTOR')
  assert.match(report.finding?.seen.join('\n') ?? '', /it is disconnected/)
})

function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port
}

function verdictsOf({ steps }: TraceReport): Record<string, string> {
  return Object.fromEntries(steps.map(({ hop, verdict }) => [hop, verdict]))
}

function hopsAfter({ steps }: TraceReport, hop: string): string[] {
  return steps.slice(steps.findIndex((step) => step.hop === hop) + 1).map(({ verdict }) => verdict)
}

async function apply(...documents: object[]): Promise<void> {
  const file = path.join(dir, 'more.yaml')
  await writeFile(file, documents.map((one) => JSON.stringify(one)).join('\n---\n'))
  await installed.command('apply', '-f', file)
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function run(args: readonly string[]): Promise<Ran> {
  const child = spawn(PROGRAM, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: code as number, out, err }
}

function trace(args: readonly string[], user = USER, json = false): Promise<Ran> {
  const context = path.join(dir, 'server', 'context.json')
  return run(['--context', context, ...(json ? ['--json'] : []), 'trace', user, ...args])
}

async function traceJson(args: readonly string[]): Promise<TraceReport> {
  const { out, err } = await trace(args, USER, true)
  assert.notEqual(out, '', err)
  return JSON.parse(out) as TraceReport
}

async function fetchThroughProxy(to: string): Promise<string> {
  const socket = net.connect(proxy)
  socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`)
  return text(socket)
}
