/** What a device is told of its own way to an application, when it asks for a look. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { asFault } from '../src/base/faults.ts'
import { destination } from '../src/client/address/destination.ts'
import type { Report } from '../src/doctor/report.ts'
import { openClientSite } from './client-site.ts'
import { serveTcp } from './client-traffic.ts'
import { finish } from './program.ts'

const PROGRAM = path.resolve('bin/backstitch')
const PLAIN = { HTTPS_PROXY: undefined, BACKSTITCH_CONFIG: undefined, BACKSTITCH_CLIENT_CONFIG: undefined }
const { signal } = new AbortController()

async function stage(t: TestContext) {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.connector('connector')
  await site.signIn()
  const app = await serveTcp(() => {})
  t.after(() => app[Symbol.asyncDispose]())
  return { site, app: destination('localhost', app.port, 'tcp') }
}

for (const daemon of [true, false]) {
  const how = daemon ? 'by the running client' : 'by a client started for this check'
  test(`the doctor of a device says that large packets pass all the way, ${how}`, async (t) => {
    const { site, app } = await stage(t)
    if (daemon) await site.client()
    const asked = ['--json', 'doctor', 'client', '--state', site.clientDir, '--app', `localhost:${app.port}`]
    const { stdout } = await finish([PROGRAM, ...asked], { env: PLAIN })
    const { checks } = JSON.parse(stdout) as Report
    const session = checks.find(({ check }) => check === 'app-session')
    assert.equal(session?.verdict, 'pass')
    assert.match(session!.text, /; large packets pass end to end$/)
  })
}

test('a device that asks for looks without end is told to wait', async (t) => {
  const { site, app } = await stage(t)
  const { client } = await site.client()
  const looks = await Promise.all(
    Array.from({ length: 8 }, () => client.looks.look(app, signal).catch(asFault)),
  )
  const codes = looks.map((one) => ('code' in one ? one.code : 'looked'))
  assert.ok(codes.includes('RATE_LIMITED'), codes.join(' '))
  assert.ok(codes.includes('looked'), codes.join(' '))
  await assert.rejects(client.looks.look(app, signal), { code: 'RATE_LIMITED' })
})

test('nobody looks where policy lets nobody through, and no reason of policy is told', async (t) => {
  const { site } = await stage(t)
  const { client } = await site.client()
  const looked = await client.looks.look(destination('secret.test', 443, 'tcp'), signal)
  assert.deepEqual(looked, { well: false })
})

test('what control finds on the way comes back as what was found, not as a refusal to look', async (t) => {
  const { site } = await stage(t)
  const { client } = await site.client()
  const nobody = net.createServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const { port } = nobody.address() as net.AddressInfo
  nobody.close()
  const { well, fault } = await client.looks.look(destination('localhost', port, 'tcp'), signal)
  assert.deepEqual([well, fault?.code, fault?.hop], [false, 'APP_REFUSED', 'application'])
  assert.equal(client.looks.notes.length, 1)
})
