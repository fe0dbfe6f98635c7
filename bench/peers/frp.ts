/**
 * frp: frpc (visitor) → frps → frpc (stcp proxy), TLS with certificates checked on both sides of each hop.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Children } from '../children.ts'
import type { Path, Peer, Site } from '../path.ts'
import { freePort } from '../ports.ts'
import { chainLinks, entrances, type Link } from './chain.ts'

export const frp: Peer = {
  name: 'frp',
  title: 'frp, stcp over TLS',
  protection: 'each hop, decrypted at the edge',
  commands: ['frps', 'frpc'],
  packages: [],
  version: ['frps', '--version'],
  lacks: 'users, policy, records; secrecy from the edge',
  start,
}

const SECRET = 'only-for-the-bench'

async function start({ dir, certificates: { authority, user, far }, application }: Site): Promise<Path> {
  await using opening = new AsyncDisposableStack()
  const children = opening.use(new Children(dir))
  const links = await chainLinks(application.at)
  const port = await freePort()
  const write = (name: string, text: string) => {
    const file = path.join(dir, `${name}.toml`)
    writeFileSync(file, text)
    return file
  }
  const leaf = ({ certificate, key }: { certificate: string; key: string }) => `
transport.tls.certFile = "${certificate}"
transport.tls.keyFile = "${key}"
transport.tls.trustedCaFile = "${authority}"
log.level = "error"
auth.token = "${SECRET}"
`
  const toEdge = `serverAddr = "127.0.0.1"
serverPort = ${port}
loginFailExit = false
transport.poolCount = 5
transport.tls.enable = true
transport.tls.serverName = "localhost"
`
  const serve = `bindAddr = "127.0.0.1"\nbindPort = ${port}\ntransport.tls.force = true${leaf(far)}`
  const edge = children.start('edge', ['frps', '-c', write('edge', serve)])
  await children.listening(edge, { host: '127.0.0.1', port })
  const connector = children.start('connector', [
    'frpc',
    '-c',
    write('connector', `${toEdge}${leaf(far)}${links.map(proxy).join('')}`),
  ])
  const client = children.start('client', [
    'frpc',
    '-c',
    write('client', `${toEdge}${leaf(user)}${links.map(visitor).join('')}`),
  ])
  await children.listening(client, { host: '127.0.0.1', port: links[0]!.user })
  opening.move()
  return {
    to: entrances(links),
    processes: { client: [client.pid], edge: [edge.pid], connector: [connector.pid] },
    children,
    [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
  }
}

function proxy({ service, application }: Link): string {
  return `
[[proxies]]
name = "${service}"
type = "stcp"
secretKey = "${SECRET}"
localIP = "${application.host}"
localPort = ${application.port}
`
}

function visitor({ service, user }: Link): string {
  return `
[[visitors]]
name = "${service}-visitor"
type = "stcp"
serverName = "${service}"
secretKey = "${SECRET}"
bindAddr = "127.0.0.1"
bindPort = ${user}
`
}
