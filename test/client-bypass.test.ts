/**
 * The internet lane in the real client: what an internet rule names leaves this device straight, by every door of the
 * local proxy, and the client says so; what a segment claims as well stays in the tunnel.
 *
 * @module
 */
import assert from 'node:assert/strict'
import dns from 'node:dns/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import { after, before, test } from 'node:test'
import type { Client } from '../src/client/client.ts'
import { laneOf } from '../src/policy/lanes.ts'
import { type ClientSite, openClientSite, until } from './client-site.ts'
import { needs } from './needs.ts'
import { finish, succeed } from './program.ts'

/** A name that this machine resolves to itself, and that no segment of the site claims. */
const NAME = os.hostname().toLowerCase()

let site: ClientSite
let client: Client
let server: http.Server
let port: number

before(async () => {
  site = await openClientSite()
  await site.connector('connector')
  await site.signIn()
  client = (await site.client()).client
  server = http.createServer((request, response) => {
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (text) => (body += text))
    request.on('end', () => response.end(`${request.method} ${request.url} ${body}`))
  })
  const { address } = await dns.lookup(NAME)
  await new Promise<void>((listening) => server.listen(0, address, listening))
  port = (server.address() as AddressInfo).port
})
after(async () => {
  server?.closeAllConnections()
  server?.close()
  await site?.[Symbol.asyncDispose]()
})

const put = (name: string, domains: string[]) =>
  site.site.control.store.objects.put({
    kind: 'internet-rule',
    name,
    spec: { description: '', enabled: true, action: 'bypass', domains },
  })
const curl = (...flags: string[]) => ['curl', '-q', '-sS', '--noproxy', '', '--max-time', '20', ...flags]
const doors = () => ({
  socks5: ['--socks5-hostname', client.proxyAddress!],
  'http-connect': ['--proxytunnel', '--proxy', `http://${client.proxyAddress}`],
  http: ['--proxy', `http://${client.proxyAddress}`],
})

test('a name of an internet rule goes straight, by every door, as soon as the rule is written', {
  skip: needs('curl'),
}, async () => {
  const url = `http://${NAME}:${port}/page`
  const before = await finish(curl(...doors().http, '--fail', url) as [string, ...string[]])
  assert.notEqual(before.code, 0, 'no segment claims it, so nothing is sent')
  assert.equal(client.status().decisions[0]?.code, 'CLIENT_NOT_COVERED')

  await put('own', [NAME])
  await until(() => laneOf(NAME, client.opener.lanes.rules).is === 'bypass')
  const sessions = client.opener.totals.total
  for (const [door, flags] of Object.entries(doors())) {
    const body = await succeed(curl(...flags, '--data', 'hello', url) as [string, ...string[]])
    assert.equal(body, 'POST /page hello', door)
    const [latest] = client.status().decisions
    assert.deepEqual([latest?.entry, latest?.outcome], [door, 'bypassed'])
    assert.equal(latest?.because, `internet rule own matches ${NAME}`)
  }
  assert.equal(client.opener.totals.total, sessions, 'no session was asked for')
  assert.match(client.metrics(), /^backstitch_client_bypassed_total 3$/m)
})

test('a host that does not answer straight is said to be that, not a fault of the tunnel', {
  skip: needs('curl'),
}, async () => {
  await until(() => laneOf(NAME, client.opener.lanes.rules).is === 'bypass')
  const closed = http.createServer()
  await new Promise<void>((listening) =>
    closed.listen(0, (server.address() as AddressInfo).address, listening),
  )
  const gone = (closed.address() as AddressInfo).port
  await new Promise((done) => closed.close(done))
  const answer = await succeed(curl(...doors().http, `http://${NAME}:${gone}/`) as [string, ...string[]])
  const problem = JSON.parse(answer) as { code: string; hop: string; detail: string }
  assert.deepEqual([problem.code, problem.hop], ['APP_REFUSED', 'application'])
  assert.match(problem.detail, /directly from this device: ECONNREFUSED/)
  assert.equal(client.status().decisions[0]?.outcome, 'refused')
})

test('a name that a segment claims as well stays in the tunnel, and decision and status say so', {
  skip: needs('curl'),
}, async () => {
  await put('slip', ['localhost'])
  await until(() => laneOf('localhost', client.opener.lanes.rules).is === 'both')
  const local = http.createServer((_request, response) => response.end('private'))
  await new Promise<void>((listening) => local.listen(0, 'localhost', listening))
  try {
    const url = `http://localhost:${(local.address() as AddressInfo).port}/`
    assert.equal(await succeed(curl(...doors().socks5, url) as [string, ...string[]]), 'private')
  } finally {
    local.closeAllConnections()
    local.close()
  }
  const [latest] = client.status().decisions
  assert.equal(latest?.outcome, 'sent')
  assert.match(latest?.because ?? '', /segment app .*NAME_IN_TWO_LANES: internet rule slip also claims it/)
  const note = client.status().notes.find(({ code }) => code === 'NAME_IN_TWO_LANES')
  assert.match(note?.detail ?? '', /localhost \(internet rule slip\)/)
})
