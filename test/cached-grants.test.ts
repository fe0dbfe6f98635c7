/** A client holds grants for minutes. What an admin mends, or takes away, shows in the very next session all the same. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import type { SegmentSpec, ServerGroupSpec } from '../src/api/specs.ts'
import { type Clock, systemClock } from '../src/base/clock.ts'
import type { Client } from '../src/client/client.ts'
import { type ClientSite, openClientSite, until } from './client-site.ts'
import { serveEcho, serveTcp } from './client-traffic.ts'

interface Stage {
  readonly site: ClientSite
  readonly client: Client
  /** One more session to the application, or to another port. @returns `ok`, or the code that the user is told. */
  ask(port?: number): Promise<string>
  open(port: number): Promise<net.Socket>
  change(kind: 'segment' | 'server-group', name: string, over: object): Promise<void>
}

async function stage(
  t: TestContext,
  { connectors = ['one'], clock = systemClock }: { connectors?: readonly string[]; clock?: Clock } = {},
): Promise<Stage> {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  for (const name of connectors) await site.connector(name)
  await site.signIn()
  const echo = await serveEcho()
  t.after(() => echo[Symbol.asyncDispose]())
  const { client } = await site.client({ clock })
  const [host, port] = client.proxyAddress!.split(':')
  const { objects } = site.site.control.store
  const open = async (to: number) => {
    const socket = net.connect({ host: host!, port: Number(port) })
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(`CONNECT localhost:${to} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    return socket
  }
  return {
    site,
    client,
    async ask(to = echo.port) {
      const socket = await open(to)
      const answer: Buffer = await new Promise((resolve) => socket.once('data', resolve))
      socket.destroy()
      const head = String(answer)
      return head.startsWith('HTTP/1.1 200') ? 'ok' : (/[A-Z]+_[A-Z_]+/.exec(head)?.[0] ?? head)
    },
    open,
    async change(kind, name, over) {
      const { id, spec } = await objects.get(kind, name)
      await objects.put({ kind, id, name, spec: { ...spec, ...over } as SegmentSpec & ServerGroupSpec })
    },
  }
}

const LOOPBACK = ['127.0.0.0/8', '::1/128']

for (const { what, wrong, right } of [
  { what: 'added', wrong: ['10.9.0.0/16'], right: ['10.9.0.0/16', ...LOOPBACK] },
  { what: 'corrected', wrong: ['127.0.0.9/32'], right: LOOPBACK },
]) {
  test(`a network of the segment that was ${what} counts for the very next session`, async (t) => {
    const { ask, change } = await stage(t)
    await change('segment', 'app', { addressCidrs: wrong })
    assert.equal(await ask(), 'ADDRESS_FORBIDDEN')
    assert.equal(await ask(), 'ADDRESS_FORBIDDEN')
    await change('segment', 'app', { addressCidrs: right })
    assert.equal(await ask(), 'ok')
  })
}

test('a rule that denies holds for the very next session', async (t) => {
  const { site, ask } = await stage(t)
  assert.equal(await ask(), 'ok')
  const { objects } = site.site.control.store
  const rule = await objects.get('access-rule', 'the rest')
  await objects.put({ ...rule, spec: { ...rule.spec, action: 'deny' } })
  assert.equal(await ask(), 'CLIENT_NOT_COVERED')
  await objects.put({ ...rule, spec: { ...rule.spec, action: 'allow' } })
  assert.equal(await ask(), 'ok')
})

test('a connector that is disabled is left at once for the other one, and taken again when it is back', async (t) => {
  const { site, client, ask } = await stage(t, { connectors: ['one', 'two'] })
  assert.equal(await ask(), 'ok')
  const [grant] = client.status().grants
  const { connectors } = site.site.control.store
  const record = await connectors.get(grant!.connector)
  await connectors.update(record.id, { enabled: false })
  assert.equal(await ask(), 'ok')
  assert.notEqual(client.status().grants[0]?.connector, grant!.connector)
})

test('a segment that is moved to other connectors is reached through those at once', async (t) => {
  const { site, client, ask, change } = await stage(t)
  const { objects } = site.site.control.store
  const empty = await objects.put({
    kind: 'connector-group',
    name: 'empty',
    spec: { description: '', enabled: true, location: '', region: '', connectorKind: 'app' },
  })
  assert.equal(await ask(), 'ok')
  await change('server-group', 'apps', { connectorGroups: [empty.id] })
  assert.equal(await ask(), 'NO_HEALTHY_CONNECTOR')
  await change('server-group', 'apps', { connectorGroups: [site.site.group] })
  assert.equal(await ask(), 'ok')
  assert.equal(client.status().grants.length, 1)
})

test('a session that asked and waited in vain lets the next one ask which connector is answered', async (t) => {
  let aheadMs = 0
  const clock: Clock = {
    nowMs: () => systemClock.nowMs() + aheadMs,
    monotonicUs: () => systemClock.monotonicUs() + aheadMs * 1000,
  }
  const { client, ask, open } = await stage(t, { clock })
  const silent = await serveTcp((socket) => void socket.resume())
  t.after(() => silent[Symbol.asyncDispose]())
  const isAsking = ({ bytesOut }: { bytesOut: number }) => bytesOut > 0
  const [waits, gaveUp] = [await open(silent.port), await open(silent.port)]
  for (const socket of [waits, gaveUp]) {
    await once(socket, 'data')
    socket.write('anybody?')
  }
  await until(() => [...client.opener.live].filter(isAsking).length === 2)
  const held = client.status().grants
  assert.equal(held.length, 1)
  const [before] = held
  aheadMs = 5000
  assert.equal(await ask(silent.port), 'ok')
  assert.notEqual(client.status().grants[0]?.id, before?.id, 'it has asked, though one still waits')
})
