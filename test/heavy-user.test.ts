import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { openClientSite, PASSWORD, USER } from './client-site.ts'
import { placeOf, RogueAgent, signInDevice } from './misuse-agent.ts'

/** Those who do much and no harm: no share may be in their way. */

async function application(t: TestContext): Promise<number> {
  const sockets: net.Socket[] = []
  const server = net.createServer((socket) => sockets.push(socket.on('error', () => {})))
  server.listen({ port: 0, host: '0.0.0.0', backlog: 4096 })
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as net.AddressInfo).port
}

/** CONNECT to `to` by the local proxy. @returns its answer; the connection stays. */
async function connect(t: TestContext, proxy: string, to: string): Promise<string> {
  const [host, port] = proxy.split(':')
  const socket = net.connect({ host, port: Number(port) }).on('error', () => {})
  t.after(() => socket.destroy())
  socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return answer.toString()
}

test('a load test with 1 000 connections, and a browser with 300 new places at once, meet no share', async (t) => {
  const opened = await openClientSite()
  t.after(() => opened[Symbol.asyncDispose]())
  const { objects } = opened.site.control.store
  const servers = await objects.find('server-group', 'apps')
  await objects.put({
    ...{ kind: 'segment', name: 'many' },
    spec: {
      ...{ description: '', enabled: true, domains: [], cidrs: ['127.1.0.0/16'], tcp: ['1-65535'], udp: [] },
      ...{ health: 'none', addressCidrs: ['127.1.0.0/16'], serverGroups: [servers!.id] },
    },
  })
  const port = await application(t)
  await opened.connector('connector')
  await opened.signIn()
  const { client } = await opened.client()
  const proxy = client.status().proxy!
  const load = await Promise.all(Array.from({ length: 1000 }, () => connect(t, proxy, `localhost:${port}`)))
  const places = await Promise.all(
    Array.from({ length: 300 }, (_, n) => connect(t, proxy, `127.1.${n >> 8}.${n & 255}:${port}`)),
  )
  for (const answer of [...load, ...places]) assert.match(answer, /^HTTP\/1\.1 200 /)
})

test('forty devices of one user that return at once after an outage are all welcomed', async (t) => {
  const opened = await openClientSite()
  t.after(() => opened[Symbol.asyncDispose]())
  const place = placeOf(opened.site)
  const devices = []
  for (let n = 0; n < 40; n++) devices.push(await signInDevice(place, { user: USER, password: PASSWORD }))
  const back = await Promise.all(devices.map((device) => RogueAgent.connect(place, device)))
  for (const agent of back) {
    assert.equal(agent.channel.isOpen, true)
    await agent[Symbol.asyncDispose]()
  }
})
