import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { parseForward } from '../src/client/address/forward-spec.ts'
import { openClientSite, until } from './client-site.ts'
import { read, readAll, serveEcho } from './client-traffic.ts'

test('a connector that does not get to an application is not taken for granted: the next session asks again', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.connector('connector')
  await site.signIn()
  const echo = await serveEcho()
  const forwards = [parseForward(`127.0.0.1:0 localhost:${echo.port}`)]
  const { client } = await site.client({ forwards })
  const ask = async () => {
    const { local } = client.status().forwards[0]!
    const at = local.lastIndexOf(':')
    const socket = net.connect({ host: local.slice(0, at), port: Number(local.slice(at + 1)) })
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.end('1')
    return readAll(socket).then(String, () => '')
  }
  assert.equal(await ask(), '1')
  assert.equal(client.status().grants.length, 1)
  await echo[Symbol.asyncDispose]()
  assert.equal(await ask(), '')
  await until(() => client.status().grants.length === 0)
})

test('a session that is asked for while the control connection is being closed waits for the next one', async (t) => {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  await site.connector('connector')
  await site.signIn()
  const { client } = await site.client()
  const echoes = [await serveEcho(), await serveEcho(), await serveEcho()]
  t.after(() => Promise.all(echoes.map((echo) => echo[Symbol.asyncDispose]())))
  const [host, port] = client.proxyAddress!.split(':')
  for (const echo of echoes) {
    const socket = net.connect({ host: host!, port: Number(port) })
    socket.on('error', () => {})
    socket.write(`CONNECT localhost:${echo.port} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    for (const { channel } of site.site.control.presence.allClients()) channel.close()
    assert.equal(String(await read(socket, 12)), 'HTTP/1.1 200')
    socket.destroy()
  }
})
