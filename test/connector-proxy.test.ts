import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { readStatus } from '../src/base/status-socket.ts'
import type { ConnectorStatus } from '../src/connector/status.ts'
import { ConnectorProcess } from './connector-process.ts'
import { openSite } from './site.ts'

const LOGIN = `Basic ${Buffer.from('proxy-user:proxy-password').toString('base64')}`

/** A forward proxy that wants a login: counts what it let through, and to where. */
async function forwardProxy(t: TestContext) {
  const through: string[] = []
  const sockets = new Set<net.Socket>()
  const server = http.createServer()
  server.on('connect', (request, near: net.Socket) => {
    sockets.add(near)
    near.on('error', () => {})
    if (request.headers['proxy-authorization'] !== LOGIN) {
      near.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n')
      return
    }
    through.push(request.url ?? '')
    const [host, port] = (request.url ?? '').split(':')
    const far = net.connect({ host: host!, port: Number(port), allowHalfOpen: true, noDelay: true })
    sockets.add(far)
    far.on('error', () => near.destroy())
    near.on('close', () => far.destroy())
    far.on('connect', () => {
      near.write('HTTP/1.1 200 Connection established\r\n\r\n')
      near.pipe(far)
      far.pipe(near)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { through, port: (server.address() as net.AddressInfo).port }
}

test('all edge traffic goes through the proxy of the proxy file: enrolment, control, both halves of the canary', async (t) => {
  await using site = await openSite()
  const proxy = await forwardProxy(t)
  const proxyFile = path.join(site.dir, 'proxy')
  const stateDir = path.join(site.dir, 'connector')
  await writeFile(proxyFile, `proxy-user:proxy-password@127.0.0.1:${proxy.port}\n`, { mode: 0o600 })
  await writeFile(`${stateDir}.yaml`, `proxyFile: ${proxyFile}\n`)
  await using connector = new ConnectorProcess({ stateDir, keyFile: await site.keyFile() })
  await connector.event('connector.healthy')
  // And beside these four, how far the edge is.
  assert.ok(proxy.through.length >= 4)
  assert.deepEqual([...new Set(proxy.through)], [`127.0.0.1:${site.edge.port}`])
  const status = (await readStatus(path.join(stateDir, 'status.sock'))) as ConnectorStatus
  assert.match(status.egress ?? '', new RegExp(`proxy 127\\.0\\.0\\.1:${proxy.port}`))
  assert.match(status.egress ?? '', new RegExp(`file ${proxyFile}`))
  const said = [JSON.stringify(status), ...connector.lines.map((line) => JSON.stringify(line))].join('\n')
  assert.ok(
    !said.includes('proxy-password') && !said.includes(LOGIN),
    'the password is in no log line and no status',
  )
})

test('a proxy that wants another login is PROXY_AUTH at stage 3, and correcting the file is enough', async (t) => {
  await using site = await openSite()
  const proxy = await forwardProxy(t)
  const proxyFile = path.join(site.dir, 'proxy')
  const stateDir = path.join(site.dir, 'connector')
  const keyFile = await site.keyFile()
  await writeFile(proxyFile, `127.0.0.1:${proxy.port}\n`)
  await writeFile(`${stateDir}.yaml`, `proxyFile: ${proxyFile}\n`)
  await using connector = new ConnectorProcess({ stateDir, keyFile })
  const failed = await connector.event('bring-up.failed')
  assert.equal(failed.code, 'PROXY_AUTH')
  assert.equal(failed.stage, 3)
  await writeFile(proxyFile, `proxy-user:proxy-password@127.0.0.1:${proxy.port}\n`)
  await connector.event('connector.healthy')
})
