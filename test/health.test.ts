/** Overload, reachability and flapping as they happen: real processes, real limits, real applications. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'
import type { SegmentSpec } from '../src/api/specs.ts'
import { Fault } from '../src/base/faults.ts'
import { readStatus } from '../src/base/status-socket.ts'
import { cellsOf, HEADS } from '../src/cli/columns.ts'
import type { ResourceRow } from '../src/cli/resource-row.ts'
import { parseForward } from '../src/client/address/forward-spec.ts'
import type { ConnectorStatus } from '../src/connector/status.ts'
import { candidatesOf } from '../src/control/access/candidates.ts'
import { loadPolicy } from '../src/control/base/policy-now.ts'
import { anEdge, hold, tenant } from '../src/pki/handshake.fixture.ts'
import { selectConnector } from '../src/policy/select.ts'
import { isTlsPort } from '../src/policy/tls-ports.ts'
import { askApi } from './ask-api.ts'
import { openClientSite, until } from './client-site.ts'
import { serveEcho } from './client-traffic.ts'
import { ConnectorProcess } from './connector-process.ts'
import { openSite, type Site } from './site.ts'

async function start(site: Site, name: string): Promise<ConnectorProcess> {
  const connector = new ConnectorProcess({
    stateDir: path.join(site.dir, name),
    keyFile: await site.keyFile(),
  })
  await connector.event('connector.healthy')
  return connector
}

async function idOf(connector: ConnectorProcess): Promise<string> {
  return String((await connector.event('connector.identity')).connector)
}

/** A ClientHello is sent to no other ports. */
async function listenWhereTlsIsUsual(app: net.Server): Promise<number> {
  for (let port = 1024; port < 65_536; port++) {
    if (!isTlsPort(port)) continue
    app.listen(port, '127.0.0.1')
    const taken = await once(app, 'listening').then(
      () => false,
      () => true,
    )
    if (!taken) return port
  }
  throw new Error('every port where TLS is usual is taken')
}

function limitDescriptors({ pid }: ConnectorProcess, limit: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`])
}

async function declareSegment(site: Site, name: string, over: Partial<SegmentSpec>): Promise<string> {
  const { objects } = site.control.store
  const servers =
    (await objects.find('server-group', 'apps')) ??
    (await objects.put({
      kind: 'server-group',
      name: 'apps',
      spec: {
        ...{ description: '', enabled: true, dynamicDiscovery: true, servers: [] },
        ...{ connectorGroups: [site.group], failoverConnectorGroups: [] },
      },
    }))
  const spec: SegmentSpec = {
    ...{ description: '', enabled: true, domains: [], cidrs: [], tcp: [], udp: [], addressCidrs: [] },
    ...{ health: 'onAccess', serverGroups: [servers.id] },
    ...over,
  }
  return (await objects.put({ kind: 'segment', name, spec })).id
}

test('a connector that runs out of descriptors says so, is passed over, and is back when the limit is raised', async () => {
  await using site = await openSite()
  await using full = await start(site, 'full')
  await using well = await start(site, 'well')
  const id = await idOf(full)
  const open = readdirSync(`/proc/${full.pid}/fd`).length
  limitDescriptors(full, open + 2)

  const said = await full.event('connector.overloaded')
  assert.equal(said.code, 'CONNECTOR_OVERLOADED')
  assert.match(said.msg, /descriptors \d+ % \(\d+ of \d+\); since /)
  const { presence } = site.control
  await until(() => presence.connector(id)?.overload !== undefined)
  const candidates = () =>
    loadPolicy(site.control.store).then((policy) =>
      candidatesOf(policy, presence, [site.group], { nowMs: Date.now() }),
    )
  const { chosen, excluded } = selectConnector(await candidates())
  assert.equal(chosen?.id, await idOf(well))
  assert.match(excluded[0]!.because, /^it is overloaded: descriptors/)

  const status = (await readStatus(path.join(site.dir, 'full', 'status.sock'))) as ConnectorStatus
  assert.equal(status.state, 'healthy', 'what it has it serves')
  assert.ok(status.notes.some(({ code }) => code === 'CONNECTOR_OVERLOADED'))
  assert.ok(status.history.length >= 1)
  const told = await askApi<{ live: { overload: { code: string } }; vitals: { spare: { text: string } } }>(
    site,
    `/connectors/${id}`,
  )
  assert.equal(told.live.overload.code, 'CONNECTOR_OVERLOADED')
  assert.match(told.vitals.spare.text, /^N\+1: no: two members at \d+ %: one cannot carry \d+ %$/)
  const history = await askApi<{ samples: { fds: number; at: string }[] }>(site, `/connectors/${id}/history`)
  assert.ok(history.samples.length >= 1 && history.samples[0]!.fds > 5)

  limitDescriptors(full, 1024)
  await full.event('connector.relieved')
  await until(() => presence.connector(id)?.overload === undefined)
  assert.equal(selectConnector(await candidates()).excluded.length, 0)
})

test('health: continuous is known without a session, onAccess is unknown until somebody asks, and neither is guessed', async (t) => {
  await using site = await openSite()
  const app = net.createServer((socket) => socket.end())
  await once(app.listen(0, '127.0.0.1'), 'listening')
  const { port } = app.address() as net.AddressInfo
  await new Promise((closed) => app.close(closed)) // The port is free again: nobody answers there.
  const spec = { cidrs: ['127.0.0.1/32'], tcp: [String(port)] }
  await declareSegment(site, 'watched', { ...spec, health: 'continuous' })
  await declareSegment(site, 'quiet', { domains: ['quiet.example'], tcp: ['443'] })
  await using connector = await start(site, 'one')
  interface Health {
    state: string
    code?: string
    because: string
    connectors: { applications: { code?: string; probe: boolean }[] }[]
  }
  const health = (name: string) => askApi<Health>(site, `/segments/${name}/health`)

  await until(async () => (await health('watched')).state === 'unhealthy')
  const refused = await health('watched')
  assert.match(refused.because, /^no connector reaches 127\.0\.0\.1:\d+ \(.*: APP_REFUSED\)$/)
  assert.deepEqual(
    refused.connectors[0]!.applications.map(({ code, probe }) => ({ code, probe })),
    [{ code: 'APP_REFUSED', probe: true }],
  )
  const quiet = await health('quiet')
  assert.equal(quiet.state, 'unknown')
  assert.equal(quiet.code, 'HEALTH_UNKNOWN')
  assert.equal(quiet.because, 'health is onAccess, and it has not been used recently')

  // A list knows what the view of one knows.
  const listed = async () => {
    const { items } = await askApi<{ items: { name: string; state: string; because: string }[] }>(
      site,
      '/segments',
    )
    return Object.fromEntries(items.map(({ name, state, because }) => [name, { state, because }]))
  }
  for (const [name, said] of Object.entries(await listed())) {
    const { state, because } = await health(name)
    assert.deepEqual(said, { state, because }, name)
  }
  const one = await askApi<ResourceRow>(site, '/segments/watched')
  assert.equal(cellsOf('segment', one)[HEADS.segment.indexOf('HEALTH')], 'unhealthy')

  await once(app.listen(port, '127.0.0.1'), 'listening')
  t.after(() => app.close())
  await until(async () => (await health('watched')).state === 'healthy')
  assert.equal((await listed()).watched!.state, 'healthy')
  assert.equal(connector.lines.filter(({ event }) => event === 'connector.stopped').length, 0)
})

test('an application that answers with the certificate of another name is degraded, and nobody had to complain', async (t) => {
  await using site = await openSite()
  const { key, cert } = await hold(await tenant('tnt_a'), anEdge)
  const app = tls.createServer({ key, cert }, (socket) => void socket.on('error', () => {}).resume())
  const port = await listenWhereTlsIsUsual(app)
  t.after(() => app.close())
  const spec = { domains: ['localhost'], addressCidrs: ['127.0.0.1/32'], tcp: [String(port)] }
  await declareSegment(site, 'watched', { ...spec, health: 'continuous' })
  await using connector = await start(site, 'one')

  const said = await connector.event('application.impaired')
  assert.equal(`${said.hop} ${said.code}`, 'application APP_TLS_NAME')
  interface Health {
    state: string
    because: string
    connectors: { applications: { state: string; code?: string }[] }[]
  }
  const health = () => askApi<Health>(site, '/segments/watched/health')
  await until(async () => (await health()).state === 'degraded')
  const { because, connectors } = await health()
  assert.match(because, / connects, but APP_TLS_NAME: localhost:\d+: The certificate presented /)
  assert.deepEqual(
    connectors[0]!.applications.map(({ state, code }) => [state, code]),
    [['degraded', 'APP_TLS_NAME']],
  )
  const status = (await readStatus(path.join(site.dir, 'one', 'status.sock'))) as ConnectorStatus
  assert.deepEqual([status.state, status.applicationsFailing], ['healthy', 0], 'it serves')
  assert.ok(status.notes.some(({ code }) => code === 'APP_TLS_NAME'))
})

test('an application that somebody used is tried by every connector, the idle ones too', async () => {
  await using echo = await serveEcho()
  await using place = await openClientSite()
  await place.signIn()
  await place.connector('busy')
  await place.connector('idle')
  const { client } = await place.client({ forwards: [parseForward(`127.0.0.1:0 127.0.0.1:${echo.port}`)] })
  interface Health {
    state: string
    code?: string
    connectors: { state: string }[]
  }
  const health = () => askApi<Health>(place.site, '/segments/app/health')
  assert.equal((await health()).code, 'HEALTH_UNKNOWN')
  const local = Number(client.status().forwards[0]!.local.split(':')[1])
  await using session = new AsyncDisposableStack()
  const socket = session.adopt(net.connect(local, '127.0.0.1'), (one) => void one.destroy())
  socket.write('hello')
  await once(socket, 'data')
  await until(async () => (await health()).connectors.every(({ state }) => state === 'healthy'))
  assert.equal((await health()).connectors.length, 2)
})

test('a connection that comes and goes is one verdict with its causes, here and at the control plane', async () => {
  await using site = await openSite()
  await using connector = await start(site, 'flapper')
  const id = await idOf(connector)
  const { presence } = site.control
  for (let drop = 0; drop < 4; drop++) {
    await until(() => presence.connector(id)?.state === 'healthy')
    const before = presence.connector(id)!
    before.channel.close(new Fault('CONTROL_UNREACHABLE', 'the test cuts it'))
    await until(() => presence.connector(id) !== before && presence.connector(id) !== undefined, 20_000)
  }
  const said = await connector.event('control.flapping')
  assert.equal(said.code, 'FLAPPING')
  assert.match(said.msg, /4 drops in 10 min, .*: control CONTROL_UNREACHABLE 4 times$/)
  const status = (await readStatus(path.join(site.dir, 'flapper', 'status.sock'))) as ConnectorStatus
  assert.ok(status.notes.some(({ code }) => code === 'FLAPPING'))
  const { vitals } = await askApi<{ vitals: { timeline: { is: string }[]; flapping: { code: string } } }>(
    site,
    `/connectors/${id}`,
  )
  assert.equal(vitals.flapping.code, 'FLAPPING')
  assert.equal(vitals.timeline.filter(({ is }) => is === 'disconnected').length, 4)
  assert.equal(connector.lines.filter(({ event }) => event === 'control.flapping').length, 1)
})
