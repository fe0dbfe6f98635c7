import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import type { Client } from '../src/client/client.ts'
import { openClientSite, until } from './client-site.ts'
import { read, serveEcho } from './client-traffic.ts'

/** A session through the local proxy of the client, as curl or ssh would open it. */
async function connect(client: Client, port: number): Promise<{ socket: net.Socket; status: number }> {
  const [host, proxyPort] = client.proxyAddress!.split(':')
  const socket = net.connect({ host: host!, port: Number(proxyPort), allowHalfOpen: true })
  socket.on('error', () => {}) // cut at the end of the drain
  socket.write(`CONNECT localhost:${port} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`)
  const status = Number((await read(socket, 12)).toString().split(' ')[1])
  if (status === 200) for (let end = ''; !end.endsWith('\r\n\r\n'); ) end += await read(socket, 1)
  return { socket, status }
}

async function echoed(socket: net.Socket, text: string): Promise<string> {
  socket.write(text)
  return (await read(socket, text.length)).toString()
}

test('a connector that stops lets its sessions end, takes no new ones, and another one takes those', async () => {
  await using site = await openClientSite()
  await using echo = await serveEcho()
  const leaving = await site.connector('leaving')
  await site.signIn()
  const { client } = await site.client()
  const { socket: old } = await connect(client, echo.port)
  assert.equal(await echoed(old, 'before'), 'before')
  await site.connector('staying')

  const stopped = leaving.stop()
  await until(() => [...site.site.control.presence.connectors()].some((one) => one.state === 'draining'))
  assert.equal(await echoed(old, 'while draining'), 'while draining')
  const { socket: fresh, status } = await connect(client, echo.port)
  assert.equal(status, 200)
  assert.equal(await echoed(fresh, 'through the other'), 'through the other')

  const ended = once(old, 'end')
  old.end()
  await ended
  await stopped
  assert.equal(await echoed(fresh, 'still'), 'still')
  fresh.destroy()
})

test('a revoked connector loses control, its tunnels and sessions', async () => {
  await using site = await openClientSite()
  await using echo = await serveEcho()
  await site.connector('connector')
  await site.signIn()
  const { client } = await site.client()
  const { socket } = await connect(client, echo.port)
  assert.equal(await echoed(socket, 'before'), 'before')
  const cut = new Promise((resolve) => socket.once('close', resolve))
  const { connectors } = site.site.control.store
  const [record] = await connectors.all()
  await connectors.update(record!.id, { enabled: false })
  await until(() => [...site.site.control.presence.connectors()].length === 0)
  socket.resume()
  await cut
})
