import assert from 'node:assert/strict'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Report } from '../src/doctor/report.ts'
import { findingsBeside } from './busy-host.ts'
import { openClientSite } from './client-site.ts'
import { finish } from './program.ts'

const PROGRAM = path.resolve('bin/backstitch')
const PLAIN = { HTTPS_PROXY: undefined, BACKSTITCH_CONFIG: undefined, BACKSTITCH_CLIENT_CONFIG: undefined }

async function doctor(...args: string[]) {
  const { code, stdout } = await finish([PROGRAM, '--json', 'doctor', ...args], { env: PLAIN })
  const report = JSON.parse(stdout) as Report
  const found = findingsBeside(report)
  const busy = report.findings.length > 0 && found.length === 0
  return {
    code: busy ? 0 : code,
    outcome: busy ? 'healthy' : report.outcome,
    found: found.map((one) => `${one.hop} ${one.code}`),
    report,
  }
}

async function signedIn(t: TestContext) {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.signIn()
  return site
}

test('a client that nobody has signed in on is told to sign in, and no network is blamed', async () => {
  const { code, found } = await doctor('client', '--state', '/nonexistent/client')
  assert.deepEqual([code, found], [1, ['client REAUTH_NEEDED']])
})

test('a signed-in client: edge and pin come from its profile, and its role from its state directory', async (t) => {
  const site = await signedIn(t)
  const healthy = await doctor('--state', site.clientDir)
  assert.deepEqual([healthy.code, healthy.outcome, healthy.report.role], [0, 'healthy', 'client'])
  const { client, stop } = await site.client()
  while (client.status().state !== 'connected') await new Promise(setImmediate)
  const running = await doctor('--state', site.clientDir)
  assert.deepEqual([running.code, running.found], [0, []])
  assert.match(running.report.checks.find(({ check }) => check === 'control')!.text, /connected/)
  await stop()
})

test('a client whose edge is gone: the way is named, not the client', async (t) => {
  const site = await signedIn(t)
  await site.site.stopEdge()
  const { code, found } = await doctor('client', '--state', site.clientDir)
  assert.deepEqual([code, found], [1, ['edge EGRESS_REJECTED']])
})

const USES: { name: string; args: string[]; input?: string; code: number; says: RegExp }[] = [
  { name: 'an option there is not', args: ['--nope'], code: 64, says: /unknown option/ },
  { name: 'a role there is not', args: ['gateway'], code: 64, says: /Allowed choices are connector, client/ },
  { name: 'an application without a port', args: ['--app', 'hr.internal'], code: 64, says: /HOST:PORT/ },
  { name: 'a network that is none', args: ['--network', '10.0.0.0'], code: 64, says: /network such as/ },
  { name: 'help', args: ['--help'], code: 0, says: /64 wrong usage/ },
  { name: 'a log that is not there', args: ['--log', '/nonexistent'], code: 2, says: /ENOENT/ },
  {
    name: 'a log that says nothing',
    args: ['--log', '-'],
    input: 'hello\n',
    code: 2,
    says: /^inconclusive/,
  },
  {
    name: 'a log that tells',
    args: ['--log', '-'],
    input: 'issuer=CN = Acme Inspection CA\n',
    code: 1,
    says: /^edge TLS_INTERCEPTED: .*\n {2}line 1/,
  },
]
for (const { name, args, input, code, says } of USES) {
  test(`doctor, ${name}: exit ${code}`, async () => {
    const done = await finish([PROGRAM, 'doctor', ...args], { input, env: PLAIN })
    assert.equal(done.code, code, done.stderr)
    assert.match(`${done.stdout}${done.stderr}`, says)
  })
}
