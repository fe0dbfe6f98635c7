import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { openClientSite, until } from './client-site.ts'
import { read, serveEcho } from './client-traffic.ts'
import { ConnectorProcess } from './connector-process.ts'

/** It opens nothing more: the lowest number that is free is the first it may not have. */
function spendDescriptors(pid: number): void {
  let free = 0
  while (existsSync(`/proc/${pid}/fd/${free}`)) free++
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${free}:`])
}

test('a session that failed over is one record: how it ended for its user, and every attempt in it', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  const start = async (name: string) => {
    const keyFile = await site.site.keyFile()
    const stateDir = path.join(site.site.dir, name)
    // One process: whose descriptors are spent is whose sessions fail.
    const connector = new ConnectorProcess({ stateDir, keyFile, flags: ['--workers', '1'] })
    t.after(() => connector[Symbol.asyncDispose]())
    await connector.event('connector.healthy')
    return { pid: connector.pid!, id: String((await connector.event('connector.identity')).connector) }
  }
  const first = await start('first')
  await site.signIn()
  const echo = await serveEcho()
  t.after(() => echo[Symbol.asyncDispose]())
  const { client } = await site.client()
  const ask = async () => {
    const [host, port] = client.proxyAddress!.split(':')
    const socket = net.connect({ host: host!, port: Number(port) })
    socket.write(`CONNECT localhost:${echo.port} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    const answer = String(await read(socket, 12))
    socket.destroy()
    return answer
  }
  assert.equal(await ask(), 'HTTP/1.1 200')
  const second = await start('second')
  const { sessions } = site.site.control.store
  const list = (filter = {}) => sessions.list({ limit: 10 }, filter)
  await until(async () => (await list()).items[0]?.sides.connector?.state === 'closed')

  spendDescriptors(first.pid)
  assert.equal(await ask(), 'HTTP/1.1 200', 'its user noticed nothing')

  await until(async () => (await list()).items[0]?.sides.connector?.state === 'closed')
  await until(async () => (await list()).items[0]?.attempts?.[0]?.sides.connector !== undefined)
  const { items } = await list()
  assert.equal(items.length, 2, 'the session before, and this one')
  const [record] = items
  assert.equal(record!.closeReason, 'done')
  assert.equal(record!.connector, second.id)
  const { tunnels } = client.status()
  const through = tunnels.find(({ connector }) => connector === second.id)
  assert.equal(through?.connectorName, record!.connectorName, 'people read names')
  const [attempt] = record!.attempts!
  assert.equal(record!.attempts!.length, 1)
  assert.equal(attempt!.closeReason, 'FD_EXHAUSTED')
  assert.equal(attempt!.connector, first.id)

  // Whoever looks at the connector, or has the id from its log, finds what failed there, and what came of it.
  const there = (await list({ connector: first.id })).items
  assert.equal(there[0]!.id, attempt!.id)
  assert.equal((await sessions.get(attempt!.id))!.continuedAs, record!.id)
})
