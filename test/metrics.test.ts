/** What a connector and a client count, as `backstitch status --metrics` prints it from their status sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { parseForward } from '../src/client/address/forward-spec.ts'
import { openClientSite, until } from './client-site.ts'
import { readAll, serveEcho } from './client-traffic.ts'
import { finish } from './program.ts'

const BACKSTITCH = path.resolve(import.meta.dirname, '../bin/backstitch')

/** Samples by name and labels. Every line must be of the exposition format. */
async function metricsOf(stateDir: string): Promise<Map<string, number>> {
  const { code, stdout, stderr } = await finish([BACKSTITCH, 'status', '--metrics', '--state', stateDir])
  assert.equal(code, 0, stderr)
  const samples = new Map<string, number>()
  for (const line of stdout.trimEnd().split('\n')) {
    assert.match(line, /^# (?:HELP|TYPE) backstitch_\w+ .+$|^backstitch_\w+(?:\{\w+="[\w.+]+"\})? [\d.e-]+$/)
    if (line.startsWith('#')) continue
    const at = line.lastIndexOf(' ')
    samples.set(line.slice(0, at), Number(line.slice(at + 1)))
  }
  return samples
}

test('docs/operations.md tells every metric there is, and none that is not', () => {
  const root = path.resolve(import.meta.dirname, '..')
  const names = new Set<string>()
  for (const file of globSync('src/**/{,*-}metrics.ts', { cwd: root })) {
    const text = readFileSync(path.join(root, file), 'utf8')
    const prefix = /new MetricsText\('(\w+)'\)/.exec(text)?.[1]
    const calls = /text\.(?:gauge|gauges|counter|durations|oneOf)\(\s*'(\w+)'/g
    for (const [, name] of text.matchAll(calls)) names.add(`${prefix}_${name}`)
    if (prefix === undefined) for (const [, name] of text.matchAll(/'(backstitch_\w+)'/g)) names.add(name!)
  }
  assert.ok(names.size > 30)
  const told = readFileSync(path.join(root, 'docs/operations.md'), 'utf8').match(/backstitch_\w+/g)
  assert.deepEqual([...new Set(told)].sort(), [...names].sort())
})

test('sessions, their outcomes, bytes and times, tunnels and grants of connector and client are counted', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  const { connector } = await site.connector('connector')
  await site.signIn()
  const echo = await serveEcho()
  t.after(() => echo[Symbol.asyncDispose]())
  const free = net.createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const closedPort = (free.address() as net.AddressInfo).port
  await new Promise((resolve) => free.close(resolve))
  const forwards = [`127.0.0.1:0 localhost:${echo.port}`, `127.0.0.1:0 127.0.0.1:${closedPort}`]
  const { client } = await site.client({ forwards: forwards.map(parseForward) })
  await until(() => client.status().state === 'connected')
  const dial = (index: number) => {
    const [host, port] = client.status().forwards[index]!.local.split(':')
    const socket = net.connect({ host: host!, port: Number(port), allowHalfOpen: true })
    return socket.on('error', () => {})
  }
  const good = dial(0)
  good.end('twelve bytes')
  assert.equal(String(await readAll(good)), 'twelve bytes')
  await new Promise((resolve) => dial(1).resume().once('close', resolve))
  await until(() => connector.status().sessions === 0)
  const open = dial(0)
  open.write('?')
  await once(open, 'data')

  const c = 'backstitch_connector_'
  const of = await metricsOf(path.join(site.site.dir, 'connector'))
  const expected = {
    'state{state="degraded"}': 1, // an application refuses
    'state{state="healthy"}': 0,
    bring_up_stages_passed: 6,
    sessions: 1,
    'sessions_total{outcome="done"}': 1,
    'sessions_total{outcome="APP_REFUSED"}': 1,
    'session_bytes_total{direction="up"}': 12,
    'session_bytes_total{direction="down"}': 12,
    dial_seconds_count: 1,
    applications_failing: 1,
    tunnels: client.status().tunnels.length,
    raw_phase_blocked: 0,
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(of.get(c + name), value, name)
  const states = [...of].filter(([name]) => name.startsWith(`${c}state{`))
  assert.equal(
    states.reduce((sum, [, value]) => sum + value, 0),
    1,
  )
  assert.ok(of.get(`${c}grants_verified_total`)! >= 2)
  assert.ok(of.get(`${c}tunnels_total`)! >= 1)
  assert.ok(of.get(`${c}dns_seconds_count`)! >= 1)
  const days = (of.get(`${c}certificate_end_seconds`)! - Date.now() / 1000) / 86_400
  assert.ok(days > 6 && days <= 7, `${days} days`)

  const near = await metricsOf(site.clientDir)
  assert.equal(near.get('backstitch_client_sessions'), 1)
  assert.equal(near.get('backstitch_client_sessions_total'), 3)
  open.destroy()
})
