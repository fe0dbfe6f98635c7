/** A hostile edge, or one that is broken: it takes halves of pipes, and no pipe comes of it. Another edge has to do. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'
import type { Credentials } from '../../src/link/dial/credentials.ts'
import { ALPN_PIPE, HANDOVER_OK } from '../../src/wire/handover.ts'
import { openClientSite, until } from '../client-site.ts'
import { read, serveEcho } from '../client-traffic.ts'
import { Distances } from '../distances.ts'
import { placeOf, RogueAgent } from '../misuse-agent.ts'
import { enrolEdge } from '../rogue-edge.ts'

/** To the edge next to the control plane. */
const FAR_MS = 60

interface DeadEnd extends AsyncDisposable {
  readonly port: number
  /** Halves. */
  taken: number
}

/** @param answer To each half, before the connection is cut. */
async function openDeadEnd({ keyPem, certificate }: Credentials, answer: Buffer): Promise<DeadEnd> {
  const server = tls.createServer({
    ...{ key: keyPem, cert: certificate, minVersion: 'TLSv1.3', ALPNProtocols: [ALPN_PIPE] },
    ...{ requestCert: true, rejectUnauthorized: false },
  })
  const open = new Set<net.Socket>()
  server.on('connection', (socket: net.Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.on('tlsClientError', () => {})
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      deadEnd.taken++
      socket.write(answer, () => socket.destroy())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const deadEnd: DeadEnd = {
    port: (server.address() as net.AddressInfo).port,
    taken: 0,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
  return deadEnd
}

const refusal = (code: string) => Buffer.from([code.length, ...Buffer.from(code)])

for (const [does, answer, code] of [
  ['takes halves and cuts them', Buffer.of(HANDOVER_OK), 'TUNNEL_LOST'],
  ['calls each ticket used', refusal('TICKET_INVALID'), 'TICKET_INVALID'],
] as const) {
  test(`an edge next door that ${does} loses its pipes to another`, async () => {
    await using opened = await openClientSite()
    const { site } = opened
    const { objects } = site.control.store
    const credentials = await enrolEdge(site, 'near')
    const { id } = credentials.identity
    await using deadEnd = await openDeadEnd(credentials, answer)
    const near = await objects.get('edge', id)
    await objects.put({ ...near, spec: { ...near.spec, host: '127.0.0.1', port: deadEnd.port } })
    await using _edge = await RogueAgent.connect(placeOf(site), credentials, { role: 'edge' })
    await using proxy = await Distances.open()
    proxy.lateMs.set(site.edge.port, FAR_MS)
    const proxyFile = path.join(site.dir, 'way-out')
    await writeFile(proxyFile, `127.0.0.1:${proxy.port}\n`)

    const { connector } = await opened.connector('connector', { proxyFile })
    await opened.signIn()
    const { client } = await opened.client({ proxyFile })
    await using echo = await serveEcho()
    const [host, port] = client.proxyAddress!.split(':')
    const session = async () => {
      const socket = net.connect({ host: host!, port: Number(port) })
      socket.on('error', () => {})
      socket.write(`CONNECT localhost:${echo.port} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      const answered = String(await read(socket, 12))
      socket.destroy()
      return answered
    }
    const toldBy = () => {
      const agents = [
        site.control.presence.connector(connector.status().id!),
        ...site.control.presence.allClients(),
      ]
      return agents.map((agent) => agent?.edges.get(id))
    }
    await until(() => toldBy().length === 2 && toldBy().every((told) => told !== undefined))
    // It is left alone with the control connection, too, which may be on its way back.
    await until(async () => (await session()) === 'HTTP/1.1 200')
    assert.ok(deadEnd.taken > 0, 'it was the nearest')
    assert.ok(
      toldBy().some((told) => told?.code === code),
      'and is no more',
    )
  })
}
