import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { parseForward } from '../src/client/forward-spec.ts'
import { openClientSite, until } from './client-site.ts'
import { readAll, serveEcho } from './client-traffic.ts'

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
